"""How often somebody may try to log in, over all console processes: counters on Redis that expire by themselves.

Per name and address each wrong password doubles the wait for the next; per address and over all there are ceilings.
Nothing locks a name as such, so nobody can lock its owner out: from another address the count is another, and from
one where the name has logged in before the ceiling over all does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from redis.asyncio import Redis

from worker.web.tokens import digest

KNOWN_MS: Final = 30 * 24 * 3_600_000
TOLD_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Ration:
    """How many tries, and how long to wait."""

    free: int = 3
    first_wait_ms: int = 1000
    longest_wait_ms: int = 15 * 60_000
    forget_ms: int = 24 * 3_600_000
    of_address: int = 50
    address_window_ms: int = 10 * 60_000
    of_all: int = 300
    all_window_ms: int = 60_000
    told: int = 60
    """Failed tries that the audit log takes an hour: a flood must not wash out what else it holds."""


class Tries:
    """Counts them."""

    def __init__(self, redis: Redis, prefix: str, ration: Ration | None = None) -> None:
        self._redis: Any = redis
        self._prefix = f"{prefix}:web-tries:"
        self._ration = ration or Ration()
        self._script = redis.register_script((files("worker.web") / "scripts/tries.lua").read_text("utf-8"))

    async def begin(self, name: str, address: str) -> float:
        """How many seconds to wait before this try; 0 lets it go on, and counts it."""
        ration = self._ration
        limits = (ration.free, ration.first_wait_ms, ration.longest_wait_ms, ration.forget_ms)
        ceilings = (ration.of_address, ration.address_window_ms, ration.of_all, ration.all_window_ms)
        wait_ms: Any = await self._script(keys=self._keys(name, address), args=[*limits, *ceilings])
        return float(wait_ms) / 1000

    async def succeeded(self, name: str, address: str) -> None:
        """The password was right: none of it counts, and from here the name is known."""
        pair, by_address, by_all, known = self._keys(name, address)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(pair)
            pipe.set(known, 1, px=KNOWN_MS)
            pipe.decr(by_address)
            pipe.decr(by_all)
            # Where a window ended since the try began, DECR has made a counter that never expires.
            pipe.pexpire(by_address, self._ration.address_window_ms, nx=True)
            pipe.pexpire(by_all, self._ration.all_window_ms, nx=True)
            await pipe.execute()

    async def worth_telling(self) -> bool:
        """Whether the audit log has room for one more failure in this hour."""
        key = f"{self._prefix}told"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, TOLD_S, nx=True)
            count, _ = await pipe.execute()
        return bool(count <= self._ration.told)

    def _keys(self, name: str, address: str) -> list[str]:
        whence = neighbourhood(address)
        pair = digest(f"{name}\n{whence}")[:32]
        return [self._prefix + part for part in (f"pair:{pair}", f"from:{whence}", "all", f"known:{pair}")]


def neighbourhood(address: str) -> str:
    """An address, or of IPv6 its /64: one customer has as many of those as they like."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
