"""Vendors that mean harm: a real server, one misbehaviour per path of its HTTP port, one per port for SMTP and NSCA.

async with Hostile() as vendor:
    vendor.url("endless-body"), vendor.ports["smtp: never ends its greeting"]
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import repeat
from typing import Final, Self
from urllib.parse import quote, unquote

from security.hostile_json import REPLIES

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Behaviour = Callable[[Reader, Writer], Awaitable[None]]
"""What it does once the request has come, or at once where the server speaks first. The connection is closed after."""

METADATA: Final = "http://169.254.169.254/latest/meta-data/"
OK: Final = b"HTTP/1.1 200 OK\r\n"
CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MEGABYTE: Final = 1_048_576
BETWEEN_S: Final = 0.05
"""How long a fast one waits after its beginning, so that what follows comes by itself."""
SLOWLY_S: Final = 0.2
"""How long a slow server waits between two bytes."""


def says(*parts: bytes) -> Behaviour:
    """Says this, and closes the connection."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        writer.writelines(parts)
        await writer.drain()

    return behave


def without_end(part: bytes, first: bytes = b"") -> Behaviour:
    """Says `first`, and then `part` as fast as it can for ever."""
    many = part * (MEGABYTE // 16 // len(part) + 1)

    async def behave(_reader: Reader, writer: Writer) -> None:
        writer.write(first)
        await asyncio.sleep(BETWEEN_S)
        for _ in repeat(None):
            writer.write(many)
            await writer.drain()

    return behave


def slowly(part: bytes, first: bytes = b"") -> Behaviour:
    """Says `first`, and then `part` over and over, a byte at a time."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        writer.write(first)
        for byte in _for_ever(part):
            writer.write(byte)
            await writer.drain()
            await asyncio.sleep(SLOWLY_S)

    return behave


def in_pieces(part: bytes) -> Behaviour:
    """Says `part` over and over, as fast as it can, and each of them by itself."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        for _ in repeat(None):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return behave


def _for_ever(part: bytes) -> Iterator[bytes]:
    for _ in repeat(None):
        yield from (part[i : i + 1] for i in range(len(part)))


async def never(reader: Reader, _writer: Writer) -> None:
    """Says nothing at all."""
    await reader.read()


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    head = b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers])
    return head + b"\r\n\r\n" + body


def _bomb(layers: int = 1) -> bytes:
    packed = gzip.compress(bytes(64 * MEGABYTE), mtime=0)
    for _ in range(layers - 1):
        packed = gzip.compress(packed, mtime=0)
    return packed


