"""Step 4: what happened is written back: the record for people, the result for producers.

Whatever settles at the same time is written by one script call: while one call is under way the next batch gathers
by itself, so that a batch is one delivery when idle and hundreds under load, and nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, Final

import orjson
import structlog
from redis.exceptions import RedisError

from config.settings import ResultsDetail
from worker.cancelling import ended
from worker.models import Attempt, DeliveryId, Kind, Outcome, Progress, Reason
from worker.stores.ledger import Ledger, Settled, Settlement, line_of

log = structlog.get_logger()

BATCH: Final = 400
KEPT_ATTEMPTS: Final = 30
"""How many attempts a record keeps: the first and the latest; each knows its number."""
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
                log.warning("results.waiting", settlements=len(settlements), error=str(error))
                await asyncio.sleep(RETRY_S)

    def _settlement(self, progress: Progress) -> Settlement:
        settled = progress.outcome is not None
        return Settlement(
            lease=progress.delivery.lease,
            record=record_json(progress),
            line=line_of(progress.delivery.event),
            result=result_json(progress) if settled or self._detail is ResultsDetail.ATTEMPTS else b"",
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


def record_json(progress: Progress) -> bytes:
    """The record that `bellhop deliveries show` reads: where the delivery stands, and every attempt."""
    return orjson.dumps(_shared(progress) | {"due_at": progress.due_at, "attempts": _kept(progress.attempts)})


def result_json(progress: Progress) -> bytes:
    """The result for producers (DESIGN's contract); `outcome` is `attempted` where it is not settled yet."""
    return orjson.dumps(result_of(progress.delivery.id, _shared(progress), len(progress.attempts)))


def result_of(delivery: DeliveryId, shared: dict[str, Any], attempts: int) -> dict[str, Any]:
    """A result from what record and result share."""
    return {
        "event_id": delivery.event_id,
        "app": delivery.app,
        "destination": delivery.destination,
        **shared,
        "outcome": shared["outcome"] or "attempted",
        "attempts": attempts,
    }


def untried_json(
    delivery: DeliveryId, outcome: Outcome, reason: Reason, detail: str, *, at: float
) -> tuple[bytes, bytes]:
    """(record, result) of a delivery that is never tried."""
    shared = {
        "channel": delivery.channel,
        "outcome": outcome,
        "reason": reason,
        "status_code": None,
        "detail": detail,
        "first_attempt_at": None,
        "finished_at": at,
        "elapsed_ms": 0.0,
        "provider_ref": None,
        "ambiguous": False,
    }
    return orjson.dumps(shared | {"due_at": None, "attempts": []}), orjson.dumps(result_of(delivery, shared, 0))


def _shared(progress: Progress) -> dict[str, Any]:
    attempts = progress.attempts
    first = attempts[0].at if attempts else None
    last = attempts[-1].at + attempts[-1].elapsed_ms / 1000 if attempts else progress.delivery.claimed_at
    return {
        "channel": progress.delivery.id.channel,
        "outcome": progress.outcome,
        "reason": progress.reason,
        "status_code": progress.status_code,
        "detail": progress.detail,
        "first_attempt_at": first,
        "finished_at": None if progress.outcome is None else round(last, 3),
        "elapsed_ms": round((last - (first or last)) * 1000, 1),
        "provider_ref": progress.provider_ref,
        "ambiguous": any(attempt.kind is Kind.AMBIGUOUS for attempt in attempts),
    }


def _kept(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    return attempts if len(attempts) <= KEPT_ATTEMPTS else (attempts[0], *attempts[1 - KEPT_ATTEMPTS :])


def load_attempts(record: bytes | None) -> tuple[Attempt, ...]:
    """The attempts that a record holds."""
    if not record:
        return ()
    rows = orjson.loads(record)["attempts"]
    return tuple(Attempt(**row | {"kind": Kind(row["kind"]), "reason": Reason(row["reason"])}) for row in rows)
