"""Step 1: events come off the stream in batches and are handed to dispatch tasks.

A batch is what has gathered: one event when idle, up to `batch` under load; nothing waits for company. The backlog
stays in the stream: intake publishes only while Celery's queues are short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import chain
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from worker.stores.events import RAW_KEPT_BYTES, Entry, EventStream, Rejected
from worker.stores.redis_faults import why

log = structlog.get_logger()

BLOCK_MS: Final = 1000
RECLAIM_EVERY_S: Final = 2.5
ABANDONED_MS: Final = 10_000
"""An entry that nobody saw through for so long is taken over. Dispatching it twice does nothing twice."""
BEGUN_S: Final = 0.01
"""How long the next batch waits for the one before it to be begun, where another process may have taken that."""
DEAD_MS: Final = 3_600_000
"""A consumer that has been silent for so long, and left nothing behind, is forgotten."""
NAMED: Final = 10
NAME_BYTES: Final = 40
"""How many of an entry's field names an error shows, and how much of each."""
FIRST: Final = 16
BATCH_BYTES: Final = 33_554_432
"""A batch of more than 32 MiB makes the next ones smaller. The first is small: entries of very many megabytes that have
killed a worker must not kill the next one."""
BACKOFF_S: Final = 0.5
BACKOFF_CAP_S: Final = 5.0


class Intake:
    """Reads the stream until cancelled; `publish` sends entries' ids as one dispatch task.

    `refresh` has the settings brought up to date meanwhile, where a batch is so small that it is dispatched at once.
    """

    def __init__(
        self,
        stream: EventStream,
        publish: Callable[[list[str]], Awaitable[None]],
        room: Callable[[], Awaitable[None]],
        *,
        refresh: Callable[[], Coroutine[Any, Any, None]],
        batch: int,
        max_event_bytes: int,
    ) -> None:
        self._stream = stream
        self._publish = publish
        self._room = room
        self._refresh = refresh
        self._batch = batch
        self._max_event_bytes = max_event_bytes
        self._at_most = min(batch, FIRST)
        self._reclaim_at = 0.0

    async def run(self) -> None:
        """Read until cancelled. Redis may go away and come back; nothing needs a restart."""
        failures = 0
        while True:
            try:
                await self._room()
                await self.step()
                failures = 0
            except (RedisError, OSError) as error:
                failures += 1
                log.warning("intake.waiting", error=why(error), failures=failures)
                await asyncio.sleep(min(BACKOFF_CAP_S, BACKOFF_S * 2**failures))
            except Exception:
                # A defect of ours in one batch must not end intake for good; its entries come again by themselves.
                log.exception("intake.crashed")
                await asyncio.sleep(BACKOFF_CAP_S)

    async def step(self, block_ms: int = BLOCK_MS) -> int:
        """Read one batch and hand it on; returns how many entries it had."""
        now = asyncio.get_running_loop().time()
        entries: list[Entry] = []
        if now >= self._reclaim_at:
            self._reclaim_at = now + RECLAIM_EVERY_S
            entries = await self._stream.reclaim(self._at_most, ABANDONED_MS)
            await self._stream.forget_the_dead(DEAD_MS)
        if not entries:
            entries = await self._stream.read(self._at_most, block_ms)
        full = len(entries) >= self._at_most
        self._at_most = self._next_size(entries, full=full)
        await self._hand_on(entries, full=full)
        return len(entries)

    def _next_size(self, entries: Sequence[Entry], *, full: bool) -> int:
        """How many to read next: more where there were more, and fewer where they take too much memory."""
        if sum(map(_bytes, entries)) > BATCH_BYTES:
            return max(1, len(entries) // 4)
        return min(self._batch, 2 * self._at_most) if full else self._at_most

    async def _hand_on(self, entries: Sequence[Entry], *, full: bool) -> None:
        rejected = [Rejected(each.id, _shown(each), why) for each in entries if (why := self._unfit(each))]
        for one in rejected:
            log.warning("event.rejected", entry=one.entry, error=one.error)
        await self._stream.reject(rejected)
        unfit = {one.entry for one in rejected}
        fit = [each for each in entries if each.id not in unfit]
        if not fit:
            return
        ids = [each.id for each in fit]
        if full:
            await self._publish(ids)
            return
        refreshing = asyncio.create_task(self._refresh())
        await self._publish(ids)
        # Small batches cost as much as large ones. What comes until this one is begun is the next.
        await self._stream.until_fetched(BEGUN_S)
        await refreshing

    def _unfit(self, entry: Entry) -> str | None:
        """Why an entry need not be looked into."""
        if entry.raw is None:
            has = ", ".join(_name(name) for name, _ in entry.others[:NAMED]) or "none"
            return f"event: the entry has no field `event` (it has {has}); send XADD bellhop:events * event '<json>'"
        if len(entry.raw) > self._max_event_bytes:
            limit = self._max_event_bytes
            return f"event: has {len(entry.raw)} bytes; at most {limit} are taken (BELLHOP_MAX_EVENT_BYTES)"
        return None


def _shown(entry: Entry) -> bytes:
    """What was sent: the event, or where there is none the entry's names and values, as far as they are kept."""
    if entry.raw is not None:
        return entry.raw
    kept = bytearray()
    for part in chain.from_iterable(entry.others):
        kept += part[: RAW_KEPT_BYTES - len(kept)] + b" "
        if len(kept) >= RAW_KEPT_BYTES:
            break
    return bytes(kept[:-1])


def _bytes(entry: Entry) -> int:
    return len(entry.raw) if entry.raw is not None else sum(len(name) + len(value) for name, value in entry.others)


def _name(raw: bytes) -> str:
    """A field's name as an error may show it."""
    text = raw[:NAME_BYTES].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in text) + ("…" if len(raw) > NAME_BYTES else "")
