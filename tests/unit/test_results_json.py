"""What is written back as JSON: the record for people, the result for producers."""

from __future__ import annotations

import json

import pytest

from worker.events import parse_event
from worker.models import Attempt, Delivery, DeliveryId, Kind, Outcome, Progress, Reason
from worker.record import KEPT_ATTEMPTS, load_attempts, read_record, record_and_result, untried_json

NOW = 1_795_000_000.0
CONTRACT = (
    "event_id app destination channel outcome reason status_code detail first_attempt_at finished_at elapsed_ms "
    "provider_ref ambiguous attempts"
).split()


def attempt(number, *, kind=Kind.RETRYABLE, reason=Reason.SERVER_ERROR):
    """One try, ten seconds after the one before it."""
    return Attempt(number, NOW + 10 * number, 12.3, kind, reason, 503, "busy", NOW + 10 * number + 10)


def progress(*attempts, **fields):
    """A delivery after these attempts."""
    event = parse_event({"app": "a", "title": "t"}, default_id="7-0", received_at=NOW, max_bytes=1000)
    delivery = Delivery(DeliveryId("hipchat", "a", "ops", "7-0"), "lease", event, (), NOW, NOW)
    return Progress(delivery, attempts, **({"reason": Reason.SERVER_ERROR} | fields))


def record_of(where):
    """The record's JSON."""
    return record_and_result(where)[0]


def result_of(where):
    """The result's JSON."""
    return record_and_result(where)[1]


@pytest.mark.parametrize(("outcome", "told"), [(Outcome.FAILED, "failed"), (None, "attempted")])
def test_a_result_has_the_contracts_fields_in_their_order(outcome, told):
    """Producers read them by name; what is not settled yet is called attempted."""
    result = json.loads(result_of(progress(attempt(1), attempt(2), outcome=outcome, status_code=503)))
    assert list(result) == CONTRACT
    assert (result["event_id"], result["outcome"], result["reason"]) == ("7-0", told, "server_error")
    assert (result["first_attempt_at"], result["elapsed_ms"], result["attempts"]) == (NOW + 10, 10_012.3, 2)
    assert result["finished_at"] == (None if outcome is None else round(NOW + 20.0123, 3))


def test_one_attempt_takes_as_long_as_it_took():
    """Without a second one there is nothing to add up."""
    assert json.loads(result_of(progress(attempt(1))))["elapsed_ms"] == 12.3


def test_a_record_is_short_and_read_back_whole():
    """What a usual delivery has nothing of is left out, and spelled out again for people and scripts."""
    tried = Attempt(1, NOW, 12.3, Kind.DELIVERED, Reason.OK, 204)
    where = progress(tried, reason=Reason.OK, outcome=Outcome.DELIVERED, status_code=204)
    record, result = record_and_result(where)
    assert len(record) < 200
    read = read_record(record, "hipchat")
    same = set(CONTRACT) & set(read) - {"attempts"}
    assert {name: read[name] for name in same} == {name: json.loads(result)[name] for name in same}
    assert read["attempts"] == [
        {
            "number": 1, "at": NOW, "elapsed_ms": 12.3, "kind": "delivered", "reason": "ok", "status_code": 204,
            "detail": "", "retry_at": None,
        }
    ]  # fmt: skip


def test_attempts_are_read_back_from_the_record():
    """Whole, with their kinds and reasons; no record holds none."""
    tried = (attempt(1), attempt(2, kind=Kind.AMBIGUOUS, reason=Reason.NO_ANSWER))
    record = record_of(progress(*tried, due_at=NOW + 99))
    assert load_attempts(record) == tried
    assert load_attempts(None) == load_attempts(b"") == ()
    assert read_record(record, "hipchat")["ambiguous"] is True
    assert read_record(record, "hipchat")["due_at"] == NOW + 99


def test_of_many_attempts_the_first_and_the_latest_are_kept():
    """The result counts all of them all the same."""
    where = progress(*map(attempt, range(1, 101)))
    numbers = [each.number for each in load_attempts(record_of(where))]
    assert numbers == [1, *range(102 - KEPT_ATTEMPTS, 101)]
    assert json.loads(result_of(where))["attempts"] == 100


def test_what_is_never_tried_has_a_record_and_a_result():
    """With why, and with no attempts."""
    delivery = DeliveryId("hipchat", "a", "ops", "7-0")
    raw, told = untried_json(delivery, Outcome.SKIPPED, Reason.DISABLED, "off", at=NOW)
    record, result = read_record(raw, "hipchat"), json.loads(told)
    assert list(result) == CONTRACT
    assert (result["outcome"], result["reason"], result["finished_at"]) == ("skipped", "disabled", NOW)
    assert (record["detail"], record["attempts"], record["due_at"]) == ("off", [], None)
