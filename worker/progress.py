"""Where a delivery stands: whether it may be attempted at all, and what follows from an attempt. Pure.

Clock and dice are arguments; `worker.retry.decide` says when the next attempt is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from worker.attempt import Attempted
from worker.channels.channel import Channel
from worker.graph_link import with_graph_link
from worker.models import (
    Attempt,
    Delivery,
    Destination,
    Health,
    Kind,
    Notice,
    OnAmbiguous,
    Outcome,
    Progress,
    Reason,
    Verdict,
)
from worker.results import Fate
from worker.retry import RetryPolicy, asked_until, decide
from worker.routes import Route

LATE_AFTER_S: Final = 60.0
"""From when on a message says how late it is."""
DEATHS: Final = 2
"""After so many workers that died over a delivery in a row it is not tried again without an operator's word."""
RESOLVED_DEADLINE_S: Final = 86_400.0
"""How long a "resolved" is worth delivering at the least: until it comes an incident stays open."""


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """What an operator sets about deliveries. Times in seconds."""

    firing_deadline_s: float = 3600.0
    in_flight: int = 1000
    """Of one worker process."""
    console_url: str = ""
    """Where people reach the console; empty where they do not."""


def refusal(
    delivery: Delivery, destination: Destination | None, route: Route | None, rules: DeliveryRules
) -> Progress | None:
    """Why this delivery is not attempted, already settled; None where it may be."""
    why = _barred(delivery, destination, route)
    if why is None and route is not None:
        why = _spent(delivery, route, rules)
    return Progress(delivery, delivery.attempts, why[1], why[0], detail=why[2]) if why else None


def _barred(
    delivery: Delivery, destination: Destination | None, route: Route | None
) -> tuple[Outcome, Reason, str] | None:
    """Why its destination takes nothing; None where it does."""
    if destination is not None and route is not None and destination.enabled and not delivery.paused:
        return None
    where = f"{delivery.id.app}/{delivery.id.destination}"
    if destination is None:
        return Outcome.FAILED, Reason.NO_DESTINATION, f"{where} was deleted since the event came"
    if route is None:
        return Outcome.FAILED, Reason.BAD_SETTINGS, destination.problem
    if not destination.enabled:
        return Outcome.SKIPPED, Reason.DISABLED, f"{where} was disabled since the event came"
    words = f"{where} is paused ({delivery.paused}); a Test that succeeds resumes it"
    return Outcome.SKIPPED, Reason.PAUSED, words


def _spent(delivery: Delivery, route: Route, rules: DeliveryRules) -> tuple[Outcome, Reason, str] | None:
    """Why no further attempt may follow those that were made; None where one may."""
    tried = len(delivery.attempts)
    if delivery.deaths >= DEATHS:
        words = f"its worker died {delivery.deaths} times while it was under way"
        return Outcome.FAILED, Reason.WORKER_DIED, words
    if delivery.ambiguous >= ambiguous_allowed(route):
        words = f"sent {delivery.ambiguous} times without an answer; not again, so that nobody sees it more often"
        return Outcome.FAILED, Reason.NO_ANSWER, words
    if delivery.claimed_at > deadline_of(delivery, route.channel, rules):
        last = f"; the last: {delivery.attempts[-1].detail}" if tried else ""
        return Outcome.FAILED, Reason.EXPIRED, f"its deadline passed after {tried} attempts{last}"
    return None


def superseded(delivery: Delivery, attempts: tuple[Attempt, ...]) -> Progress:
    """Settled because its condition is over."""
    detail = "its condition was resolved while it was still owed; the resolved alert is delivered in its place"
    return Progress(delivery, attempts, Reason.SUPERSEDED, Outcome.SKIPPED, detail=detail)


def notice_of(delivery: Delivery, thread: str | None, console_url: str = "") -> Notice:
    """What the channel is asked to say."""
    late = delivery.claimed_at - delivery.event.received_at
    return Notice(
        event=with_graph_link(delivery.event, console_url),
        delivery_id=str(delivery.id),
        attempt=next_number(delivery.attempts),
        now=delivery.claimed_at,
        late_s=late if late > LATE_AFTER_S else 0.0,
        thread_ref=thread,
    )


