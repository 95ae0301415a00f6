"""The events stream, and the stream of what could not be read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from worker.stores.ledger import GROUP

RAW_KEPT_BYTES = 65_536
"""How much of a rejected event is kept beside its error."""
REMEMBERED = 4000
"""How many entries a process keeps in mind between reading and dispatching them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry. `raw` is None where it has no field `event`; `others` is what it has instead: names, values."""

    id: str
    raw: bytes | None
    others: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that cannot be read, and why; `entry` is a stream entry's id or a Celery task's."""

    entry: str
    raw: bytes
    error: str


class EventStream:
    """`<prefix>:events` as one consumer of the group sees it."""

    def __init__(self, redis: Redis, prefix: str, consumer: str, *, rejected_kept: int = 10_000) -> None:
        self._redis = redis
        self._key = f"{prefix}:events"
        self._rejected = f"{prefix}:rejected"
        self._consumer = consumer
        self._rejected_kept = rejected_kept
        self._remembered: dict[str, bytes] = {}
        self._fetched = asyncio.Event()

    async def read(self, at_most: int, block_ms: int) -> list[Entry]:
        """New entries, as soon as there is one; an empty list after `block_ms`."""
        try:
            found = await self._redis.xreadgroup(GROUP, self._consumer, {self._key: ">"}, count=at_most, block=block_ms)
        except ResponseError as error:
            await self._repair(error)
            return []
        return self._remember(_entries(_rows(found)))

    async def reclaim(self, at_most: int, idle_ms: int) -> list[Entry]:
        """Entries that a consumer took and did not see through for `idle_ms`: it died, or its message was lost."""
        try:
            _, found, *_ = await self._redis.xautoclaim(
                self._key, GROUP, self._consumer, min_idle_time=idle_ms, start_id="0-0", count=at_most
            )
            await self._join()
        except ResponseError as error:
            await self._repair(error)
            return []
        return self._remember(_entries(found))

    async def fetch(self, ids: Sequence[str]) -> dict[str, bytes]:
        """What these entries hold, by id: as this process read them a moment ago, or else as the stream has them.

        One that is not there any more was dispatched already.
        """
        found = {each: raw for each in ids if (raw := self._remembered.pop(each, None)) is not None}
        self._fetched.set()
        missing = [each for each in ids if each not in found and _is_entry(each)]
        if missing:
            # Another process read them, mostly in one go: they stand side by side.
            found |= await self._range(missing[0], missing[-1], 2 * len(missing))
            for each in missing:
                if each not in found:
                    found |= await self._range(each, each, 1)
        return {each: found[each] for each in ids if each in found}

    async def until_fetched(self, within_s: float) -> None:
        """Until what this process read last is being dispatched, by it or, after so long, by another."""
        self._fetched.clear()
        if self._remembered:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._fetched.wait()

    async def _range(self, first: str, last: str, at_most: int) -> dict[str, bytes]:
        rows: Any = await self._redis.xrange(self._key, first, last, count=at_most)
        return {each.id: each.raw for each in _entries(rows) if each.raw is not None}

    def _remember(self, entries: list[Entry]) -> list[Entry]:
        self._remembered |= {each.id: each.raw for each in entries if each.raw is not None}
        for each in list(self._remembered)[: max(0, len(self._remembered) - REMEMBERED)]:
            del self._remembered[each]  # its message was lost; whoever takes the entry over reads it again
        return entries

    async def reject(self, rejected: Sequence[Rejected]) -> None:
        """Keep what cannot be read where people can see it, and take it off the stream, in one step."""
        if not rejected:
            return
        pipe = self._redis.pipeline(transaction=True)
        for one in rejected:
            fields = {"event": one.raw[:RAW_KEPT_BYTES], "error": one.error, "entry": one.entry}
            pipe.xadd(self._rejected, fields, maxlen=self._rejected_kept, approximate=True)  # type: ignore[arg-type]
        entries = [one.entry for one in rejected if _is_entry(one.entry)]
        if entries:
            pipe.xack(self._key, GROUP, *entries)
            pipe.xdel(self._key, *entries)
        # A missing group makes XACK fail, and is no reason to keep the entries.
        await pipe.execute(raise_on_error=False)

    async def forget_the_dead(self, idle_ms: int) -> None:
        """Take consumers out of the group that left nothing behind and have been silent for `idle_ms`."""
        for row in await self.consumers():
            if row["pending"] == 0 and row["idle"] > idle_ms:
                await self._redis.xgroup_delconsumer(self._key, GROUP, row["name"])

    async def leave(self) -> None:
        """Take this consumer out of the group, unless it leaves something for others to take over."""
        for row in await self.consumers():
            if row["name"] == self._consumer and row["pending"] == 0:
                await self._redis.xgroup_delconsumer(self._key, GROUP, self._consumer)

    async def consumers(self) -> list[dict[str, Any]]:
        """Each worker process that reads the stream: its `name`, `pending` entries, and `idle` milliseconds."""
        try:
            rows = await self._redis.xinfo_consumers(self._key, GROUP)
        except ResponseError:
            return []
        return [
            {"name": row["name"].decode(), "pending": int(row["pending"]), "idle": int(row["idle"])} for row in rows
        ]

    async def waiting(self) -> int:
        """How many entries the stream holds."""
        return int(await self._redis.xlen(self._key))

    async def _repair(self, error: ResponseError) -> None:
        """Make the group where it is not there (yet): from the stream's beginning, so that nothing is passed over."""
        if "NOGROUP" not in str(error):
            raise error
        try:
            await self._redis.xgroup_create(self._key, GROUP, id="0", mkstream=True)
        except ResponseError as busy:
            if "BUSYGROUP" not in str(busy):
                raise
        await self._join()

    async def _join(self) -> None:
        """Be seen by `consumers`. Before Redis 7.2 a read that waits makes no consumer, and an idle worker had none."""
        await self._redis.xgroup_createconsumer(self._key, GROUP, self._consumer)


def _is_entry(text: object) -> bool:
    milliseconds, _, sequence = text.partition("-") if isinstance(text, str) else ("", "", "")
    return milliseconds.isdigit() and sequence.isdigit()


def _rows(found: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """XREADGROUP's entries of our one stream, in either of the protocol's two forms."""
    if not found:
        return []
    if isinstance(found, dict):
        (streams,) = found.values()
        return [row for rows in streams for row in rows] if streams and isinstance(streams[0], list) else streams
    return found[0][1]  # type: ignore[index, no-any-return]


def _entries(rows: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    # XAUTOCLAIM of Redis 6.2 returns deleted entries as nil.
    return [_entry(entry, fields) for entry, fields in rows if entry is not None and fields is not None]


def _entry(entry: bytes, fields: dict[bytes, bytes]) -> Entry:
    raw = fields.get(b"event")
    return Entry(entry.decode(), raw, tuple(fields.items()) if raw is None else ())
