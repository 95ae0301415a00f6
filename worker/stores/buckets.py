"""How full the rate limits are: who went within each one's time, and who waits for a turn. Claiming keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from worker.channels.channel import Limit


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit, shared by all that go by the same credential: `gone` of `count` in the last `per_s` seconds."""

    count: int
    per_s: float
    gone: int
    waiting: int
    """How many have a turn of their own later on."""


async def buckets(redis: Redis, prefix: str, limits: Sequence[Limit]) -> list[Bucket]:
    """Each limit as it is now, by Redis' clock."""
    seconds, microseconds = await redis.time()
    now_ms = seconds * 1000 + microseconds // 1000
    pipe = redis.pipeline(transaction=False)
    for limit in limits:
        pipe.zcount(f"{prefix}:departed:{limit.key}", now_ms - limit.per_s * 1000, "+inf")
        pipe.zcount(f"{prefix}:slots:{limit.key}", now_ms, "+inf")
    counts = await pipe.execute() if limits else []
    rows = zip(limits, counts[::2], counts[1::2], strict=True)
    return [Bucket(limit.count, limit.per_s, gone, waiting) for limit, gone, waiting in rows]
