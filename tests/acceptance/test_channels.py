"""An event on the stream reaches every channel, and what came of it comes back."""

from __future__ import annotations

import json
import time

import pytest
from acceptance.destinations import SECRETS, everywhere
from acceptance.vendors import body
from celery import Celery
from fakes.processes import until

pytestmark = pytest.mark.slow

CONTRACT = {
    "event_id",
    "app",
    "destination",
    "channel",
    "outcome",
    "reason",
    "attempts",
    "status_code",
    "detail",
    "first_attempt_at",
    "finished_at",
    "elapsed_ms",
    "provider_ref",
    "ambiguous",
}
PLACES = {
    "room": ("hipchat", 204),
    "chat": ("slack", 200),
    "mail": ("email", 250),
    "pager": ("pagerduty", 202),
    "nsca": ("nagios", None),
    "nrdp": ("nagios", 200),
    "hook": ("webhook", 204),
}
"""Destination -> its channel and the status that the vendor answers."""


def check_arrivals(vendors, name, title):
    """Each vendor has the message once, with the title in it."""
    key = SECRETS["PAGERDUTY_KEY"]
    at = {
        "hipchat": name,
        "slack": f"{name}/*",
        "email": f"{name}@example.com",
        "pagerduty": f"{key[:4]}*{key[-4:]}",
        "nsca": f"{name}/*",
        "nrdp": f"{name}/*",
        "webhook": name,
    }
    for channel, to in at.items():
        texts = [json.dumps(body(arrival), ensure_ascii=False) for arrival in vendors.accepted(channel, to)]
        assert len([text for text in texts if title in text]) == 1, (channel, texts)


def check_results(results, event_id, sent_at):
    """One result per destination, each field of the contract in it and saying the truth."""
    assert {result["destination"] for result in results} == set(PLACES)
    for result in results:
        channel, status = PLACES[result["destination"]]
        assert set(result) == CONTRACT
        assert (result["event_id"], result["channel"], result["status_code"]) == (event_id, channel, status), result
        assert (result["outcome"], result["attempts"], result["ambiguous"]) == ("delivered", 1, False), result
        assert result["reason"] == ("unconfirmed" if result["destination"] == "nsca" else "ok")
        assert sent_at - 1 <= result["first_attempt_at"] <= result["finished_at"] <= time.time() + 1
        assert 0 <= result["elapsed_ms"] < 20_000
    (paged,) = (result for result in results if result["channel"] == "pagerduty")
    assert paged["provider_ref"]


def test_an_event_of_the_stream_reaches_every_channel(bellhop, vendors, certificate):
    """XADD of a JSON text reaches HipChat, Slack, mail, PagerDuty, Nagios and a hook, and each result is complete."""
    bellhop.apply({"everywhere": everywhere(vendors, "everywhere", certificate)})
    vendors.expect_signature("everywhere", SECRETS["HOOK_SECRET"])
    sent_at = time.time()
    # When: a producer in whatever language sends a text
    text = (
        '{"app":"everywhere","id":"e-1","severity":"critical","title":"Disk füll ☎","message":"97 %",'
        '"rule":"disk","tags":{"env":"prod"},"links":[{"href":"https://example.com/d","text":"Details"}],'
        '"metric":{"name":"disk","value":97,"threshold":90,"comparator":">"},"someday":{"new":true}}'
    )
    bellhop.redis.execute_command("XADD", "bellhop:events", "*", "event", text)
    # Then
    check_results(bellhop.wait_for(len(PLACES), "everywhere"), "e-1", sent_at)
    check_arrivals(vendors, "everywhere", "Disk füll ☎")
    # What is delivered is off the stream.
    until(lambda: not bellhop.redis.xlen("bellhop:events"), 5, "an empty events stream")


