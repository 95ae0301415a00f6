"""HTTP requests over aiohttp's connections: its pool, its TLS, its parser. Nothing is followed, kept or sent twice.

What lies above them, aiohttp's session, is for cookies, redirects, proxies, forms, uploads and retries. Bellhop wants
none of these, and they are half of the processor time of a post (`python -m benchmarks.post`). The price: of what is
used here, aiohttp's documentation names only a part, so a new minor version of it may need a change; its tests tell.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from functools import lru_cache
from typing import Final, Literal

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from yarl import URL

from worker.messages import HttpPost, Reply
from worker.transports.addresses import Guard
from worker.transports.deadlines import Deadlines
from worker.transports.faults import bad_address, no_tls
from worker.transports.http_answer import Answer
from worker.transports.http_connection import (
    MAX_BODY_BYTES,
    MAX_INTERIM,
    TOO_MANY_INTERIM,
    BoundedConnection,
    TooMuch,
)
from worker.transports.http_pool import Pool
from worker.transports.http_target import KNOWN_ADDRESSES, Target, target_of
from worker.transports.proxy import Proxy
from worker.transports.tls import Contexts, UnusableCaFile

UNTIMED = aiohttp.ClientTimeout()
"""The pool keeps the time to connect by itself."""

FAULTS: Final = (aiohttp.ClientError, aiohttp.EofStream, HttpProcessingError, OSError)
"""What a network and a server can bring about."""

Tls = ssl.SSLContext | Literal[True]
"""True, for aiohttp's own context, where there is no TLS at all."""


class Http:
    """Carries HTTP requests; opens its pool with the first one, on the running loop."""

    def __init__(
        self, guard: Guard, contexts: Contexts, *, connect_s: float, total_s: float, proxy: Proxy | None = None
    ) -> None:
        self._guard = guard
        self._contexts = contexts
        self._proxy = proxy
        self._connect_s = connect_s
        self._deadlines = Deadlines(total_s)
        self._pool: Pool | None = None
        self._place = lru_cache(KNOWN_ADDRESSES)(_place)

    async def close(self) -> None:
        """Close the pool and its connections."""
        self._deadlines.close()
        if self._pool is not None:
            await self._pool.close(abort_ssl=True)  # nobody waits for a server's TLS goodbye
            self._pool = None

    async def carry(self, message: HttpPost) -> Reply:
        """Send it once and read at most 64 KiB of the answer; a redirect is an answer like any other."""
        began = time.perf_counter()
        answer = Answer()
        try:
            target = target_of(message.url)
            place = self._place(target.origin, self._tls(target, message))
            with self._deadlines.start():
                await self._exchange(message, target, place, answer)
        except UnusableCaFile as problem:
            return no_tls(str(problem))
        except FAULTS as fault:
            return answer.reply_after(fault)
        except ValueError:  # an address or a header that HTTP has no form for
            return bad_address("the address or a header cannot be used")
        return answer.reply(began)

    def _tls(self, target: Target, message: HttpPost) -> Tls:
        return self._contexts.get(verify=message.verify_tls, ca_file=message.ca_file) if target.tls else True

    async def _exchange(self, message: HttpPost, target: Target, place: aiohttp.ClientRequest, answer: Answer) -> None:
        connection = await self._open().connect(place, [], UNTIMED)
        try:
            _send(connection, message, target)
            answer.sent = True
            await _receive(connection, answer)
        except BaseException:
            connection.close()
            raise
        _give_back(connection)

    def _open(self) -> Pool:
        if self._pool is None:
            self._pool = Pool(self._guard, self._proxy, self._connect_s)
        return self._pool


def _place(origin: URL, tls: Tls) -> aiohttp.ClientRequest:
    """By what the pool knows to which connections a request may go: host, port and TLS context."""
    return aiohttp.ClientRequest("POST", origin, ssl=tls, loop=asyncio.get_running_loop())


def _send(connection: Connection, message: HttpPost, target: Target) -> None:
    protocol, transport = connection.protocol, connection.transport
    if not isinstance(protocol, BoundedConnection) or transport is None or transport.is_closing():
        raise aiohttp.ClientConnectionResetError("closed")
    protocol.expect(body=message.method != "HEAD")
    # Not waiting until all is written: the answer may come before, and the transport keeps the rest.
    transport.write(target.head(message) + message.body)


async def _receive(connection: Connection, answer: Answer) -> None:
    protocol = connection.protocol
    if protocol is None:
        raise aiohttp.ServerDisconnectedError
    await receive(protocol, answer)


async def receive(protocol: ResponseHandler, answer: Answer) -> None:
    """Read an answer as far as it is wanted: its head, and 64 KiB of its body."""
    for _ in range(MAX_INTERIM + 1):
        head, content = await protocol.read()
        if not 100 <= head.code < 200 or head.code == 101:
            break
    else:
        raise TooMuch(TOO_MANY_INTERIM)
    answer.head = head
    missing = MAX_BODY_BYTES
    while missing and (chunk := await content.read(missing)):
        answer.chunks.append(chunk)
        missing -= len(chunk)
    fault = content.exception()
    if missing and fault is not None:
        raise fault


def _give_back(connection: Connection) -> None:
    """For the next request, where both sides are through; the pool itself closes one with a rest of an answer in it."""
    transport = connection.transport
    if transport is None or transport.get_write_buffer_size():
        connection.close()
    else:
        connection.release()
