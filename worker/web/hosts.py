"""By which names the console is reached, and from where: Host headers, client addresses, what is this machine's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

LOCAL_NAMES: Final = frozenset({"localhost"})
FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    address = _address(host)
    return host in LOCAL_NAMES if address is None else address.is_loopback


@dataclass(frozen=True, slots=True)
class Place:
    """Where the console listens, and the name that it is known by outside."""

    host: str
    public_url: str | None = None

    @property
    def exposed(self) -> bool:
        """Whether anybody but this machine may come: by the address, or because it has a name for others."""
        return not is_loopback(self.host) or not is_loopback(urlsplit(self.public_url or "//localhost").hostname or "")

    @property
    def secure(self) -> bool:
        """Whether browsers come by HTTPS."""
        return (self.public_url or "").startswith("https://")

    def url(self, port: int) -> str:
        """Where people find it, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{port}"

    def answers_to(self, host: str) -> bool:
        """Whether a Host header names this console.

        A page whose own name is made to lead here (DNS rebinding) sends that name; so names must be known. An address
        cannot be rebound, and is believed where the console is there for others.
        """
        name = _name(host)
        address = _address(name)
        if address is not None:
            return self.exposed or address.is_loopback
        return name != "" and name in {*LOCAL_NAMES, self.host.lower(), urlsplit(self.public_url or "").hostname}


def client_address(peer: str | None, forwarded: Iterable[str], trusted: Iterable[Network]) -> str:
    """Who asks: the last of `X-Forwarded-For` that is no trusted proxy, while each one after it is."""
    believed = tuple(trusted)
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    current = _address(peer or "")
    while current is not None and hops and any(current in network for network in believed):
        before = _address(hops.pop())
        if before is None:
            break
        current = before
    return "" if current is None else str(current)


def was_forwarded(headers: Mapping[str, str]) -> bool:
    """Whether a proxy says that it passed this on."""
    return any(name in headers for name in FORWARDED)


def _name(host: str) -> str:
    """The name or address in a Host header, lower-case, without port and brackets; empty where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # a ValueError where it is none
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.netloc == host and "@" not in host else ""


def _address(text: str) -> Address | None:
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
