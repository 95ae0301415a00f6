"""What a mail says: plain text, and HTML with a picture of the metric in it.

RFC 2046 section 5.1.4 (the preferred part last), RFC 2387 (parts that belong together), RFC 2392 (their names).
"""

from __future__ import annotations

import html
from email.message import EmailMessage

from worker.channels.colours import colour_of
from worker.channels.wording import headline, one_line, paragraphs, plain, printable, web_links
from worker.models import Notice, Picture


def add_body(message: EmailMessage, notice: Notice, identity: str, domain: str) -> None:
    """Give a message its parts; `identity`, hexadecimal, and the domain make their names."""
    picture = notice.picture if notice.picture and notice.picture.png else None
    content_id = f"picture-{identity}@{domain}"
    message.set_content(_clean(plain(notice)), charset="utf-8", cte="quoted-printable")
    message.add_alternative(
        _html(notice, _image(picture, content_id)), subtype="html", charset="utf-8", cte="quoted-printable"
    )
    # `=_` cannot occur in quoted-printable text (RFC 2045 section 6.7), and composing stays without chance.
    message.set_boundary(f"=_{identity}")
    if picture is not None:
        _add_picture(message, picture, identity, content_id)


def _add_picture(message: EmailMessage, picture: Picture, identity: str, content_id: str) -> None:
    """Beside the HTML, which names it."""
    shown = message.get_body(("html",))
    if isinstance(shown, EmailMessage):
        shown.add_related(
            picture.png, "image", "png", cid=f"<{content_id}>", disposition="inline", filename="metric.png"
        )
        shown.set_boundary(f"=_p{identity}")  # neither boundary begins like the other


def _image(picture: Picture | None, content_id: str) -> list[str]:
    if picture is None:
        return []
    alt, style = _escape(picture.alt), "max-width: 100%; height: auto"
    return [f'<p><img src="cid:{content_id}" alt="{alt}" width="640" height="320" style="{style}"></p>']


def _html(notice: Notice, image: list[str]) -> str:
    parts = [f"<p>{_lines(part)}</p>" for part in paragraphs(notice)]
    links = [f'<li><a href="{_escape(link.href)}">{_escape(link.text)}</a></li>' for link in web_links(notice.event)]
    if links:
        parts.append(f"<ul>\n{chr(10).join(links)}\n</ul>")
    title = _escape(headline(notice.event, test=notice.test))
    body = "\n".join([f'<h2 style="color: {colour_of(notice.event)}">{title}</h2>', *image, *parts])
    return f'<!DOCTYPE html>\n<html><body style="font-family: sans-serif">\n{body}\n</body></html>\n'


def _escape(text: str) -> str:
    return html.escape(one_line(text))


def _lines(text: str) -> str:
    return "<br>\n".join(html.escape(line) for line in _clean(text).split("\n"))


def _clean(text: str) -> str:
    return printable(text.replace("\r\n", "\n"), also="\n\t")
