"""The operator's HTTP proxy: a tunnel through it to an address that the guard has checked.

It is asked to CONNECT to the address, not to the name: what it would look up for itself nobody had checked.
https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
"""

from __future__ import annotations

import asyncio
import os
import socket
from http import HTTPStatus

from config.proxy import ProxyAddress
from worker.transports.addresses import AddrInfo, dial, look_up

MAX_ANSWER_BYTES = 16_384
NAME = "the proxy of BELLHOP_HTTP_PROXY"
"""All that destinations' owners are told of it: neither its address nor its credentials."""


class ProxyFault(OSError):
    """The proxy is away, or refuses. A later attempt may go well, and no destination is to blame."""


class Proxy:
    """Opens tunnels. The proxy's own address is the operator's, so the guard has no say in it."""

    def __init__(self, address: ProxyAddress) -> None:
        self._address = address

    async def tunnel(self, infos: list[AddrInfo], until: float) -> socket.socket:
        """A non-blocking socket that leads to the first of these addresses that the proxy reaches; ProxyFault if none.

        Args:
            infos: what the guard let through.
            until: when its time is over, on the loop's clock.
        """
        try:
            async with asyncio.timeout_at(until):
                for info in infos[:-1]:
                    try:
                        return await self._tunnel(info)
                    except ProxyFault:
                        continue
                return await self._tunnel(infos[-1])
        except TimeoutError:
            raise ProxyFault(f"{NAME} does not answer in time") from None

    async def _tunnel(self, info: AddrInfo) -> socket.socket:
        sock = await self._reached()
        try:
            await self._ask(sock, info)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _ask(self, sock: socket.socket, info: AddrInfo) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(sock, self._request(info))
            status = await _status(sock)
        except OSError as fault:
            raise _told(fault) from None
        if not 200 <= status < 300:
            raise ProxyFault(f"{NAME} refuses: {_words(status)}")

    async def _reached(self) -> socket.socket:
        try:
            return await dial(await asyncio.to_thread(look_up, self._address.host, self._address.port))
        except OSError as fault:
            raise _told(fault) from None

    def _request(self, info: AddrInfo) -> bytes:
        host, port = info[4][:2]
        target = f"[{host}]:{port}" if info[0] == socket.AF_INET6 else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self._address.authorization:
            lines.append(f"Proxy-Authorization: {self._address.authorization}")
        return "\r\n".join([*lines, "", ""]).encode()


async def _status(sock: socket.socket) -> int:
    """What the proxy's answer says. Behind it nothing may come yet: in HTTP and TLS it is for us to begin."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        if len(answer) > MAX_ANSWER_BYTES:
            raise ProxyFault(f"{NAME} answers too long")
        chunk = await asyncio.get_running_loop().sock_recv(sock, 4096)
        if not chunk:
            raise ProxyFault(f"{NAME} closed the connection")
        answer += chunk
    version, _, rest = answer.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ProxyFault(f"{NAME} does not speak HTTP")
    return int(rest[:3])


def _told(fault: OSError) -> OSError:
    """The network's fault as the proxy's, in words without the proxy's address."""
    if isinstance(fault, ProxyFault):
        return fault
    if isinstance(fault, socket.gaierror):
        return ProxyFault(f"{NAME}: its host name cannot be resolved")
    why = os.strerror(fault.errno).lower() if fault.errno else "no answer"
    return ProxyFault(f"no connection to {NAME}: {why}")


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
