"""Step 4: what happened is written back: the record for people, the result for producers.

Whatever settles at the same time is written by one script call: while one call is under way the next batch gathers
by itself, so that a batch is one delivery when idle and hundreds under load, and nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final, Literal

import msgspec
import structlog
from msgspec import Struct
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


def record_json(progress: Progress) -> bytes:
    """The record that `bellhop deliveries show` reads: where the delivery stands, and every attempt."""
    return _ENCODER.encode(record_of(progress))


def result_json(progress: Progress) -> bytes:
    """The result for producers (DESIGN's contract); `outcome` is `attempted` where it is not settled yet."""
    return _ENCODER.encode(result_of(progress.delivery.id, record_of(progress), len(progress.attempts)))


def record_and_result(progress: Progress) -> tuple[bytes, bytes]:
    """Both at once: what they share is worked out once."""
    record = record_of(progress)
    result = result_of(progress.delivery.id, record, len(progress.attempts))
    return _ENCODER.encode(record), _ENCODER.encode(result)


def untried_json(
    delivery: DeliveryId, outcome: Outcome, reason: Reason, detail: str, *, at: float
) -> tuple[bytes, bytes]:
    """(record, result) of a delivery that is never tried."""
    record = Record(delivery.channel, outcome, reason, detail=detail, finished_at=at)
    return _ENCODER.encode(record), _ENCODER.encode(result_of(delivery, record, 0))


class Record(Struct, frozen=True):
    """One delivery as it stands, in its event's record. Times are epoch seconds."""

    channel: str
    outcome: Outcome | None
    reason: Reason
    status_code: int | None = None
    detail: str = ""
    first_attempt_at: float | None = None
    finished_at: float | None = None
    elapsed_ms: float = 0.0
    provider_ref: str | None = None
    ambiguous: bool = False
    due_at: float | None = None
    attempts: tuple[Attempt, ...] = ()


class Result(Struct, frozen=True):
    """What producers read on the results stream (DESIGN's contract): its fields in their order."""

    event_id: str
    app: str
    destination: str
    channel: str
    outcome: Outcome | Literal["attempted"]
    reason: Reason
    status_code: int | None
    detail: str
    first_attempt_at: float | None
    finished_at: float | None
    elapsed_ms: float
    provider_ref: str | None
    ambiguous: bool
    attempts: int


def record_of(progress: Progress) -> Record:
    """The record of where a delivery stands."""
    attempts = progress.attempts
    first = attempts[0].at if attempts else None
    last = attempts[-1].at + attempts[-1].elapsed_ms / 1000 if attempts else progress.delivery.claimed_at
    return Record(
        channel=progress.delivery.id.channel,
        outcome=progress.outcome,
        reason=progress.reason,
        status_code=progress.status_code,
        detail=progress.detail,
        first_attempt_at=first,
        finished_at=None if progress.outcome is None else round(last, 3),
        elapsed_ms=attempts[0].elapsed_ms if len(attempts) == 1 else round((last - (first or last)) * 1000, 1),
        provider_ref=progress.provider_ref,
        ambiguous=Kind.AMBIGUOUS in [attempt.kind for attempt in attempts],
        due_at=progress.due_at,
        attempts=_kept(attempts),
    )


def result_of(delivery: DeliveryId, record: Record, attempts: int) -> Result:
    """The result that goes with a record; a record keeps not all of many attempts."""
    return Result(
        event_id=delivery.event_id,
        app=delivery.app,
        destination=delivery.destination,
        channel=record.channel,
        outcome=record.outcome or "attempted",
        reason=record.reason,
        status_code=record.status_code,
        detail=record.detail,
        first_attempt_at=record.first_attempt_at,
        finished_at=record.finished_at,
        elapsed_ms=record.elapsed_ms,
        provider_ref=record.provider_ref,
        ambiguous=record.ambiguous,
        attempts=attempts,
    )


def _kept(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    return attempts if len(attempts) <= KEPT_ATTEMPTS else (attempts[0], *attempts[1 - KEPT_ATTEMPTS :])


def load_attempts(record: bytes | None) -> tuple[Attempt, ...]:
    """The attempts that a record holds."""
    return _DECODER.decode(record).attempts if record else ()


class _Tried(Struct):
    """What is read back of a record."""

    attempts: tuple[Attempt, ...]


_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder(_Tried)
