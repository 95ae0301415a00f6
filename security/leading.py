"""What a server or the environment may say to lead a request elsewhere: each is tried, and none may be followed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from config.settings import Settings
from security.lookout import Lookout
from worker.messages import HttpPost
from worker.transports import Carrier

STATUSES: Final = (201, 300, 301, 302, 303, 304, 305, 307, 308, 399, 401, 407, 421, 503)
HEADERS: Final = (
    "Location: http://127.0.0.1:{port}/",
    "Location: //127.0.0.1:{port}/",
    "Location: http://[::1]:{port}/",
    "Location: https://localhost:{port}/",
    "Refresh: 0; url=http://127.0.0.1:{port}/",
    "Content-Location: http://127.0.0.1:{port}/",
    'Alt-Svc: http/1.1="127.0.0.1:{port}"',
    "Link: <http://127.0.0.1:{port}/>; rel=preload",
)
OK: Final = 200
VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


async def leading(lookout: Lookout) -> AsyncIterator[str]:
    """The name of each, once it was tried; where it was followed, the canary was there."""
    async with _server() as (port, replies), _carrier() as carrier:
        for status in STATUSES:
            for header in HEADERS:
                replies.append(f"HTTP/1.1 {status} Elsewhere\r\n{header.replace('{port}', str(lookout.port))}\r\n")
                await carrier.carry(HttpPost(url=f"http://127.0.0.1:{port}/", label="POST"))
                yield f"{status} {header}"
    for variable in VARIABLES:
        async with _server() as (port, replies), _carrier() as carrier:
            replies.append("HTTP/1.1 200 OK\r\n")
            with _environment(variable, f"http://127.0.0.1:{lookout.port}"):
                reply = await carrier.carry(HttpPost(url=f"http://127.0.0.1:{port}/", label="POST"))
            yield variable
        if reply.status != OK:
            raise RuntimeError(f"{variable} kept a request from its server: {reply.detail}")


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[int, list[str]]]:
    """A server on loopback that gives each of the list's replies to one request; its port, and the list."""
    replies: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"{replies.pop(0)}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], replies


@asynccontextmanager
async def _carrier() -> AsyncIterator[Carrier]:
    """One that may reach all of loopback, so that nothing but its own rules keeps it from following."""
    carrier = Carrier(Settings.model_validate({"allowed_addresses": "127.0.0.0/8,::1,localhost"}))
    try:
        yield carrier
    finally:
        await carrier.close()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
