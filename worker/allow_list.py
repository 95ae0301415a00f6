"""`BELLHOP_ALLOWED_ADDRESSES`: what destinations may reach although it is not public. Reads it, and judges. Pure.

An entry is a network, an address or a host's name, each with a port behind it or for all ports:
`10.1.0.0/16`, `192.0.2.7:8443`, `[fd12::/16]:443`, `smtp.internal`, `hipchat.corp:443`, `*.corp.example`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from worker.hosts import MAX_PORT, Address, literal, wire_host
from worker.special_addresses import Network, is_metadata, purpose_of, standing_for

SETTING = "BELLHOP_ALLOWED_ADDRESSES"
FORMS = "10.1.0.0/16, 192.0.2.7:8443, [fd12::/16]:443, smtp.internal, hipchat.corp:443 or *.corp.example"
_BRACKETED = re.compile(r"\[(?P<what>[^\[\]]*:[^\[\]]*)\](?::(?P<port>.*))?")
_TLD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry. `what` is a network, or a host's name in lower case; `*.` before it means all names below it."""

    what: Network | str
    port: int | None = None
    """None: every port."""

    def covers(self, address: Address, host: str, port: int) -> bool:
        """Whether it lets a connection to `address` and `port` pass that was asked for by the name `host`, if any."""
        if self.port not in {None, port}:
            return False
        if isinstance(self.what, str):
            # Who runs that name's DNS must not be able to point it at a metadata service.
            return self._names(host) and not is_metadata(address)
        # Nor does a wide range open one by the way: it takes the address itself.
        if self.what.num_addresses > 1 and is_metadata(address):
            return False
        return address in self.what or standing_for(address) in self.what

    def _names(self, host: str) -> bool:
        name = host.lower().removesuffix(".")
        what = str(self.what)
        return name.endswith(what[1:]) if what.startswith("*.") else name == what


def parsed(text: str) -> Allowed:
    """What an entry says; ValueError with a sentence that names it where it says nothing."""
    try:
        what, port = _split(text)
        return Allowed(_network(what) or _name(what, one_word=port is not None), port)
    except ValueError:
        raise ValueError(f"{text!r} is no network, address or host, with or without a port: write {FORMS}") from None


def _split(text: str) -> tuple[str, int | None]:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        what, port = bracketed["what"], bracketed["port"]
    elif text.count(":") == 1:
        what, _, port = text.partition(":")
    else:
        what, port = text, None
    if port is None:
        return what, None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= MAX_PORT:
        raise ValueError
    return what, int(port)


def _network(what: str) -> Network | None:
    """None for a name."""
    if "/" in what and "%" not in what:
        return ip_network(what, strict=False)
    address = literal(what)
    return None if address is None else ip_network(address)


def _name(what: str, *, one_word: bool) -> str:
    """A word alone is more likely a mistake (`all`, `none`) than a host, so it needs its port: `mailhog:1025`."""
    below = what.startswith("*.")
    name = wire_host(what.removeprefix("*.")).lower().removesuffix(".")
    known = "." in name or below or one_word or name == "localhost"
    if not known or not _TLD.fullmatch(name.rpartition(".")[2]):
        raise ValueError
    return f"*.{name}" if below else name


class AllowList:
    """All entries, and the judgement on an address by them."""

    def __init__(self, entries: Iterable[Allowed] = ()) -> None:
        self._entries = tuple(entries)

    def covers(self, address: Address, host: str, port: int) -> bool:
        """Whether an entry lets this connection pass."""
        return any(entry.covers(address, host, port) for entry in self._entries)

    def objection(self, address: Address, host: str, port: int) -> str | None:
        """Why no connection may go there, as a sentence for who typed it; None where it may.

        Args:
            address: what would be connected to.
            host: what was typed: a name, or the address itself.
            port: the port.
        """
        if self.covers(address, host, port):
            return None
        if is_metadata(address):
            return refusal(address, host, "is a cloud's metadata service", ", by exactly this address")
        purpose = purpose_of(address)
        return purpose and refusal(address, host, f"is not a public address ({purpose})")


def refusal(address: Address, host: str, why: str, how: str = "") -> str:
    """`hipchat.corp is at 10.0.0.5, which is not a public address …`, with the setting that allows it."""
    what = str(address) if host.strip("[]") == str(address) else f"{host} is at {address}, which"
    return f"{what} {why}; an operator can allow it with {SETTING}{how}"
