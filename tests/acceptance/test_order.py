"""Of one condition what resolves never overtakes what fires, and takes its place where it is still owed."""

from __future__ import annotations

import pytest
from acceptance.destinations import hipchat, webhook
from acceptance.vendors import body
from fakes.processes import until

pytestmark = pytest.mark.slow

LATE_S = 1.5


def alert(app, status, key="disk", **fields):
    """One condition's event, named by its status."""
    return {
        "app": app,
        "id": f"{key}-{status}",
        "status": status,
        "title": f"{key} {status}",
        "dedup_key": key,
        **fields,
    }


def test_a_resolved_waits_for_its_firing(bellhop, vendors):
    """While a firing alert is on its way its resolved one waits; another condition's does not."""
    bellhop.apply({"in-order": {"room": hipchat(vendors, "in-order")}})
    vendors.break_down("hipchat", "in-order", latency_s=LATE_S, times=1)
    # Given: firing arrived, and its answer is late
    bellhop.send(alert("in-order", "firing"))
    vendors.wait_for(1, "in-order", "hipchat")
    # When
    bellhop.send(alert("in-order", "resolved"), alert("in-order", "firing", key="cpu"))
    # Then
    results = bellhop.wait_for(3, "in-order")
    assert [result["event_id"] for result in results] == ["cpu-firing", "disk-firing", "disk-resolved"]
    assert {(result["outcome"], result["attempts"]) for result in results} == {("delivered", 1)}
    first, *_, last = vendors.arrivals("hipchat", "in-order")
    assert "disk firing" in body(first)["message"]
    assert "disk resolved" in body(last)["message"]
    assert last.at >= first.at + LATE_S


def test_a_resolved_takes_the_place_of_a_firing_that_is_still_owed(bellhop, vendors):
    """A firing alert that waits for its next attempt is superseded; nobody is told of what is over by then."""
    bellhop.apply({"over": {"room": hipchat(vendors, "over")}})
    vendors.break_down("hipchat", "over", status=503)
    bellhop.send(alert("over", "firing"))
    vendors.wait_for(1, "over", "hipchat")
    bellhop.send(alert("over", "resolved"))
    # Then
    (superseded,) = bellhop.wait_for(1, "over")
    told = (superseded["event_id"], superseded["outcome"], superseded["reason"])
    assert told == ("disk-firing", "skipped", "superseded")
    vendors.repair()
    resolved = bellhop.wait_for(2, "over")[-1]
    assert (resolved["event_id"], resolved["outcome"]) == ("disk-resolved", "delivered")
    (taken,) = vendors.accepted("hipchat", "over")
    assert "disk resolved" in body(taken)["message"]


def test_however_they_come_a_resolved_is_the_last_word(bellhop, vendors):
    """Forty conditions fire and resolve in one step to two destinations: each ends resolved, none is out of order."""
    bellhop.apply({"storm": {"room": hipchat(vendors, "storm"), "hook": webhook(vendors, "storm")}})
    keys = [f"key{i:02}" for i in range(40)]
    bellhop.send(*(alert("storm", status, key) for key in keys for status in ("firing", "resolved")))
    results = bellhop.wait_for(4 * len(keys), "storm")
    # Then
    ends = {(result["event_id"].partition("-")[2], result["outcome"], result["reason"]) for result in results}
    assert ends <= {("firing", "delivered", "ok"), ("firing", "skipped", "superseded"), ("resolved", "delivered", "ok")}
    for channel in ("hipchat", "webhook"):
        said = [str(body(arrival)) for arrival in vendors.accepted(channel, "storm")]
        for key in keys:
            statuses = ["resolved" if f"{key} resolved" in text else "firing" for text in said if f"{key} " in text]
            assert statuses in (["resolved"], ["firing", "resolved"]), (channel, key, statuses)


def test_a_condition_that_flaps_is_told_in_order(bellhop, vendors):
    """Firing and resolved five times over: whatever is left out, the two alternate and resolved comes last."""
    bellhop.apply({"flapping": {"room": hipchat(vendors, "flapping")}})
    vendors.break_down("hipchat", "flapping", latency_s=0.2, times=3)
    events = [
        alert("flapping", status) | {"id": f"{turn}-{status}", "title": f"turn {turn} {status}"}
        for turn in range(5)
        for status in ("firing", "resolved")
    ]
    for event in events:
        bellhop.send(event)
    results = bellhop.wait_for(len(events), "flapping")
    sent = [result["event_id"] for result in results if result["outcome"] == "delivered"]
    assert sent == sorted(sent), "in the order in which they were sent"
    assert sent[-1] == "4-resolved"
    arrived = until(lambda: vendors.accepted("hipchat", "flapping"), 5, "arrivals")
    assert len(arrived) == len(sent)
    for arrival, event_id in zip(arrived, sent, strict=True):
        assert f"turn {event_id.replace('-', ' ')}" in body(arrival)["message"]
