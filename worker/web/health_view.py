"""How a destination does, in words and rows for its page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.channels.wording import clock, duration
from worker.models import Destination
from worker.stores.buckets import Bucket
from worker.stores.troubles import Trouble, failures
from worker.web.history_rows import Health


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it is, in a sentence; `kind` is good, warn, bad or nothing."""

    kind: str
    words: str


def verdict(destination: Destination, trouble: Trouble | None, held_until: float, known: Health, now: float) -> Verdict:
    """The worst first. `held_until` is when the vendor wants to be left alone until; epoch seconds, 0 for never."""
    if destination.problem:
        return Verdict("bad", f"Its settings cannot be read: {destination.problem}")
    if not destination.enabled:
        return Verdict("", "It is switched off: its alerts are skipped.")
    if trouble is not None:
        return Verdict("bad" if trouble.paused_at else "warn", f"It is in trouble: {trouble.words}.")
    if held_until > now:
        return Verdict("warn", f"The vendor asked to be left alone for {duration(held_until - now)} more.")
    if known.last_success_at is None:
        return Verdict("", "Nothing was delivered to it lately, and nothing is known to be wrong.")
    return Verdict("good", "All is well.")


def circuit(trouble: Trouble | None, now: float) -> str:
    """The circuit breaker: closed lets everything through."""
    if trouble is None or trouble.paused_at or not (trouble.open_until or trouble.failures):
        return "closed"
    if not trouble.open_until:
        return f"closed, after {failures(trouble.failures)}"
    if trouble.open_until <= now:
        return "half open: one delivery tries it"
    return f"open for {duration(trouble.open_until - now)} more, after {failures(trouble.failures)}"


def paused(trouble: Trouble | None) -> str:
    """Since when and why; empty where it is not."""
    return f"since {clock(trouble.paused_at)}: {trouble.why}" if trouble and trouble.paused_at else ""


def limit(bucket: Bucket) -> str:
    """`12 of 30 in 60 s; 3 wait for a turn`."""
    waiting = f"; {bucket.waiting:,} wait for a turn" if bucket.waiting else ""
    return f"{bucket.gone:,} of {bucket.count:,} went in the last {duration(bucket.per_s)}{waiting}"


def outcomes(known: Health) -> list[tuple[str, int, int]]:
    """(reason, last hour, last day), the most frequent of the day first."""
    reasons = sorted(known.last_day, key=lambda reason: (-known.last_day[reason], reason))
    return [(reason, known.last_hour.get(reason, 0), known.last_day[reason]) for reason in reasons]
