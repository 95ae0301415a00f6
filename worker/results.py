"""Step 4: what happened is written back: the record for people, the result for producers.

Whatever settles at the same time is written by one script call: while one call is under way the next batch gathers
by itself, so that a batch is one delivery when idle and hundreds under load, and nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final

import structlog
from redis.exceptions import RedisError

from config.settings import ResultsDetail
from worker.cancelling import ended
from worker.models import Progress
from worker.record import record_and_result
from worker.stores.ledger import Ledger, line_of
from worker.stores.ledger_values import Settled, Settlement
from worker.stores.redis_faults import why

log = structlog.get_logger()

BATCH: Final = 400
RETRY_S: Final = 0.5


class Fate(Enum):
    """What became of a settlement."""

    WRITTEN = "written"
    LOST = "lost"  # the lease had ended and somebody else has the delivery
    SUPERSEDED = "superseded"  # its "resolved" waits behind it: no further attempt
    FAILED = "failed"  # a defect of ours; it comes due again when its lease ends


Then = Callable[[Progress, Fate], None]
"""What is called when a progress has been written."""


class Results:
    """Writes progress to the ledger in batches; `publish` wakes what stood behind a settled delivery."""

    def __init__(self, ledger: Ledger, publish: Callable[[list[str]], Awaitable[None]], detail: ResultsDetail) -> None:
        self._ledger = ledger
        self._publish = publish
        self._detail = detail
        self._queue: list[tuple[Progress, Then]] = []
        self._writer: asyncio.Task[None] | None = None

    def write(self, progress: Progress, then: Then) -> None:
        """Write where a delivery stands; `then` is called once Redis has it, however long Redis is away."""
        self._queue.append((progress, then))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        """Stop writing; what is not written is still under its lease."""
        if self._writer is not None:
            await ended([self._writer])

    async def _write_all(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Progress, Then]]) -> None:
        try:
            settled = await self._settle([self._settlement(progress) for progress, _ in batch])
        except Exception:
            log.exception("results.crashed", settlements=len(batch))
            for progress, then in batch:
                then(progress, Fate.FAILED)
            return
        for progress, then in batch:
            then(progress, _fate(progress.delivery.lease, settled))
        if settled.woken:
            await self._publish(settled.woken)

    async def _settle(self, settlements: Sequence[Settlement]) -> Settled:
        while True:
            try:
                return await self._ledger.settle(settlements)
            except RedisError as error:
                # What is held back is bounded by the deliveries in flight, and no new ones begin meanwhile.
                log.warning("results.waiting", settlements=len(settlements), error=why(error))
                await asyncio.sleep(RETRY_S)

    def _settlement(self, progress: Progress) -> Settlement:
        settled = progress.outcome is not None
        record, result = record_and_result(progress)
        return Settlement(
            lease=progress.delivery.lease,
            record=record,
            line=line_of(progress.delivery.event),
            result=result if settled or self._detail is ResultsDetail.ATTEMPTS else b"",
            due_ms=0 if settled else max(1, int((progress.due_at or 0) * 1000)),
            hold_until_ms=int((progress.hold_until or 0) * 1000),
            thread=(progress.provider_ref or "") if progress.keep_thread else "",
            marks=progress.delivery.marks,
            health=progress.health,
            why=f"{progress.reason} {progress.status_code or ''}".strip(),
            dead=progress.dead,
        )


def _fate(lease: str, settled: Settled) -> Fate:
    if lease in settled.lost:
        return Fate.LOST
    return Fate.SUPERSEDED if lease in settled.superseded else Fate.WRITTEN