HTTP: Final[dict[str, Behaviour]] = {
    "endless-body": without_end(b"x", OK + b"\r\n"),
    "endless-chunks": without_end(b"1\r\nx\r\n", CHUNKED),
    "endless-chunk-extension": without_end(b"x", CHUNKED + b"1;"),
    "endless-trailers": without_end(b"X-Trailer: x\r\n", CHUNKED + b"0\r\n"),
    "endless-interim": without_end(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless-blank-lines": without_end(b"\r\n"),
    "endless-spaces": without_end(b" ", OK + b"X-Thing:"),
    "endless-header": without_end(b"x", OK + b"X-Thing: "),
    "endless-headers": without_end(b"X-Thing: x\r\n", OK),
    "endless-reason": without_end(b"x", b"HTTP/1.1 200 "),
    "endless-after-204": without_end(b"HTTP/1.1 204 X\r\n\r\n"),
    "endless-after-101": without_end(b"x", b"HTTP/1.1 101 X\r\nUpgrade: tcp\r\nConnection: upgrade\r\n\r\n"),
    "header-of-1-mb": says(OK, b"X-Thing: ", b"x" * MEGABYTE, b"\r\n\r\nok"),
    "headers-10000": says(OK, *(b"X-%d: x\r\n" % i for i in range(10_000)), b"\r\nok"),
    "length-of-1-tb": says(OK, b"Content-Length: 1000000000000\r\n\r\nok"),
    "length-below-zero": says(OK, b"Content-Length: -1\r\n\r\nok"),
    "two-lengths": says(OK, b"Content-Length: 2\r\nContent-Length: 200\r\n\r\nok"),
    "slow-head": slowly(b"X-Thing: x\r\n", OK),
    "slow-body": slowly(b"x", OK + b"\r\n"),
    "slow-refusal": slowly(b"x", b"HTTP/1.1 403 Forbidden\r\n\r\n"),
    "never": never,
    "closes": says(),
    "closes-in-its-head": says(OK, b"X-Thing"),
    "gzip-bomb": says(answer(_bomb(), b"Content-Encoding: gzip")),
    "gzip-bomb-in-gzip": says(answer(_bomb(2), b"Content-Encoding: gzip, gzip")),
    "deflate-bomb": says(answer(zlib.compress(bytes(64 * MEGABYTE)), b"Content-Encoding: deflate")),
    "no-gzip": says(answer(b"no gzip at all", b"Content-Encoding: gzip")),
    "brotli": says(answer(b"\x8b\x00\x80", b"Content-Encoding: br")),
    "zstd": says(answer(b"\x28\xb5\x2f\xfd\x04\x00", b"Content-Encoding: zstd")),
    "redirect-to-metadata": says(answer(b"", b"Location: " + METADATA.encode(), status=b"302 Found")),
    "refresh-to-metadata": says(answer(b"", b"Refresh: 0; url=" + METADATA.encode())),
    "garbage": says(bytes(range(256)) * 64),
    "garbage-after-status": says(OK, bytes(range(128, 256)) * 64, b"\r\n\r\n"),
    "nul-after-status": says(OK, b"X-Thing: \x00\x00\r\n\r\nok"),
    "http-0.9": says(b"<html><body>hello</body></html>"),
    "ssh": says(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "status-000": says(b"HTTP/1.1 000 Nothing\r\n\r\n"),
    "status-999": says(b"HTTP/1.1 999 Everything\r\n\r\n"),
    "status-99999": says(b"HTTP/1.1 99999 More\r\n\r\n"),
    "retry-never": says(answer(b"", b"Retry-After: 1e400", status=b"429 Slow down")),
    "retry-garbage": says(answer(b"", b"Retry-After: \xff\xfe", b"Date: 99999", status=b"503 Away")),
    **{f"json: {name}": says(answer(body)) for name, body in REPLIES.items()},
}
"""By path."""

RAW: Final[dict[str, Behaviour]] = {
    "tls: garbage": says(bytes(range(256)) * 16),
    "tls: an alert": says(b"\x15\x03\x03\x00\x02\x02\x28"),
    "tls: http": says(answer(b"not here")),
    "tls: a record of 64 kb, cut": says(b"\x16\x03\x03\xff\xff", b"x" * 100),
    "tls: never": never,
    "smtp: never ends its greeting": without_end(b"220-still here\r\n"),
    "smtp: small pieces without end": in_pieces(b"220-%b\n" % (b"x" * 60)),
    "smtp: never ends its line": without_end(b"x", b"220 "),
    "smtp: 1 MB reply": says(b"220-", b"x" * MEGABYTE, b"\r\n220 ok\r\n"),
    "smtp: slow greeting": slowly(b"220-x\r\n"),
    "smtp: garbage": says(bytes(range(128, 256)) * 16, b"\r\n"),
    "smtp: odd code": says(b"999 what\r\n"),
    "smtp: escape sequences": says(b"554 \x1b[2J\x1b]0;owned\x07\xff\xfe\r\n"),
    "smtp: never": never,
    "smtp: closes": says(),
    "nsca: garbage": without_end(bytes(range(256))),
    "nsca: text": says(b"HTTP/1.1 400 Bad Request\r\n" * 20),
    "nsca: cut": says(b"\x00" * 100),
    "nsca: slow": slowly(b"\x00"),
    "nsca: never": never,
    "nsca: closes": says(),
}
"""By name of the port."""


class Hostile:
    """Such a vendor on free loopback ports, between `async with` and its end."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, name: str, scheme: str = "http") -> str:
        """Where this misbehaviour answers."""
        return f"{scheme}://127.0.0.1:{self.ports['http']}/{quote(name, safe='')}"

    async def __aenter__(self) -> Self:
        self.ports["http"] = await self._stack.enter_async_context(self._serve(_by_path))
        for name, behaviour in RAW.items():
            self.ports[name] = await self._stack.enter_async_context(self._serve(behaviour))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def _serve(self, behaviour: Behaviour) -> AsyncIterator[int]:
        async def handle(reader: Reader, writer: Writer) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await _behave(behaviour, reader, writer)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def _behave(behaviour: Behaviour, reader: Reader, writer: Writer) -> None:
    with suppress(OSError, asyncio.CancelledError):
        await behaviour(reader, writer)
        # What a client still sends must not make a reset of it that takes the answer away.
        writer.write_eof()
        await reader.read()
    writer.transport.abort()


async def _by_path(reader: Reader, writer: Writer) -> None:
    with suppress(asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        # The rest of the path is the channel's: `/<name>/v2/enqueue`.
        name = unquote(head.split(b" ", 2)[1].decode().partition("?")[0].split("/")[1])
        await HTTP[name](reader, writer)
