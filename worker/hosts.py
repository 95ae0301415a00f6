"""Host names and IP addresses as people type them: what may be typed, and how it goes onto the wire.

URL parsers, resolvers and people disagree on what a host may look like, and every such difference is a way around a
check. So the grammar here is small: a name of letters, digits, hyphens and underscores, an IPv4 address of four
decimal numbers, or an IPv6 address. `0x7f.1`, `127.1`, `2130706433`, `%31`, `fe80::1%eth0` are none of these.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

MAX_PORT = 65_535
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\.?\Z){_LABEL}(?:\.{_LABEL})*\.?")
# What ends in a number is an IPv4 address or nothing: https://url.spec.whatwg.org/#ends-in-a-number-checker
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")


def wire_host(text: str) -> str:
    """A typed host as ASCII, an IPv6 address without brackets; ValueError with a sentence that does not show it."""
    if not text.isprintable():  # zero-width characters among them, which the mapping to ASCII would drop
        raise ValueError("must be a host name or an IP address")
    host = text if text.isascii() else _ascii(text)
    address = literal(host)
    if address is not None and not text.isascii():  # full-width or circled digits: nobody types these by chance
        raise ValueError("must be written in ASCII digits where it is an address")
    if address is None and not _NAME.fullmatch(host):
        raise ValueError("must be a host name or an IP address")
    return host


def literal(host: str) -> Address | None:
    """The address that `host` spells, None for a name; ValueError for a spelling that only some programs take."""
    try:
        if ":" in host:
            # A scope names one of the worker's own network interfaces, which is nothing that settings can know.
            return IPv6Address(host if "%" not in host else "")
        return IPv4Address(host) if _ENDS_IN_A_NUMBER.fullmatch(host) else None
    except ValueError:
        raise ValueError("must be written as 192.0.2.7 or 2001:db8::7 where it is an address") from None


def _ascii(text: str) -> str:
    """By UTS 46, as browsers do it; the standard library's older IDNA would send `faß.de` to `fass.de`."""
    import idna  # noqa: PLC0415 - its tables take a while to load, and few hosts are not ASCII

    try:
        return idna.encode(text, uts46=True).decode()
    except idna.IDNAError:  # its text quotes the host, which may be a piece of a secret
        raise ValueError("must be a host name or an IP address") from None
