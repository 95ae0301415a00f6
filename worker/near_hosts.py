"""Which hosts are near: reached without crossing the internet, as far as their names and addresses tell. No look-up."""

from __future__ import annotations

from typing import Final

from worker.hosts import literal
from worker.special_addresses import is_metadata, purpose_of

RESERVED: Final = (".localhost", ".local", ".internal", ".home.arpa")
"""Nobody else's names: RFC 6761, RFC 6762, RFC 8375, and `internal` by ICANN's resolution 2024.07.29.06."""


def is_near(host: str) -> bool:
    """Whether it is this machine, an address that is not public, or a name that only a private network knows."""
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        address = literal(name)
    except ValueError:  # a spelling that nobody should rely on
        return False
    if address is not None:
        return purpose_of(address) is not None or is_metadata(address)
    return "." not in name or name.endswith(RESERVED)
