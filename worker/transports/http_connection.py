"""aiohttp's connection with bounds of our own on what a server may send, whatever form it gives it.

aiohttp bounds what it keeps: lines, headers, the body that is not read yet. What it reads and throws away (chunk
extensions, line ends before the status, spaces before a value) and the number of interim answers it does not; a server
that never stops with these would keep a processor busy until the attempt's time is over.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

MAX_BODY_BYTES: Final = 65_536
MAX_ANSWER_BYTES: Final = 1_048_576
"""Of one answer with all that stands around its body."""
MAX_LINE_BYTES: Final = 8190
"""The status line, or a header: what Apache takes of a request, too."""
MAX_HEADERS: Final = 128
MAX_INTERIM: Final = 10
"""How many interim answers (RFC 9110 section 15.2) may come before the answer."""
TOO_MANY_INTERIM: Final = f"more than {MAX_INTERIM} interim answers came, and no other"


class TooMuch(aiohttp.ClientError):
    """A server went beyond a bound; the text says which."""


class BoundedConnection(ResponseHandler):
    """Breaks off where more comes after a request than any answer needs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._left = MAX_ANSWER_BYTES

    def expect(self, *, body: bool) -> None:
        """A request goes out; what comes from now on is its answer."""
        self._left = MAX_ANSWER_BYTES
        self.set_response_params(
            skip_payload=not body,
            read_until_eof=True,
            read_bufsize=MAX_BODY_BYTES,
            auto_decompress=False,  # `Answer` does it, with its own bound
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
        )

    def data_received(self, data: bytes) -> None:
        """Count it first; one call brings 256 KiB at the most."""
        self._left -= len(data)
        if self._left < 0:
            self._break_off(f"the answer has more than {MAX_ANSWER_BYTES // 1024} KiB around its body")
            return
        ResponseHandler.data_received(self, data)  # every answer comes by here, and `super()` takes its time
        if self._exception is not None:
            self._end_body(self._exception)
        elif len(self._buffer) > MAX_INTERIM:
            self._break_off(TOO_MANY_INTERIM)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Whoever waits for the rest of a body must not wait on."""
        body = self._payload
        super().connection_lost(exc)
        if body is not None and body.exception() is not None:
            body.feed_eof()

    def _break_off(self, why: str) -> None:
        fault = TooMuch(why)
        self.set_exception(fault)
        self._end_body(fault)
        if self.transport is not None:
            self.transport.abort()

    def _end_body(self, fault: BaseException) -> None:
        """Of a fault aiohttp tells who waits for an answer, and not who waits for the rest of its body.

        Nor does it wake who was woken a moment ago, by a chunk's end, and is about to wait again: hence the end.
        """
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(fault)
            self._payload.feed_eof()
