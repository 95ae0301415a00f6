"""Sees what gets past the guard, with a resolver, a network and servers on loopback that note all they are asked."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Self

from security.forms import NAMES, PUBLIC, REBINDING
from worker.transports import addresses
from worker.transports.addresses import AddrInfo

_Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Lookout:
    """A canary on loopback: whoever connects to it is on `seen`, and so is whatever was to be reached."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        """Addresses that somebody tried to reach, other than the public one; also through the proxy."""
        self.public = 0
        """How often it was the public one."""
        self._answers: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self.port = 0
        """The canary's, on 127.0.0.1 and ::1."""
        self.proxy_port = 0
        """An HTTP proxy's, which notes what it is asked for and reaches nothing."""

    async def __aenter__(self) -> Self:
        self.port = await self._listen("127.0.0.1", 0, self._note_peer)
        with suppress(OSError):  # a machine without IPv6
            await self._listen("::1", self.port, self._note_peer)
        self.proxy_port = await self._listen("127.0.0.1", 0, self._note_request)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def look_up(self, host: str, port: int) -> list[AddrInfo]:
        """The answer to a name's next question; numbers as the system reads them. No name server is asked."""
        turn = self._answers[host]
        self._answers[host] += 1
        if host in REBINDING:
            found = REBINDING[host][min(turn, len(REBINDING[host]) - 1)]
        else:
            found = NAMES.get(host) or NAMES.get(host.lower().removesuffix(".")) or host
        return [info for one in found.split() for info in _numeric(one, port)]

    async def dial(self, infos: list[AddrInfo]) -> socket.socket:
        """Notes where a connection was to go; only one to loopback is really made."""
        for info in infos:
            self._note(info[4][0])
        if all(ip_address(info[4][0]).is_loopback for info in infos):
            return await addresses.dial(infos)
        raise ConnectionRefusedError

    def _note(self, address: str) -> None:
        if address == PUBLIC:
            self.public += 1
        else:
            self.seen.append(address)

    async def _listen(self, host: str, port: int, handle: _Handle) -> int:
        server = await asyncio.start_server(handle, host, port)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _note_peer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.append("the canary")
        writer.close()

    async def _note_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            self._note(head.split()[1].decode().rpartition(":")[0].strip("[]"))
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        writer.close()


def _numeric(text: str, port: int) -> list[AddrInfo]:
    return socket.getaddrinfo(text, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)  # type: ignore[return-value]
