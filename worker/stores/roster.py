"""Who works: every worker says each few seconds who it is and how busy, and takes its leave when it ends.

| key | kind | content |
|---|---|---|
| `<prefix>:workers` | hash | by worker, JSON: version, since, at (epoch seconds), in_flight, places, celery |

One that has fallen silent without its leave is gone: killed, or cut off. Before Redis 7.2 this is besides the only sign
of life of a worker that has nothing to do: a read that waits leaves no trace in the consumer group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

TELL_S: Final = 5.0
REMEMBERED_S: Final = 3600.0
"""How long one that is gone is remembered."""


@dataclass(frozen=True, slots=True)
class Self:
    """What a worker knows of itself. `celery` is its name in Flower, `places` how many deliveries it has room for."""

    name: str
    version: str
    places: int
    celery: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """A worker's latest sign of life, `at` epoch seconds."""

    worker: Self
    since: float
    at: float
    in_flight: int


class Roster:
    """Writes and reads it."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        self._key = f"{prefix}:workers"

    async def tell(self, me: Self, since: float, in_flight: int) -> None:
        """A worker lives, and has so many deliveries under way."""
        told = {"version": me.version, "since": since, "at": await self.now(), "in_flight": in_flight}
        told |= {"places": me.places, "celery": me.celery}
        await self._redis.hset(self._key, me.name, orjson.dumps(told))

    async def leave(self, name: str) -> None:
        """A worker ends."""
        await self._redis.hdel(self._key, name)

    async def signs(self) -> list[Sign]:
        """The latest of each worker that lives or is remembered, by name."""
        oldest = await self.now() - REMEMBERED_S
        return [each for each in await self._all() if each.at > oldest]

    async def forget(self) -> None:
        """Forget those that have been gone for long."""
        oldest = await self.now() - REMEMBERED_S
        names = [each.worker.name for each in await self._all() if each.at <= oldest]
        if names:
            await self._redis.hdel(self._key, *names)

    async def now(self) -> float:
        """Redis' time, in epoch seconds."""
        seconds, microseconds = await self._redis.time()
        return float(seconds) + float(microseconds) / 1e6

    async def _all(self) -> list[Sign]:
        found = await self._redis.hgetall(self._key)
        return [_sign(name.decode(), orjson.loads(raw)) for name, raw in sorted(found.items())]


async def keep_in_touch(roster: Roster, me: Self, in_flight: Callable[[], int], every_s: float = TELL_S) -> None:
    """Give signs of life until cancelled, and then take leave. While Redis is away there are none."""
    since = 0.0
    try:
        while True:
            with suppress(RedisError, OSError):
                since = since or await _begin(roster)
                await roster.tell(me, since, in_flight())
            await asyncio.sleep(every_s)
    finally:
        with suppress(RedisError, OSError):
            await roster.leave(me.name)


async def _begin(roster: Roster) -> float:
    await roster.forget()
    return await roster.now()


def _sign(name: str, told: dict[str, Any]) -> Sign:
    worker = Self(name, told["version"], told["places"], told["celery"])
    return Sign(worker, told["since"], told["at"], told["in_flight"])
