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


def test_a_message_without_an_answer_is_sent_once_more(impatient, vendors):
    """Where HipChat never answers the message goes out twice in all, and the result says that nobody knows."""
    impatient.apply({"silent": {"room": hipchat(vendors, "silent")}})
    vendors.break_down("hipchat", "silent", hang=True)
    impatient.send({"app": "silent", "title": "Hello?"})
    (result,) = until(lambda: settled(impatient, "silent"), 20, "a result")
    told = (result["outcome"], result["reason"], result["attempts"], result["ambiguous"])
    assert told == ("failed", "no_answer", 2, True)
    assert len(vendors.arrivals("hipchat", "silent")) == 2


def test_a_message_that_draws_an_answer_at_last_stays_marked(impatient, vendors):
    """Hung once and then answered: delivered with the second attempt, and marked, for people may see it twice."""
    apps = {"stalled": {"room": hipchat(vendors, "stalled")}, "once": {"room": hipchat(vendors, "once")}}
    apps["once"]["room"]["on_ambiguous"] = "stop"
    impatient.apply(apps)
    for room in apps:
        vendors.break_down("hipchat", room, hang=True, times=1)
    impatient.send(*({"app": app, "title": "Once or twice"} for app in apps))
    (result,) = until(lambda: settled(impatient, "stalled"), 20, "a result")
    assert (result["outcome"], result["attempts"], result["ambiguous"]) == ("delivered", 2, True)
    # `on_ambiguous: stop` sends nothing twice.
    (result,) = until(lambda: settled(impatient, "once"), 20, "a result")
    assert (result["outcome"], result["attempts"], result["ambiguous"]) == ("failed", 1, True)
    assert len(vendors.arrivals("hipchat", "once")) == 1


def test_a_vendor_with_an_idempotency_key_may_be_asked_more_often(impatient, vendors):
    """PagerDuty hangs twice and has one incident in the end: its dedup key makes sending again safe."""
    impatient.apply({"pager": {"oncall": pagerduty(vendors)}})
    vendors.break_down("pagerduty", hang=True, times=2)
    impatient.send({"app": "pager", "title": "Wake up", "dedup_key": "wake"})
    (result,) = until(lambda: settled(impatient, "pager"), 40, "a result")
    assert (result["outcome"], result["attempts"], result["ambiguous"]) == ("delivered", 3, True)
    keys = {body(arrival)["dedup_key"] for arrival in vendors.arrivals("pagerduty") if "pager" in str(body(arrival))}
    assert len(keys) == 1


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
