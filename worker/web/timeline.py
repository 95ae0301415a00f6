"""What became of one event as steps in time, destination by destination. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from worker.channels.wording import clock, duration
from worker.models import Event, Kind, Outcome
from worker.stores.records import DeliveryRecord, EventRecord
from worker.web.deliveries_view import TONES, is_dead, label, wait
from worker.web.words import ms

VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    Kind.DELIVERED: ("delivered", "good"),
    Kind.RETRYABLE: ("failed for now", "warn"),
    Kind.RATE_LIMITED: ("rate limited", "warn"),
    Kind.PERMANENT: ("refused", "bad"),
    Kind.AMBIGUOUS: ("no answer", "odd"),
}
"""What an attempt is called, and its colour."""
WHY_AGAIN: Final[Mapping[str, str]] = {
    Kind.RETRYABLE: "such a failure may pass",
    Kind.RATE_LIMITED: "the vendor limits the rate",
    Kind.AMBIGUOUS: "it went out whole and drew no answer, so that it may not have arrived",
}
ENDS: Final[Mapping[str, str]] = {
    Outcome.DELIVERED: "Delivered",
    Outcome.FAILED: "Failed, and kept as a dead letter",
    Outcome.SKIPPED: "Skipped",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a delivery. `at` is epoch seconds, None where nothing has happened yet."""

    title: str
    tone: str
    at: float | None = None
    clock: str = ""
    """The same for people: with its date where that is not the one on which the event came."""
    after: str = ""
    """How long after the event came."""
    word: str = ""
    """What came of it, for a badge."""
    facts: tuple[str, ...] = ()
    """Status and how long it took."""
    detail: str = ""
    """The vendor's words, as they were recorded."""
    then: str = ""
    """When the next attempt is, and why."""


@dataclass(frozen=True, slots=True)
class Way:
    """An event's way to one destination."""

    name: str
    channel: str
    state: str
    tone: str
    dead: bool
    ambiguous: bool
    reference: str
    steps: tuple[Step, ...]


def ways(record: EventRecord, now: float) -> list[Way]:
    """One per destination, in the order in which they were owed."""
    return [_way(each, record.at, now) for each in record.deliveries]


def said_later(event: Event, at: float) -> str:
    """How long before it came it had occurred, where that is worth a word."""
    late = at - event.occurred_at
    return f"{duration(late)} before it came" if late >= 1 else ""


def _way(delivery: DeliveryRecord, came: float, now: float) -> Way:
    told = delivery.details
    return Way(
        name=delivery.destination,
        channel=label(delivery.channel),
        state=delivery.state,
        tone=TONES.get(delivery.state, ""),
        dead=is_dead(delivery.state, told.get("reason", "")),
        ambiguous=bool(told.get("ambiguous")),
        reference=told.get("provider_ref") or "",
        steps=tuple(_steps(delivery, came, now)),
    )


def _steps(delivery: DeliveryRecord, came: float, now: float) -> list[Step]:
    before = list(_tried(delivery.before_replay, came))
    again = [Step("Replayed: it began again", "")] if before else []
    return [*before, *again, *_tried(delivery.attempts, came), *_end(delivery, came, now)]


def _tried(attempts: Iterable[Mapping[str, Any]], came: float) -> Iterator[Step]:
    number = 0
    for attempt in attempts:
        if attempt["number"] > number + 1:
            yield Step(f"Attempts {number + 1} to {attempt['number'] - 1} are not kept", "")
        number = attempt["number"]
        yield _attempt(attempt, came)


def _attempt(attempt: Mapping[str, Any], came: float) -> Step:
    word, tone = VERDICTS[attempt["kind"]]
    status = [f"status {attempt['status_code']}"] if attempt["status_code"] else []
    return Step(
        title=f"Attempt {attempt['number']}",
        tone=tone,
        at=attempt["at"],
        clock=_clock(attempt["at"], came),
        after=_after(attempt["at"], came),
        word=word,
        facts=(*status, ms(attempt["elapsed_ms"])),
        detail=attempt["detail"],
        then=_then(attempt),
    )


def _then(attempt: Mapping[str, Any]) -> str:
    if not attempt["retry_at"]:
        return ""
    pause = duration(max(0.0, attempt["retry_at"] - attempt["at"]))
    why = WHY_AGAIN.get(attempt["kind"], "")
    return f"The next was set for {pause} later{', as ' + why if why else ''}."


def _end(delivery: DeliveryRecord, came: float, now: float) -> list[Step]:
    """How it stands: nothing where its last attempt says all."""
    told, attempts = delivery.details, delivery.attempts
    if delivery.state == "owed":
        return [Step("Owed, and not tried yet", "")]
    if delivery.state == "retrying":
        return [Step(wait(delivery.state, told.get("due_at"), now).capitalize() or "Owed", "")]
    if delivery.state == Outcome.DELIVERED and attempts:
        return []
    said = attempts[-1]["detail"] if attempts else ""
    detail = told["detail"] if told["detail"] != said else ""
    at = told["finished_at"]
    reason = told["reason"].replace("_", " ")
    when = (_clock(at, came), _after(at, came)) if at else ("", "")
    return [Step(ENDS[delivery.state], TONES[delivery.state], at, *when, word=reason, detail=detail)]


def _clock(at: float, came: float) -> str:
    """`14:05:00`, or with its date."""
    told = clock(at).removesuffix(" UTC")
    return told[11:] if told[:10] == clock(came)[:10] else told


def _after(at: float, came: float) -> str:
    """`+0.2 s` to the blink, `+12 min` where it is long."""
    late = max(0.0, at - came)
    return f"+{ms(late * 1000)}" if late < 60 else f"+{duration(late)}"  # noqa: PLR2004 - a minute
