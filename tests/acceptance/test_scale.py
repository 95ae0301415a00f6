"""More workers share the load; nothing is lost and nothing comes twice."""

from __future__ import annotations

from collections import Counter

import pytest
from acceptance.deployment import READY
from acceptance.destinations import hipchat, webhook
from acceptance.vendors import body
from celery import Celery

pytestmark = pytest.mark.slow

EVENTS, AT_ONCE = 500, 10


def tasks_run(url):
    """How many tasks each worker has run, by its host's name, as `celery inspect stats` tells."""
    with Celery(broker=url) as asking:
        stats = asking.control.inspect(timeout=1.0).stats() or {}
    return {name.partition("@")[0]: sum(worker["total"].values()) for name, worker in stats.items()}


def test_two_workers_deliver_each_event_once(bellhop, vendors):
    """500 events to two destinations through two workers: each arrives exactly once, and both workers had a share."""
    bellhop.apply({"scale": {"room": hipchat(vendors, "scale"), "hook": webhook(vendors, "scale")}})
    with bellhop.worker("second") as second:
        second.wait_for(READY)
        before = tasks_run(bellhop.url)
        # When
        events = [{"app": "scale", "title": f"Event {i:04}", "dedup_key": f"{i}"} for i in range(EVENTS)]
        for start in range(0, EVENTS, AT_ONCE):
            bellhop.send(*events[start : start + AT_ONCE])
        results = bellhop.wait_for(2 * EVENTS, "scale", within_s=60)
        after = tasks_run(bellhop.url)
        assert second.terminate() == 0
    # Then
    assert {(result["outcome"], result["attempts"], result["ambiguous"]) for result in results} == {
        ("delivered", 1, False)
    }
    assert len({(result["event_id"], result["destination"]) for result in results}) == 2 * EVENTS
    by_id = Counter(arrival.delivery_id for arrival in vendors.arrivals("webhook", "scale"))
    assert len(by_id) == EVENTS
    assert set(by_id.values()) == {1}
    said = Counter(title_of(body(arrival)["message"]) for arrival in vendors.arrivals("hipchat", "scale"))
    assert said == {event["title"]: 1 for event in events}
    shares = {name: after[name] - before.get(name, 0) for name in ("shared", "second")}
    assert min(shares.values()) > 0, shares


def test_a_vendor_that_hangs_delays_nobody_else(another, vendors):
    """With six hundred deliveries to a room that never answers, other alerts are still delivered within seconds."""
    deployment = another()
    deployment.apply({"hung": {"room": hipchat(vendors, "hung")}, "lively": {"room": hipchat(vendors, "lively")}})
    vendors.break_down("hipchat", "hung", hang=True)
    with deployment.worker("crowded") as worker:
        worker.wait_for(READY)
        deployment.send(*({"app": "hung", "title": f"{i}", "dedup_key": f"{i}"} for i in range(600)))
        vendors.wait_for(50, "hung", "hipchat")
        # When
        for turn in range(5):
            deployment.send({"app": "lively", "title": f"{turn}", "dedup_key": f"{turn}"})
            deployment.wait_for(turn + 1, "lively", within_s=5)
        assert not deployment.results("hung")


def title_of(message):
    """The event's title in a message."""
    return next(f"Event {i:04}" for i in range(EVENTS) if f"Event {i:04}" in message)
