"""When the next attempt is due. Pure: the clock and the dice are arguments.

Exponential backoff with full jitter: a wait is drawn evenly from 0 to the ceiling, so that workers whose
vendor comes back do not return all at once
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.models import Kind, Verdict

SOONEST_S = 0.5
"""No attempt follows another faster than this, whatever the dice say."""
LONGEST_ASKED_S = 3600.0
"""What a vendor may ask us to wait at the most; a `Retry-After` of a year would be a loss in disguise."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a channel retries.

    With the defaults the ceilings are 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 … seconds, until the deadline.
    """

    base_s: float = 2.0
    factor: float = 2.0
    cap_s: float = 300.0
    attempts: int = 50
    """A bound against a mistake in the other figures; the deadline is what ends retries in practice."""
    ambiguous_attempts: int = 2
    """How often in all a message may be sent whose fate is unknown, where the vendor knows no idempotency key."""

    def ceiling_s(self, attempt: int) -> float:
        """The longest wait after attempt number `attempt` (from 1), in seconds."""
        return min(self.cap_s, self.base_s * self.factor ** min(attempt - 1, 60))


def decide(
    policy: RetryPolicy,
    *,
    attempt: int,
    ambiguous: int,
    verdict: Verdict,
    now: float,
    deadline: float,
    jitter: float,
) -> float | None:
    """When the next attempt is due (epoch seconds), or None where this was the last.

    Args:
        policy: the channel's.
        attempt: the number of the attempt that `verdict` is about, from 1.
        ambiguous: how many attempts so far, this one included, ended ambiguous.
        verdict: what came of it.
        now: epoch seconds by the ledger's clock.
        deadline: epoch seconds after which the alert helps nobody.
        jitter: evenly drawn from [0, 1).
    """
    if verdict.kind in {Kind.DELIVERED, Kind.PERMANENT} or attempt >= policy.attempts:
        return None
    if verdict.kind is Kind.AMBIGUOUS and ambiguous >= policy.ambiguous_attempts:
        return None
    due = now + max(SOONEST_S, policy.ceiling_s(attempt) * jitter)
    asked = asked_until(verdict, now)
    if asked is not None:
        # Not all at the very second of the reset: up to a tenth of the wait later.
        due = asked + (asked - now) * 0.1 * jitter
    return due if due < deadline else None


def asked_until(verdict: Verdict, now: float) -> float | None:
    """Until when the vendor asked us to wait, in epoch seconds and within reason; None where it did not."""
    until = verdict.retry_at
    if verdict.retry_after_s is not None:
        until = max(until or 0.0, now + verdict.retry_after_s)
    if until is None or until <= now:
        return None
    return min(until, now + LONGEST_ASKED_S)
