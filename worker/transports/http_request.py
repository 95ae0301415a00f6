"""A message as aiohttp's request, without what Bellhop never sends: forms, files, cookies, compressed bodies.

aiohttp's own makes a payload object and a task for each body, and copies headers one by one. A subclass is its public
way to do less: https://docs.aiohttp.org/en/stable/client_reference.html (`request_class`).
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http import StreamWriter
from multidict import CIMultiDict

from worker.messages import HttpPost

try:
    USER_AGENT = f"Bellhop/{version('bellhop')}"
except PackageNotFoundError:  # run from a source tree that is not installed
    USER_AGENT = "Bellhop/0"

ALWAYS = CIMultiDict(
    {
        hdrs.HOST: "",  # the first, as RFC 9110 section 7.2 asks
        hdrs.USER_AGENT: USER_AGENT,
        hdrs.ACCEPT: "*/*",
        # Answers are short: compressed ones would only cost time, and a bomb is not asked for.
        hdrs.ACCEPT_ENCODING: "identity",
    }
)

NO_TIMER = TimerNoop()
AT_ONCE_BYTES = 16_384
"""A longer body may not fit into the socket's buffer, and its rest would stay in a connection that is used again."""


class Request(aiohttp.ClientRequest):
    """Takes an HttpPost as its `data` and has headers and body from there."""

    _text = b""

    def update_headers(self, headers: Any) -> None:  # noqa: ARG002 - aiohttp's parameter
        """Those that every request has."""
        self.headers = ALWAYS.copy()
        self.headers[hdrs.HOST] = self.url.host_port_subcomponent or ""

    def update_auto_headers(self, skip_auto_headers: Any) -> None:
        """They are there already."""

    def update_expect_continue(self, expect: bool = False) -> None:  # noqa: FBT001, FBT002 - aiohttp's parameter
        """Nobody waits for a 100: bodies are short."""

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """The message's own headers, and its body kept as it is."""
        if not isinstance(body, HttpPost):
            return super().update_body_from_data(body, _stacklevel)
        self._text = body.body
        self.headers.update(body.headers)
        if body.body or self.method not in self.GET_METHODS:
            self.headers[hdrs.CONTENT_LENGTH] = str(len(body.body))
        return None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write head and body at once, without a task for it; what is long or has to wait goes aiohttp's own way."""
        protocol = conn.protocol
        if protocol is None or protocol.writing_paused or len(self._text) > AT_ONCE_BYTES:
            await self.update_body(self._text)
            return await super().send(conn)
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write_eof(self._text)
        return self.response_class(
            self.method,
            self.url,
            writer=None,
            continue100=None,
            timer=NO_TIMER,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=self.session,
            stream_writer=writer,
        )
