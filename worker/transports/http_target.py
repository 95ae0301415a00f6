"""Where an HTTP request goes and what it says of itself: of an address, all that is the same for every alert."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from aiohttp import encode_basic_auth, hdrs
from multidict import CIMultiDict
from yarl import URL

from worker.messages import HttpPost
from worker.version import VERSION

KNOWN_ADDRESSES = 10_000
"""How many addresses are kept parsed. A destination's is the same for every alert, as a rule."""
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods that say nothing of a body that they do not have (RFC 9110 section 8.6)."""
_WRITABLE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")

USER_AGENT = f"Bellhop/{VERSION}"


class Target:
    """An address, taken apart. `origin` is scheme, host and port, `path` what follows them, as it is sent."""

    __slots__ = ("_fixed", "_fixed_for", "_headers", "origin", "path", "tls")

    def __init__(self, url: URL) -> None:
        self.origin = url.origin()
        self.path = url.raw_path_qs
        self.tls = url.scheme == "https"
        self._headers = CIMultiDict(
            {
                hdrs.HOST: url.host_port_subcomponent or "",  # the first, as RFC 9110 section 7.2 asks
                hdrs.USER_AGENT: USER_AGENT,
                hdrs.ACCEPT: "*/*",
                # Answers are short: compressed ones would only cost time, and a bomb is not asked for.
                hdrs.ACCEPT_ENCODING: "identity",
            }
        )
        self._fixed = b""
        self._fixed_for: tuple[str, Mapping[str, str]] | None = None
        if url.raw_user or url.raw_password:
            self._headers[hdrs.AUTHORIZATION] = encode_basic_auth(url.user or "", url.password or "")

    def head(self, message: HttpPost) -> bytes:
        """The request line and all headers; ValueError where one cannot be written.

        Of most channels' messages only the length changes, so the last head is kept for those with the same headers.
        """
        if self._fixed_for is None or self._fixed_for[1] is not message.headers or self._fixed_for[0] != message.method:
            self._fixed = self._written(message)
            self._fixed_for = (message.method, message.headers)
        if message.body or message.method not in WITHOUT_BODY:
            return b"%b%b: %d\r\n\r\n" % (self._fixed, b"Content-Length", len(message.body))
        return self._fixed + b"\r\n"

    def _written(self, message: HttpPost) -> bytes:
        """A message's own headers take the place of those that all have."""
        headers = self._headers.copy()
        headers.update(message.headers)
        headers.pop(hdrs.CONTENT_LENGTH, None)
        lines = [f"{message.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        # A line end within one would begin another header: RFC 9110 section 5.5.
        if any(not _WRITABLE.match(line) for line in lines):
            raise ValueError("a header holds a control character")
        return ("\r\n".join(lines) + "\r\n").encode()


@lru_cache(KNOWN_ADDRESSES)
def target_of(text: str) -> Target:
    """What `text` means; ValueError where it is no usable http:// or https:// address."""
    # What is written as %2F must arrive as %2F (HipChat's room names), so an address is sent as it stands.
    url = URL(text, encoded=text.isascii())
    if url.scheme not in {"http", "https"} or not url.host or _UNPRINTABLE.search(text):
        raise ValueError("not a usable address")
    return Target(url)
