"""What fails for a while is tried again: when, how often, and what the result says of it."""

from __future__ import annotations

import math
import time

import pytest
from acceptance.deployment import READY
from acceptance.destinations import hipchat, pagerduty, webhook
from acceptance.vendors import Vendors, body
from fakes.processes import free_port, until

from worker.sandbox.options import Options

pytestmark = pytest.mark.slow


def test_an_outage_is_sat_out(bellhop, vendors):
    """Two 503 and then an answer: delivered with the third attempt, and the vendor has the message once."""
    bellhop.apply({"outage": {"room": hipchat(vendors, "outage")}})
    vendors.break_down("hipchat", "outage", status=503, times=2)
    bellhop.send({"app": "outage", "title": "Down and up"})
    (result,) = bellhop.wait_for(1, "outage")
    assert (result["outcome"], result["attempts"], result["status_code"]) == ("delivered", 3, 204)
    assert result["elapsed_ms"] >= 1000, "two waits of half a second at the least"
    assert [arrival.status for arrival in vendors.arrivals("hipchat", "outage")] == [503, 503, 204]
    assert not result["ambiguous"]


def test_retry_after_is_obeyed_for_the_whole_destination(bellhop, vendors):
    """After a 429 with Retry-After nothing arrives before it is over, other events of the destination included."""
    bellhop.apply({"asked": {"hook": webhook(vendors, "asked")}})
    vendors.break_down("webhook", "asked", status=429, headers={"Retry-After": "2"}, times=1)
    bellhop.send({"app": "asked", "id": "first", "title": "First", "dedup_key": "first"})
    refused = vendors.wait_for(1, "asked", "webhook")[0]
    time.sleep(0.3)  # until the worker has written the refusal: what is sent at the very moment may still go out
    bellhop.send({"app": "asked", "id": "second", "title": "Second", "dedup_key": "second"})
    results = bellhop.wait_for(2, "asked")
    assert {(result["event_id"], result["outcome"], result["attempts"]) for result in results} == {
        ("first", "delivered", 2),
        ("second", "delivered", 1),
    }
    later = vendors.arrivals("webhook", "asked")[1:]
    assert all(arrival.at >= refused.at + 2 for arrival in later), [arrival.at - refused.at for arrival in later]


def test_hipchats_flood_control_is_obeyed(bellhop, vendors):
    """A 429 of HipChat's that names the reset in epoch seconds is tried again after it, and not before."""
    bellhop.apply({"flood": {"room": hipchat(vendors, "flood")}})
    reset = math.ceil(time.time()) + 2
    headers = {
        "X-Ratelimit-Limit": "500",
        "X-Ratelimit-Remaining": "400",
        "X-Ratelimit-Reset": str(reset + 300),
        "X-FloodControl-Limit": "30",
        "X-FloodControl-Remaining": "0",
        "X-FloodControl-Reset": str(reset),
    }
    vendors.break_down("hipchat", "flood", status=429, headers=headers, times=1)
    bellhop.send({"app": "flood", "title": "Too many of us"})
    (result,) = bellhop.wait_for(1, "flood")
    assert (result["outcome"], result["attempts"]) == ("delivered", 2)
    refused, taken = vendors.arrivals("hipchat", "flood")
    assert (refused.status, taken.status) == (429, 204)
    assert reset <= taken.at < reset + 3


def test_what_they_refuse_for_good_is_not_tried_again(bellhop, vendors):
    """A room that is not there fails with the first attempt, and the result says so in HipChat's words."""
    bellhop.apply({"gone": {"room": hipchat(vendors, "missing room")}})
    bellhop.send({"app": "gone", "title": "Anybody there?"})
    (result,) = bellhop.wait_for(1, "gone")
    told = (result["outcome"], result["reason"], result["attempts"], result["status_code"])
    assert told == ("failed", "not_found", 1, 404)
    assert "Room not found" in result["detail"]


@pytest.fixture(scope="module")
def impatient(another):
    """A deployment that waits a second for an answer, and tells of each attempt."""
    deployment = another(BELLHOP_TOTAL_TIMEOUT_S="1", BELLHOP_RESULTS="attempts")
    with deployment.worker("impatient") as worker:
        worker.wait_for(READY)
        yield deployment


def settled(deployment, app):
    """The results of this app's that are no mere attempts."""
    return [result for result in deployment.results(app) if result["outcome"] != "attempted"]


HUNG = {
    "silent": (hipchat, None, "retry", ("failed", "no_answer", 2)),
    "stalled": (hipchat, 1, "retry", ("delivered", "ok", 2)),
    "at-most-once": (hipchat, 1, "stop", ("failed", "no_answer", 1)),
    "paged": (pagerduty, 2, "retry", ("delivered", "ok", 3)),
}
"""App -> its channel, how often that hangs, `on_ambiguous`, and the outcome, reason and attempts that follow."""


def test_a_message_without_an_answer_is_sent_once_more_and_marked(impatient, vendors):
    """Nobody sees an alert more than twice, unless the vendor knows it again as PagerDuty does; results are marked."""
    apps = {}
    for app, (channel, times, on_ambiguous, _) in HUNG.items():
        where = (vendors, app) if channel is hipchat else (vendors,)
        apps[app] = {"there": channel(*where, on_ambiguous=on_ambiguous)}
        to = app if channel is hipchat else "*"
        vendors.break_down(channel.__name__, to, hang=True, times=times)
    impatient.apply(apps)
    impatient.send(*({"app": app, "title": f"Hello from {app}?", "dedup_key": app} for app in apps))
    for app, (channel, _, _, expected) in HUNG.items():
        (result,) = until(lambda app=app: settled(impatient, app), 30, f"a result of {app}")
        assert (result["outcome"], result["reason"], result["attempts"]) == expected, app
        assert result["ambiguous"], app
        sent = [body(arrival) for arrival in vendors.arrivals(channel.__name__)]
        mine = [message for message in sent if f"Hello from {app}?" in str(message)]
        assert len(mine) == result["attempts"], app
        if channel is pagerduty:
            assert len({message["dedup_key"] for message in mine}) == 1


def test_a_server_that_is_not_there_yet_is_tried_until_it_is(impatient):
    """A refused connection is retried; nothing is ambiguous about it, for nothing went out."""
    late = Vendors(Options(), http_port=free_port())
    impatient.apply({"early": {"room": hipchat(late, "early")}})
    impatient.send({"app": "early", "title": "Too early"})
    until(lambda: len(impatient.results("early")) >= 2, 20, "two attempts")
    for attempt in impatient.results("early"):
        told = (attempt["outcome"], attempt["reason"], attempt["status_code"])
        assert told == ("attempted", "connect_failed", None)
    with late:
        (result,) = until(lambda: settled(impatient, "early"), 20, "a result")
        assert len(late.accepted("hipchat", "early")) == 1
    assert (result["outcome"], result["ambiguous"]) == ("delivered", False)
    assert result["attempts"] == len(impatient.results("early")) >= 3
