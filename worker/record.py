"""A delivery as Redis keeps it, and the result that producers read: both as JSON. Pure.

A record is short, because there are very many of them: what has its default is left out, and what follows from the
attempts is worked out when it is read.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from worker.models import Attempt, DeliveryId, Kind, Outcome, Progress, Reason

KEPT_ATTEMPTS: Final = 30
"""How many attempts a record keeps: the first and the latest; each knows its number."""


class Record(Struct, frozen=True, gc=False, omit_defaults=True):
    """One delivery as it stands. Times are epoch seconds."""

    reason: Reason
    outcome: Outcome | None = None
    status_code: int | None = None
    detail: str = ""
    finished_at: float | None = None
    provider_ref: str | None = None
    ambiguous: bool = False
    due_at: float | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def first_attempt_at(self) -> float | None:
        """When it was first tried."""
        return self.attempts[0].at if self.attempts else None

    @property
    def elapsed_ms(self) -> float:
        """From the beginning of the first attempt to the end of the latest."""
        if len(self.attempts) < 2:  # noqa: PLR2004 - one attempt takes as long as it took
            return self.attempts[0].elapsed_ms if self.attempts else 0.0
        last = self.attempts[-1]
        return round((last.at - self.attempts[0].at) * 1000 + last.elapsed_ms, 1)


class Result(Struct, frozen=True, gc=False):
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


def record_and_result(progress: Progress) -> tuple[bytes, bytes]:
    """The record that `bellhop deliveries show` reads, and the result for producers (DESIGN's contract).

    The result's `outcome` is `attempted` where the delivery is not settled yet.
    """
    record = _record_of(progress)
    result = _result_of(progress.delivery.id, record, len(progress.attempts))
    return _ENCODER.encode(record), _ENCODER.encode(result)


def untried_json(
    delivery: DeliveryId, outcome: Outcome, reason: Reason, detail: str, *, at: float
) -> tuple[bytes, bytes]:
    """(record, result) of a delivery that is never tried."""
    record = Record(reason, outcome, detail=detail, finished_at=at)
    return _ENCODER.encode(record), _ENCODER.encode(_result_of(delivery, record, 0))


def load_record(raw: bytes) -> Record:
    """A record as it is kept; ValueError where this version cannot read it."""
    return _DECODER.decode(raw)


def read_record(raw: bytes, channel: str) -> dict[str, Any]:
    """A record with everything spelled out, as people and scripts read it."""
    record = load_record(raw)
    return {
        "channel": channel,
        "outcome": record.outcome,
        "reason": record.reason,
        "status_code": record.status_code,
        "detail": record.detail,
        "first_attempt_at": record.first_attempt_at,
        "finished_at": record.finished_at,
        "elapsed_ms": record.elapsed_ms,
        "provider_ref": record.provider_ref,
        "ambiguous": record.ambiguous,
        "due_at": record.due_at,
        "attempts": [msgspec.structs.asdict(attempt) for attempt in record.attempts],
    }


def load_attempts(record: bytes | None) -> tuple[Attempt, ...]:
    """The attempts that a record holds."""
    return _DECODER.decode(record).attempts if record else ()


_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder(Record)


def _record_of(progress: Progress) -> Record:
    attempts = progress.attempts
    last = attempts[-1].at + attempts[-1].elapsed_ms / 1000 if attempts else progress.delivery.claimed_at
    return Record(
        reason=progress.reason,
        outcome=progress.outcome,
        status_code=progress.status_code,
        detail=progress.detail,
        finished_at=None if progress.outcome is None else round(last, 3),
        provider_ref=progress.provider_ref,
        ambiguous=Kind.AMBIGUOUS in [attempt.kind for attempt in attempts],
        due_at=progress.due_at,
        attempts=_kept(attempts),
    )


def _result_of(delivery: DeliveryId, record: Record, attempts: int) -> Result:
    """The result that goes with a record; a record keeps not all of many attempts."""
    return Result(
        event_id=delivery.event_id,
        app=delivery.app,
        destination=delivery.destination,
        channel=delivery.channel,
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