def test_a_celery_producer_needs_no_configuration(bellhop, vendors, certificate):
    """`send_task("bellhop.dispatch")` of a plain Celery app does the same, and makes an id where there is none."""
    bellhop.apply({"by-celery": everywhere(vendors, "by-celery", certificate)})
    sent_at = time.time()
    titles = ["Sent by Celery", "The other"]
    with Celery(broker=bellhop.url) as producer:
        task = producer.send_task("bellhop.dispatch", args=[[{"app": "by-celery", "title": title} for title in titles]])
    results = bellhop.wait_for(2 * len(PLACES), "by-celery")
    # Then: the ids are the task's, so that the same task once more would be the same events
    ids = sorted({result["event_id"] for result in results})
    assert len(ids) == 2
    assert all(task.id in event_id for event_id in ids)
    for event_id in ids:
        check_results([result for result in results if result["event_id"] == event_id], event_id, sent_at)
    for title in titles:
        check_arrivals(vendors, "by-celery", title)


def test_an_event_without_an_id_takes_its_entrys(bellhop, vendors, certificate):
    """The stream entry's id is the event's where it names none, so a producer can find its results."""
    bellhop.apply({"nameless": {"room": everywhere(vendors, "nameless", certificate)["room"]}})
    (entry,) = bellhop.send({"app": "nameless", "title": "Who am I?"})
    (result,) = bellhop.wait_for(1, "nameless")
    assert result["event_id"] == entry


ROOMS = ["Ops Room", "ops/db/räume", "..", "a/../b", ".", "100% 漢字 ?#&+;=", "%2F", "with space/and?query=1"]


def test_a_rooms_name_arrives_as_it_is_typed(bellhop, vendors, certificate):
    """Spaces, slashes, dots and letters of any script name that very room and no other."""
    kind = everywhere(vendors, "x", certificate)["room"]
    destinations = {f"room-{i}": kind | {"settings": kind["settings"] | {"room": room}} for i, room in enumerate(ROOMS)}
    bellhop.apply({"rooms": destinations})
    bellhop.send({"app": "rooms", "title": "Which room?"})
    # Then
    results = bellhop.wait_for(len(ROOMS), "rooms")
    assert {result["outcome"] for result in results} == {"delivered"}, results
    arrived = [arrival.to for arrival in vendors.accepted("hipchat") if "Which room?" in body(arrival)["message"]]
    assert sorted(arrived) == sorted(ROOMS)


def test_a_destination_is_switched_off_and_on_without_a_restart(bellhop, vendors, certificate):
    """What is disabled is skipped, others are delivered; `bellhop destinations enable` counts for the next event."""
    kinds = everywhere(vendors, "switched", certificate)
    bellhop.apply({"switched": {"off": kinds["room"] | {"enabled": False}, "on": kinds["hook"]}})
    # Given
    bellhop.send({"app": "switched", "id": "first", "title": "First", "dedup_key": "first"})
    told = {result["destination"]: (result["outcome"], result["reason"]) for result in bellhop.wait_for(2, "switched")}
    assert told == {"off": ("skipped", "disabled"), "on": ("delivered", "ok")}
    assert not vendors.arrivals("hipchat", "switched")
    # When
    bellhop.bellhop("destinations", "enable", "switched", "off")
    bellhop.send({"app": "switched", "id": "second", "title": "Second", "dedup_key": "second"})
    # Then
    results = bellhop.wait_for(4, "switched")[2:]
    assert {(result["destination"], result["outcome"]) for result in results} == {
        ("off", "delivered"),
        ("on", "delivered"),
    }
    (arrival,) = vendors.accepted("hipchat", "switched")
    assert "Second" in body(arrival)["message"]
    # And off again
    bellhop.bellhop("destinations", "disable", "switched", "off")
    bellhop.send({"app": "switched", "id": "third", "title": "Third", "dedup_key": "third"})
    told = {result["destination"]: result["outcome"] for result in bellhop.wait_for(6, "switched")[4:]}
    assert told == {"off": "skipped", "on": "delivered"}
