"""Destinations in trouble: circuits that are open, and destinations that are paused. The scripts keep them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from redis.asyncio import Redis


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is known of one destination in trouble. Times are epoch seconds, 0 where there is none."""

    open_until: float
    paused_at: float
    why: str
    failures: int
    raw: dict[str, Any] = field(repr=False)

    @property
    def words(self) -> str:
        """For people."""
        if self.raw.get("by_hand"):
            return f"paused {self.why}; Resume or a Test that succeeds lets it go on"
        if self.paused_at:
            return f"paused after repeated refusals ({self.why}); a Test that succeeds resumes it"
        if self.open_until:
            return f"circuit open after {failures(self.failures)} ({self.why}); one delivery at a time tries it"
        return f"{failures(self.failures)} ({self.why})"


class Troubles:
    """Reads and ends troubles; see worker/stores/scripts/troubles.lua for how they come."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}:troubles"
        self._holds = f"{prefix}:holds"

    async def all(self) -> dict[tuple[str, str], Trouble]:
        """By (app, destination)."""
        found = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self._key))
        return {_place(name): _trouble(orjson.loads(raw)) for name, raw in found.items()}

    async def holds(self) -> dict[tuple[str, str], float]:
        """Until when (epoch seconds) destinations want to be left alone, by (app, destination); some of it is past."""
        found = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self._holds))
        return {_place(name): float(until) / 1000 for name, until in found.items()}

    async def pause(self, app: str, destination: str, who: str) -> bool:
        """Deliver nothing to it until somebody resumes it; whether it was not paused by hand already."""
        name, (seconds, microseconds) = f"{app}/{destination}", await self._redis.time()
        raw = await cast("Awaitable[bytes | None]", self._redis.hget(self._key, name))
        if raw is not None and orjson.loads(raw).get("by_hand"):
            return False
        began = {"ok": 0, "bad": 0, "run": 0, "denied": 0, "opened": 0, "until_ms": 0, "half": False}
        paused = {"paused": seconds * 1000 + microseconds // 1000, "why": f"by {who}", "by_hand": True}
        await self._redis.hset(self._key, name, orjson.dumps(began | paused))
        return True

    async def resume(self, app: str, destination: str) -> bool:
        """A Test succeeded, or the settings changed: begin anew. Whether there was any trouble."""
        return bool(await self._redis.hdel(self._key, f"{app}/{destination}"))


def failures(count: int) -> str:
    """`1 failure`, `6 failures`."""
    return "1 failure" if count == 1 else f"{count} failures"


def _place(name: bytes) -> tuple[str, str]:
    app, _, destination = name.decode().partition("/")
    return app, destination


def _trouble(raw: dict[str, Any]) -> Trouble:
    return Trouble(
        open_until=raw["until_ms"] / 1000,
        paused_at=(raw.get("paused") or 0) / 1000,
        why=raw.get("why") or "",
        failures=int(raw["bad"] or raw["denied"]),
        raw=raw,
    )