def outcome_of(
    delivery: Delivery, route: Route, attempted: Attempted, *, now: float, rules: DeliveryRules, jitter: float
) -> Progress:
    """Where the delivery stands after this attempt.

    Args:
        delivery: as it was claimed.
        route: where it went.
        attempted: what came of it.
        now: epoch seconds by the ledger's clock, after the attempt.
        rules: the operator's.
        jitter: evenly drawn from [0, 1).
    """
    verdict = attempted.verdict
    number = next_number(delivery.attempts)
    delivered = verdict.kind is Kind.DELIVERED
    due = None if delivered else _due(delivery, route, verdict, now=now, rules=rules, jitter=jitter)
    this = Attempt(
        number=number,
        at=round(delivery.claimed_at, 3),
        elapsed_ms=round(attempted.elapsed_ms, 1),
        kind=verdict.kind,
        reason=verdict.reason,
        status_code=verdict.status_code,
        detail=verdict.detail,
        retry_at=due,
    )
    return Progress(
        delivery=delivery,
        attempts=(*delivery.attempts, this),
        reason=verdict.reason,
        outcome=Outcome.DELIVERED if delivered else Outcome.FAILED if due is None else None,
        due_at=due,
        detail=verdict.detail,
        status_code=verdict.status_code,
        provider_ref=verdict.provider_ref,
        hold_until=None if delivered else asked_until(verdict, now),
        health=health_of(verdict),
        keep_thread=delivered and route.channel.keeps_thread and delivery.event.firing,
    )


def _due(
    delivery: Delivery, route: Route, verdict: Verdict, *, now: float, rules: DeliveryRules, jitter: float
) -> float | None:
    """When what was not delivered is due again; None where that was its last attempt."""
    return decide(
        policy_of(route),
        attempt=next_number(delivery.attempts),
        ambiguous=delivery.ambiguous + (verdict.kind is Kind.AMBIGUOUS),
        verdict=verdict,
        now=now,
        deadline=deadline_of(delivery, route.channel, rules),
        jitter=jitter,
    )


_HEALTH: Final = {
    Kind.DELIVERED: Health.OK,
    Kind.RETRYABLE: Health.BAD,
    Kind.AMBIGUOUS: Health.BAD,
    Kind.RATE_LIMITED: Health.UNKNOWN,  # it is well, and its wait is kept by other means
}
_PERMANENT: Final = {
    Reason.UNAUTHORIZED: Health.DENIED,
    Reason.NOT_FOUND: Health.DENIED,
    Reason.CLIENT_ERROR: Health.OK,
}
_OURS: Final = frozenset({Reason.INTERNAL, Reason.BAD_SETTINGS})


def health_of(verdict: Verdict) -> Health:
    """What an attempt says of its destination."""
    if verdict.reason in _OURS:
        return Health.UNKNOWN
    if verdict.kind is Kind.PERMANENT:
        return _PERMANENT.get(verdict.reason, Health.UNKNOWN)
    return _HEALTH[verdict.kind]


def died(attempts: Sequence[Attempt], now: float) -> Attempt:
    """The attempt during which a worker died: whether it arrived nobody knows."""
    detail = "the worker died or lost its lease while it was under way"
    return Attempt(next_number(attempts), now, 0.0, Kind.AMBIGUOUS, Reason.NO_ANSWER, None, detail)


def next_number(attempts: Sequence[Attempt]) -> int:
    """The number of the attempt that comes next."""
    return attempts[-1].number + 1 if attempts else 1


def deadline_of(delivery: Delivery, channel: Channel, rules: DeliveryRules) -> float:
    """Until when the alert is worth delivering, in epoch seconds."""
    lasts = channel.deadline_s or rules.firing_deadline_s
    if not delivery.event.firing:
        lasts = max(lasts, RESOLVED_DEADLINE_S)
    return delivery.since + lasts


def ambiguous_allowed(route: Route) -> int:
    """How many attempts of unknown fate there may be in all."""
    if route.channel.idempotent:
        return route.channel.retry.attempts
    return 1 if route.destination.on_ambiguous is OnAmbiguous.STOP else route.channel.retry.ambiguous_attempts


def policy_of(route: Route) -> RetryPolicy:
    """The channel's retry policy with the destination's word on messages of unknown fate."""
    policy, allowed = route.channel.retry, ambiguous_allowed(route)
    return policy if policy.ambiguous_attempts == allowed else replace(policy, ambiguous_attempts=allowed)


def in_words(progress: Progress, fate: Fate = Fate.WRITTEN) -> str:
    """`delivered, 204 in 12 ms, attempt 1` or `attempt 2: server_error 503; again 4.0 s later`."""
    if fate is Fate.FAILED:
        return "a defect in Bellhop, its log has the traceback; due again when its lease ends"
    if fate is Fate.LOST:
        return "its lease had ended; another worker has it"
    status = f" {progress.status_code}" if progress.status_code else ""
    if progress.outcome is Outcome.DELIVERED:
        return f"delivered,{status} in {progress.attempts[-1].elapsed_ms:.0f} ms, attempt {len(progress.attempts)}"
    if progress.outcome is not None:
        return f"{progress.outcome}: {progress.reason}{status}; {progress.detail}"[:300]
    wait = (progress.due_at or 0) - progress.attempts[-1].at
    return f"attempt {len(progress.attempts)}: {progress.reason}{status}; again {wait:.1f} s later"
