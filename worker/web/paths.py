"""Paths of this console: made of names, and told from addresses that lead elsewhere."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

FIRST = "/apps"


def path_of(*parts: str) -> str:
    """`/events/checkout/an%2Fid`: each part in its place, whatever characters it has."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def own_path(text: str) -> str:
    """`text` where it is a path of this console, and else the first page: never another site (open redirects).

    Browsers take a backslash for a slash and skip tabs and line ends, so neither may be in it.
    https://url.spec.whatwg.org/#url-parsing
    """
    plain = text.isprintable() and text.isascii() and "\\" not in text and " " not in text
    if not plain or not text.startswith("/") or text.startswith("//"):
        return FIRST
    try:
        parts = urlsplit(text)
    except ValueError:
        return FIRST
    return text if not parts.scheme and not parts.netloc else FIRST
