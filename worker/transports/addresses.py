"""The guard: where Bellhop connects to. Public addresses, and those that an operator allows; nothing else.

A host is looked up first; then each resulting address is checked, and the connection goes to one of those very
addresses, so that no second look-up can lead elsewhere (DNS rebinding). Every connection of HTTP, SMTP and NSCA is
made here, and none is made without it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import IPv4Address, ip_address

from aiohappyeyeballs import start_connection

from worker.allow_list import AllowList, refusal
from worker.hosts import Address, literal, wire_host

AddrInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
LookUp = Callable[[str, int], list[AddrInfo]]
Dial = Callable[[list[AddrInfo]], Awaitable[socket.socket]]

RESOLVER_THREADS = 32
"""A name server that does not answer holds a thread for a while; the others must not wait for it."""
SAME_ANSWER_S = 1.0
"""Connections of one moment share a look-up: some name servers drop what comes too often, as
https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html has it (1,024 packets a second)."""
NEXT_ADDRESS_S = 0.25
"""After how long the next of a name's addresses is tried as well (RFC 8305 section 5)."""


class AddressRefused(OSError):
    """An address that is not public and that no operator allowed, or a host that none can be."""


class NoneAnswered(OSError):
    """None of a name's addresses took the connection, each for a reason of its own."""


def look_up(host: str, port: int) -> list[AddrInfo]:
    """All addresses of a name, by the system's resolver; blocks. OSError where there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    infos = [info for info in found if info[0] in {socket.AF_INET, socket.AF_INET6}]
    if not infos:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return infos  # type: ignore[return-value]


async def dial(infos: list[AddrInfo]) -> socket.socket:
    """A connected, non-blocking socket to the first of these addresses that answers; OSError where none does."""
    try:
        return await start_connection(infos, happy_eyeballs_delay=NEXT_ADDRESS_S)
    except (OSError, RuntimeError) as fault:  # uvloop's may be a RuntimeError, says aiohappyeyeballs
        if getattr(fault, "errno", None) is None:
            raise NoneAnswered("no connection: none of the host's addresses answers") from None
        raise


class Guard:
    """Looks hosts up, and connects to public and allowed addresses only. One per process, closed at the end."""

    def __init__(
        self,
        allowed: AllowList | None = None,
        *,
        look_up: LookUp = look_up,
        dial: Dial = dial,
        same_answer_s: float = SAME_ANSWER_S,
    ) -> None:
        self._allowed = allowed or AllowList()
        self._look_up = look_up
        self._dial = dial
        self._same_answer_s = same_answer_s
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="bellhop-dns")
        self._asked: dict[tuple[str, int], asyncio.Future[list[AddrInfo]]] = {}

    def close(self) -> None:
        """Give the resolver's threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connected, non-blocking socket to `host`; AddressRefused where none may be, OSError where none answers."""
        async with asyncio.timeout(timeout_s):
            return await self._dial(await self.resolve(host, port))

    async def resolve(self, host: str, port: int) -> list[AddrInfo]:
        """The addresses of `host` that may be connected to; AddressRefused where there are only others."""
        try:
            host = wire_host(host)
            address = literal(host)
        except ValueError as problem:
            raise AddressRefused(f"the host {problem}") from None
        infos = await self._looked_up(host, port) if address is None else [_info(address, port)]
        objections = [self.objection(info[4][0], host, port) for info in infos]
        if objections and objections[0] and all(objections):
            raise AddressRefused(objections[0])
        return [info for info, objection in zip(infos, objections, strict=True) if not objection]

    def objection(self, text: str, host: str = "", port: int = 0) -> str | None:
        """Why no connection may go to an address, written as in a socket address; None where one may.

        Args:
            text: the address.
            host: the name that led to it, if any.
            port: the port, for entries of the allow-list that name one.
        """
        address = ip_address(text.partition("%")[0])
        host = host or str(address)
        if self._allowed.covers(address, host, port):
            return None
        objection = self._allowed.objection(address, host, port)
        if objection is None and leads_back(address):
            return refusal(address, host, "is the worker's own host")
        return objection

    async def _looked_up(self, host: str, port: int) -> list[AddrInfo]:
        asked = self._asked.get((host, port))
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port)
            self._asked[host, port] = asked
            asked.add_done_callback(lambda done: self._answered(host, port, done))
        # Whoever gives up waiting does not give up for the others.
        return await asyncio.shield(asked)

    def _answered(self, host: str, port: int, answer: asyncio.Future[list[AddrInfo]]) -> None:
        answer.cancelled() or answer.exception()  # seen, also where nobody waits any more
        answer.get_loop().call_later(self._same_answer_s, self._asked.pop, (host, port), None)


def leads_back(address: Address) -> bool:
    """Whether it is an address of this very host: behind a public one, too, may be what listens to neighbours only."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(address), 9))  # chooses a route, and sends nothing
        return ip_address(probe.getsockname()[0].partition("%")[0]) == address
    return False


def _info(address: Address, port: int) -> AddrInfo:
    if isinstance(address, IPv4Address):
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port)
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port, 0, 0)
