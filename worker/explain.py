"""What was decided about an event, and why, in plain sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from worker.channels import CHANNELS
from worker.channels.wording import clock, duration
from worker.models import Event, Kind, Outcome
from worker.stores.records import DeliveryRecord, EventRecord
from worker.stores.troubles import Trouble

KINDS: Mapping[str, str] = {
    Kind.DELIVERED: "was taken",
    Kind.RETRYABLE: "failed, and may be tried again",
    Kind.RATE_LIMITED: "was turned away by the vendor's rate limit",
    Kind.PERMANENT: "was refused for good",
    Kind.AMBIGUOUS: "went out whole and drew no answer, so that it may or may not have arrived",
}


def explain(record: EventRecord, troubles: Mapping[tuple[str, str], Trouble], now: float) -> list[str]:
    """One paragraph for the event and one per destination.

    Args:
        record: the event's.
        troubles: destinations in trouble, by (app, destination).
        now: epoch seconds.
    """
    paragraphs = [" ".join(_about(record.event, record.at))]
    if not record.deliveries:
        paragraphs.append("Nothing was owed for it: the app had no destinations.")
    for delivery in record.deliveries:
        trouble = troubles.get((delivery.app, delivery.destination))
        paragraphs.append(" ".join(_delivery(delivery, trouble, now)))
    return paragraphs


def _about(event: Event, at: float) -> Iterator[str]:
    yield f'Event {event.id} of app {event.app}, "{event.title}", came at {clock(at)}.'
    yield f"It is {event.status} with severity {event.severity}, and speaks of the condition {event.dedup_key}."
    if at - event.occurred_at > 60:  # noqa: PLR2004 - a minute is worth a word
        yield f"It had occurred {duration(at - event.occurred_at)} before."


def _delivery(delivery: DeliveryRecord, trouble: Trouble | None, now: float) -> Iterator[str]:
    channel = CHANNELS.get(delivery.channel)
    yield f"{delivery.destination} ({channel.label if channel else delivery.channel}):"
    for attempt in delivery.before_replay:
        yield _attempt(attempt)
    if delivery.before_replay:
        yield "Then it was replayed, and began again."
    for attempt in delivery.attempts:
        yield _attempt(attempt)
    yield _state(delivery, now)
    if delivery.details.get("ambiguous"):
        yield "Its result is marked ambiguous: it may have been seen twice."
    if trouble is not None and delivery.state in {"owed", "retrying", Outcome.SKIPPED}:
        yield f"The destination is in trouble now: {trouble.words}."


def _attempt(attempt: Mapping[str, Any]) -> str:
    status = f" with status {attempt['status_code']}" if attempt["status_code"] else ""
    words = f"attempt {attempt['number']} at {clock(attempt['at'])} {KINDS[attempt['kind']]}{status}"
    detail = f" ({attempt['detail']})" if attempt["detail"] else ""
    if attempt["retry_at"]:
        wait = duration(attempt["retry_at"] - attempt["at"])
        return f"{words}{detail}, and the next was set for {wait} later."
    return f"{words}{detail}."


def _state(delivery: DeliveryRecord, now: float) -> str:
    details = delivery.details
    if delivery.state == "owed":
        return "It is owed, and was not tried yet."
    if delivery.state == "retrying":
        wait = (details.get("due_at") or now) - now
        return f"It is owed; the next attempt is due in {duration(wait)}." if wait > 0 else "It is owed, and due now."
    if delivery.state == Outcome.DELIVERED:
        return f"It was delivered {duration(details['elapsed_ms'] / 1000)} after its first attempt."
    verb = "was skipped" if delivery.state == Outcome.SKIPPED else "failed, and is kept as a dead letter"
    return f"It {verb}: {details['reason']}; {details['detail']}."
