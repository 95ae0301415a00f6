"""HipChat's HTML messages and cards, each field within its limit.

https://github.com/jenkinsci/hipchat-plugin/tree/master/src/main/resources/schema (notification, card)
"""

from __future__ import annotations

from html import escape
from typing import Any

from worker.channels.channel import digest
from worker.channels.wording import clip, clip_escaped, headline, one_line, paragraphs, web_links, within
from worker.models import Event, Notice, Severity

LINES_CHARS = 7000
"""What the words of an HTML message may take; the rest is for its links, which are never cut inside their tags."""
TITLE_CHARS, DESCRIPTION_CHARS, LABEL_CHARS, VALUE_CHARS, ATTRIBUTES = 500, 1000, 50, 200, 10
THUMBNAIL_URL_CHARS = 250


def html_message(notice: Notice, limit: int) -> str:
    """The alert as HTML with all of its text escaped, in at most `limit` characters and with every tag closed."""
    head = clip_escaped(escape(headline(notice.event, test=notice.test)), limit - LINES_CHARS - len("<b></b><br>"))
    lines = within(notice, LINES_CHARS, _lines)
    if len(lines) > LINES_CHARS:  # tags without end: then without line ends, so that no `<br>` is cut
        lines = clip_escaped(escape(one_line(_text(notice))), LINES_CHARS)
    message = f"<b>{head}</b><br>{lines}"
    for anchor in _anchors(notice.event):
        if len(message) + len(anchor) + len("<br>") <= limit:
            message += f"<br>{anchor}"
    return message


def _lines(notice: Notice) -> str:
    return escape(_text(notice)).replace("\n", "<br>")


def _text(notice: Notice) -> str:
    return "\n".join(paragraphs(notice))


def _anchors(event: Event) -> list[str]:
    return [f'<a href="{escape(link.href)}">{escape(one_line(link.text))}</a>' for link in web_links(event)]


def card(notice: Notice) -> dict[str, Any]:
    """The card beside an HTML message: what happened, and up to ten facts."""
    event = notice.event
    title = one_line(headline(event, test=notice.test))
    shown: dict[str, Any] = {
        "style": "application",
        "format": "medium",
        "id": digest(notice.delivery_id)[:32],  # a string: a number is refused
        "title": clip(title, TITLE_CHARS),
        "description": {"format": "text", "value": clip(within(notice, DESCRIPTION_CHARS, _text), DESCRIPTION_CHARS)},
        "attributes": _attributes(event),
    }
    if links := web_links(event):
        shown["url"] = links[0].href
    if notice.picture and 0 < len(notice.picture.url) <= THUMBNAIL_URL_CHARS:
        shown["thumbnail"] = {"url": notice.picture.url, "width": 1280, "height": 640}
    return shown


_LOZENGES = {
    Severity.INFO: "lozenge",
    Severity.WARNING: "lozenge-current",
    Severity.ERROR: "lozenge-error",
    Severity.CRITICAL: "lozenge-error",
}


def _attributes(event: Event) -> list[dict[str, Any]]:
    style = _LOZENGES[event.severity] if event.firing else "lozenge-success"
    state = event.severity.value if event.firing else event.status.value
    named = {"app": event.app, "rule": event.rule, "source": event.source, **event.tags}
    facts = [
        {"label": clip(label, LABEL_CHARS), "value": {"label": clip(value, VALUE_CHARS)}}
        for name, text in named.items()
        if (label := one_line(name)) and (value := one_line(text))
    ]
    return [{"label": "state", "value": {"label": state, "style": style}}, *facts[: ATTRIBUTES - 1]]
