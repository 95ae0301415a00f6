"""Which addresses Bellhop may connect to: public ones, and those that an operator allows.

What a user typed is resolved first; then each resulting address is checked, and the connection goes to that
very address, so that no second look-up can lead elsewhere (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddrInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]

# Python's `is_global` differs between its versions; these lists are the registries' and make up for that:
# https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry
SPECIAL_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
SPECIAL_V6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
NAT64 = IPv6Network("64:ff9b::/96")
RESOLVER_THREADS = 32
"""A name server that does not answer holds a thread for a while; the others must not wait for it."""


class AddressRefused(OSError):
    """An address that is not public and that no operator allowed."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is not a public address; an operator can allow it with BELLHOP_ALLOWED_ADDRESSES")


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address stands for: IPv4-mapped, 6to4, NAT64 and Teredo (server and client)."""
    if isinstance(address, IPv4Address):
        return ()
    if address.teredo is not None:
        return address.teredo
    if address in NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    inner = address.ipv4_mapped or address.sixtofour
    return (inner,) if inner is not None else ()


def is_public(address: Address) -> bool:
    """Whether `address` is globally routable unicast; one that embeds others is what those are."""
    inner = embedded(address)
    if inner:
        return all(is_public(one) for one in inner)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    return address in GLOBAL_UNICAST_V6 and not any(address in network for network in SPECIAL_V6)


class Guard:
    """Resolves names, and lets sockets go to public and allowed addresses only."""

    def __init__(self, allowed: tuple[Network, ...] = ()) -> None:
        self._allowed = allowed
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="bellhop-dns")

    def close(self) -> None:
        """Give the resolver's threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def allows(self, text: str) -> bool:
        """Whether a connection may go to this address, written as in a socket address."""
        address = ip_address(text.partition("%")[0])
        return self._listed(address) or is_public(address) or self._embeds_allowed(address)

    def _listed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)

    def _embeds_allowed(self, address: Address) -> bool:
        inner = embedded(address)
        return bool(inner) and all(self._listed(one) or is_public(one) for one in inner)

    def open_socket(self, info: AddrInfo) -> socket.socket:
        """A socket for the connection that `info` describes; AddressRefused where it may not be made."""
        family, kind, proto, _, address = info
        if not self.allows(address[0]):
            raise AddressRefused(address[0])
        return socket.socket(family, kind, proto)

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[AddrInfo]:
        """The addresses of `host` that may be reached, best first; AddressRefused where there are only others."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port, family)
        allowed = [info for info in found if self.allows(info[4][0])]
        if not allowed:
            raise AddressRefused(found[0][4][0])
        return allowed

    async def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connected, non-blocking socket to the first address of `host` that answers; OSError where none does."""
        async with asyncio.timeout(timeout_s):
            infos = await self.resolve(host, port)
            for info in infos[:-1]:
                # An address family without a route must not use up the time of the other.
                try:
                    async with asyncio.timeout(timeout_s / len(infos)):
                        return await self._connected(info)
                except OSError:
                    continue
            return await self._connected(infos[-1])

    async def _connected(self, info: AddrInfo) -> socket.socket:
        sock = self.open_socket(info)
        try:
            sock.settimeout(0)
            await asyncio.get_running_loop().sock_connect(sock, info[4])
        except BaseException:
            sock.close()
            raise
        return sock


def _look_up(host: str, port: int, family: int) -> list[AddrInfo]:
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError:  # a label that is empty or longer than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return [info for info in found if info[0] in {socket.AF_INET, socket.AF_INET6}]  # type: ignore[misc]
