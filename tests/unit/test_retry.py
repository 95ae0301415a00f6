"""When the next attempt is due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.models import Kind, Reason, Verdict
from worker.retry import LONGEST_ASKED_S, SOONEST_S, RetryPolicy, asked_until, decide

NOW = 1_795_000_000.0
KINDS = st.sampled_from(Kind)
WAITS = st.none() | st.floats(-10, 1e9)


def due(kind, *, attempt=1, ambiguous=0, jitter=1.0, deadline=NOW + 3600, policy=None, **asked):
    """`decide` with what a test does not speak of filled in."""
    verdict = Verdict(kind, Reason.SERVER_ERROR, **asked)
    policy = policy or RetryPolicy()
    return decide(
        policy, attempt=attempt, ambiguous=ambiguous, verdict=verdict, now=NOW, deadline=deadline, jitter=jitter
    )


def test_ceilings_double_until_the_cap():
    """The longest waits are 2, 4, 8 … and never more than the cap."""
    ceilings = [RetryPolicy().ceiling_s(attempt) for attempt in range(1, 11)]
    assert ceilings == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_delivered_and_permanent_are_never_tried_again():
    """What arrived, and what the vendor will always refuse, is settled."""
    assert due(Kind.DELIVERED) is None
    assert due(Kind.PERMANENT) is None


def test_full_jitter_spans_from_nothing_to_the_ceiling():
    """The dice alone decide where between the soonest and the ceiling the next attempt falls."""
    assert due(Kind.RETRYABLE, attempt=5, jitter=0.0) == NOW + SOONEST_S
    assert due(Kind.RETRYABLE, attempt=5, jitter=0.5) == NOW + 16


def test_what_the_vendor_asks_for_wins_over_the_backoff():
    """Retry-After and a reset time are obeyed, the later of the two, with a little spread."""
    assert due(Kind.RATE_LIMITED, retry_after_s=120, jitter=0.0) == NOW + 120
    assert due(Kind.RATE_LIMITED, retry_after_s=120, jitter=1.0) == NOW + 132
    assert due(Kind.RATE_LIMITED, retry_after_s=10, retry_at=NOW + 40, jitter=0.0) == NOW + 40


def test_a_wait_beyond_reason_is_cut():
    """A vendor that asks for a year gets an hour: a longer wait would be a loss in disguise."""
    assert asked_until(Verdict(Kind.RATE_LIMITED, Reason.RATE_LIMITED, retry_after_s=3e7), NOW) == NOW + LONGEST_ASKED_S


def test_no_attempt_after_the_deadline():
    """A retry that would come too late for anybody is not made."""
    assert due(Kind.RETRYABLE, attempt=9, deadline=NOW + 100) is None


def test_ambiguous_is_tried_as_often_as_allowed():
    """A message of unknown fate is sent again once by default, and never where the owner says stop."""
    assert due(Kind.AMBIGUOUS, ambiguous=1) is not None
    assert due(Kind.AMBIGUOUS, ambiguous=2, attempt=2) is None
    assert due(Kind.AMBIGUOUS, ambiguous=1, policy=RetryPolicy(ambiguous_attempts=1)) is None


@given(
    KINDS,
    st.integers(1, 60),
    st.integers(0, 5),
    st.floats(0, 1, exclude_max=True),
    st.floats(-100, 90_000),
    WAITS,
    WAITS,
)
def test_a_due_time_is_always_in_the_future_and_before_the_deadline(kind, attempt, ambiguous, jitter, lasts, after, at):
    """Whatever the vendor says, nothing is retried at once, in the past, or past its deadline."""
    found = due(
        kind,
        attempt=attempt,
        ambiguous=ambiguous,
        jitter=jitter,
        deadline=NOW + lasts,
        retry_after_s=after,
        retry_at=at,
    )
    if found is not None:
        assert NOW < found < NOW + lasts
        assert found <= NOW + LONGEST_ASKED_S * 1.1
