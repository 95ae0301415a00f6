"""What the history reads from Redis: names by arrival, events with their records, and news of them. Reads only.

Each answer is bounded, so that neither Redis nor the console's event loop is held up by any of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis

from worker.models import DeliveryId
from worker.stores.records import record_key
from worker.web.history_values import LAST_MS, Loaded, whom

SPAN: Final = 500
"""How many names are looked at in one go."""
NEWS: Final = 500
"""How many results or marks are read in one go."""
Name = tuple[str, str, str]
"""An app, a destination and an event's id: which record."""


@dataclass(frozen=True, slots=True)
class Span:
    """Every event that arrived from `low` to `high` (epoch ms, both within): when, by its name."""

    low: int
    high: int
    names: dict[str, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """How Redis stands: how many events it lists, when the first and the last arrived, and the last result's id."""

    events: int
    oldest_ms: int
    newest_ms: int
    last_result: str


class Source:
    """Redis, as far as the history reads it."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._recent = f"{prefix}:recent"

    async def kept(self) -> Kept:
        """How Redis stands now."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.zcard(self._recent)
        pipe.zrange(self._recent, 0, 0, withscores=True)
        pipe.zrange(self._recent, -1, -1, withscores=True)
        pipe.xrevrange(f"{self._prefix}:results", count=1)
        kept, oldest, newest, results = await pipe.execute()
        first, last = (_ms(rows[0][1]) if rows else 0 for rows in (oldest, newest))
        return Kept(int(kept), first, last, results[0][0].decode() if results else "0-0")

    async def arrived(self, names: Sequence[str]) -> list[int | None]:
        """When these events arrived, in epoch milliseconds; None for what is listed no more."""
        if not names:
            return []
        scores: Any = await self._redis.zmscore(self._recent, list(names))
        return [None if score is None else _ms(score) for score in scores]

    async def since(self, low: int) -> Span:
        """Those that arrived at `low` or later; where they are very many, the earliest of them."""
        rows: Any = await self._redis.zrangebyscore(self._recent, low or "-inf", "+inf", 0, SPAN, withscores=True)
        names = _names(rows)
        high = max(names.values(), default=low)
        return Span(low, high, names if len(rows) < SPAN else names | await self._at(high))

    async def before(self, high: int) -> Span:
        """Those that arrived before `high`; where they are very many, the latest of them, and else its `low` is 0."""
        top = "+inf" if high > LAST_MS else f"({high}"
        rows: Any = await self._redis.zrevrangebyscore(self._recent, top, "-inf", 0, SPAN, withscores=True)
        names = _names(rows)
        if len(rows) < SPAN:
            return Span(0, high - 1, names)
        low = min(names.values(), default=0)
        return Span(low, high - 1, names | await self._at(low))

    async def _at(self, moment: int) -> dict[str, int]:
        """All of one millisecond: those at the end of a span may have been cut apart."""
        low, high = moment or "-inf", "+inf" if moment >= LAST_MS else f"({moment + 1}"
        return _names(await self._redis.zrangebyscore(self._recent, low, high, withscores=True))

    async def gone(self, names: Iterable[str]) -> list[str]:
        """Those of the names under which there is no event any more, though they may still be listed."""
        listed = list(names)
        keys = [f"{self._prefix}:event:{name}" for name in listed]
        if not keys or await self._redis.exists(*keys) == len(keys):
            return []
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.exists(key)
        return [name for name, is_there in zip(listed, await pipe.execute(), strict=True) if not is_there]

    async def load(self, names: dict[str, int]) -> list[Loaded]:
        """Events by name and arrival, with the records of their deliveries; without those that are gone."""
        if not names:
            return []
        raws: Any = await self._redis.mget([f"{self._prefix}:event:{name}" for name in names])
        there = [(name, ms, raw) for (name, ms), raw in zip(names.items(), raws, strict=True) if raw]
        keys = [[record_key(self._prefix, name, place) for place, _ in whom(raw)] for name, _, raw in there]
        told = iter(await self._records([key for each in keys for key in each]))
        rows = zip(there, keys, strict=True)
        return [Loaded(name, ms, raw, [next(told) for _ in each]) for (name, ms, raw), each in rows]

    async def records(self, names: Sequence[Name]) -> list[bytes | None]:
        """The deliveries' records as they are now."""
        return await self._records([record_key(self._prefix, f"{app}/{id_}", place) for app, place, id_ in names])

    async def _records(self, keys: Sequence[str]) -> list[bytes | None]:
        found: Any = await self._redis.mget(keys) if keys else ()
        return list(found)

    async def results(self, after: str) -> tuple[str, list[Name]]:
        """(the last entry's id, of which deliveries there is news) after entry `after`, which it stays at the end."""
        found: Any = await self._redis.xrange(f"{self._prefix}:results", f"({after}", count=NEWS)
        names = (_settled(fields.get(b"result")) for _, fields in found)
        return (found[-1][0].decode() if found else after), [name for name in names if name]

    async def marks(self, cursor: int) -> tuple[int, list[Name]]:
        """(the next cursor, deliveries out of the ordinary): those that are replayed are among them."""
        after, rows = cast(
            "tuple[int, dict[bytes, bytes]]", await self._redis.hscan(f"{self._prefix}:marks", cursor, count=NEWS)
        )
        names = (_marked(ref) for ref in rows)
        return int(after), [name for name in names if name]


def _names(rows: Iterable[Sequence[Any]]) -> dict[str, int]:
    # What is not UTF-8 is no name of Bellhop's making.
    return {name.decode(): _ms(score) for name, score in rows if _is_text(name)}


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ms(score: float) -> int:
    """A score as the milliseconds that it should be."""
    return int(min(max(score, 0), LAST_MS)) if not math.isnan(score) else 0


def _settled(raw: bytes | None) -> Name | None:
    try:
        result = orjson.loads(raw or b"")
        name = (result["app"], result["destination"], result["event_id"])
    except (ValueError, TypeError, KeyError):
        return None
    return name if all(isinstance(part, str) for part in name) else None


def _marked(ref: bytes) -> Name | None:
    try:
        delivery = DeliveryId.parse(ref.decode())
    except ValueError:
        return None
    return delivery.app, delivery.destination, delivery.event_id
