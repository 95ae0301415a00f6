"""An alert in Slack's own markup. Nothing of an event's can mention anybody or break out of a link.

https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from worker.channels.wording import clip, clip_escaped, headline, one_line, paragraphs, web_links, within
from worker.models import Link, Notice, Severity

TEXT_CHARS = 3000
"""As for a section's text; a web hook refuses more than about 13,200 characters in all.

https://github.com/slackapi/bolt-js/issues/2509
"""
WORDS_CHARS, FOOTER_CHARS, LINK_TEXT_CHARS = 2000, 300, 150

COLOURS = {
    Severity.INFO: "#439fe0",
    Severity.WARNING: "#daa038",
    Severity.ERROR: "#d9534f",
    Severity.CRITICAL: "#a30200",
}
RESOLVED_COLOUR = "#2eb886"


def escape(text: str) -> str:
    """The three characters that mean something to Slack: without `<` there is no `<!channel>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def headline_text(notice: Notice) -> str:
    """The line above the coloured bar, which notifications show."""
    return clip_escaped(escape(one_line(headline(notice.event, test=notice.test))), TEXT_CHARS)


def attachment(notice: Notice) -> dict[str, Any]:
    """What stands beside the coloured bar: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments."""
    event = notice.event
    shown: dict[str, Any] = {
        "color": COLOURS[event.severity] if event.firing else RESOLVED_COLOUR,
        "fallback": headline_text(notice),
        "text": _text(notice),
        "mrkdwn_in": ["text"],
        "footer": clip(f"Bellhop · {event.app}", FOOTER_CHARS),
        "ts": int(event.occurred_at),
    }
    if notice.picture and notice.picture.url:
        # Not an image block: a message with one whose image Slack cannot fetch just then is refused, and the alert
        # with it. https://github.com/slackapi/java-slack-sdk/issues/1396
        shown["image_url"] = notice.picture.url
    return shown


def _text(notice: Notice) -> str:
    text = clip_escaped(within(notice, WORDS_CHARS, _words), WORDS_CHARS)
    for link in web_links(notice.event):
        line = f"\n{_link(link)}"
        if len(text) + len(line) <= TEXT_CHARS:
            text += line
    return text


def _words(notice: Notice) -> str:
    return escape("\n".join(paragraphs(notice)))


def _link(link: Link) -> str:
    """`<address|text>`; what would end either of them early is encoded."""
    href = escape(quote(link.href, safe="/%:@!$&'()*+,;=~?#[]"))
    text = clip_escaped(escape(one_line(link.text)), LINK_TEXT_CHARS)
    return f"<{href}|{text}>" if text else f"<{href}>"
