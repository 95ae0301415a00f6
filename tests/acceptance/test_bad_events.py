"""What cannot be read is kept with its error beside it, and costs nobody else anything."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from acceptance.destinations import hipchat
from acceptance.vendors import body
from celery import Celery
from fakes.processes import until

pytestmark = pytest.mark.slow

APP = "careless"
MILLISECONDS = 1_767_225_600_000


def event(**fields):
    """An event of the app's as JSON, good but for `fields`."""
    return json.dumps({"app": APP, "title": "Bad", **fields})


NESTED: list = []
for _ in range(40):
    NESTED = [NESTED]

BAD = {
    "not JSON": ({"event": "disk full on web-1"}, "event: is not JSON"),
    "cut off": ({"event": event()[:-5]}, "event: is not JSON"),
    "empty": ({"event": ""}, "event: is empty"),
    "a list": ({"event": "[1, 2]"}, "event: must be a JSON object, not a list"),
    "null": ({"event": "null"}, "event: must be a JSON object, not null"),
    "invalid UTF-8": ({"event": b'{"app":"careless","title":"\xff\xfe"}'}, "event: is not JSON in UTF-8"),
    "a raw NUL": ({"event": b'{"app":"careless","title":"a\x00b"}'}, "event: is not JSON"),
    "an escaped NUL": ({"event": event(title="a\0b")}, "title: must not hold a NUL"),
    "half a surrogate pair": ({"event": event(title="\ud800")}, "event: is not JSON"),
    "oversized": ({"event": event(message="x" * 300_000)}, "event: has 300"),
    "message too long": ({"event": event(message="x" * 66_000)}, "message: must not be longer than 65536"),
    "no field event": ({"alert": event(), "from": "nagios"}, "event: the entry has no field `event` (it has alert"),
    "no app": ({"event": '{"title": "Whose?"}'}, "app: is required"),
    "app is no name": ({"event": event(app="../etc")}, "app: is required"),
    "app is a number": ({"event": event(app=5)}, "app: must be a string, not a number"),
    "unknown app": ({"event": event(app="nobody")}, "app: 'nobody' is not configured"),
    "no title": ({"event": json.dumps({"app": APP})}, "title: is required"),
    "title is a map": ({"event": event(title={"a": 1})}, "title: must be a string"),
    "title too long": ({"event": event(title="x" * 2000)}, "title: must not be longer than 1024"),
    "id too long": ({"event": event(id="x" * 200)}, "id: must not be longer than 128"),
    "id of two lines": ({"event": event(id="a\nb")}, "id: must not hold control characters"),
    "unknown status": ({"event": event(status="ok")}, "status: must be one of firing, resolved"),
    "unknown severity": ({"event": event(severity=3)}, "severity: must be one of info"),
    "tags are a list": ({"event": event(tags=["a"])}, "tags: must be an object, not a list"),
    "a tag is a map": ({"event": event(tags={"a": {}})}, "tags.a: must be a string"),
    "a link that runs code": ({"event": event(links=[{"href": "javascript:alert(1)"}])}, "links.0.href: must be"),
    "a metric without a name": ({"event": event(metric={"value": 1})}, "metric.name: is required"),
    "a point that is none": ({"event": event(metric={"name": "m", "points": [[1]]})}, "metric.points.0: must be"),
    "no date": ({"event": event(occurred_at="yesterday")}, "occurred_at: must be RFC 3339"),
    "far past": ({"event": event(occurred_at="1999-12-31T23:59:59Z")}, "occurred_at: lies more than 30 days"),
    "far future": ({"event": event(occurred_at=4_102_444_800)}, "occurred_at: lies more than a day in the future"),
    "milliseconds": ({"event": event(occurred_at=MILLISECONDS)}, "occurred_at: looks like milliseconds"),
    "nested too deep": ({"event": event(more=NESTED)}, "extra: must not be nested deeper than 32 levels"),
    "too wide": ({"event": event(more=[[]] * 20_000)}, "extra: must not have more than 10000 members"),
    "a name too long": ({"event": event(**{"n" * 300: 1})}, "extra: a name must not be longer than 256"),
    "brackets without end": ({"event": "[" * 100_000}, "event: is not JSON"),
    "no name, no value": ({"": ""}, "event: the entry has no field `event` (it has none)"),
    "binary": ({b"\xff\x00\x1b[31m": b"\x00"}, "event: the entry has no field `event` (it has \ufffd??[31m)"),
    "a huge name": ({"n" * 100_000: ""}, "event: the entry has no field `event` (it has nnn"),
    "10,000 fields": ({f"n{i}": "" for i in range(10_000)}, "event: the entry has no field `event` (it has n0, n1,"),
    "a number beyond floats": ({"event": f'{{"app":"{APP}","title":"x","occurred_at":1e999}}'}, ""),
}
"""Name -> what is added to the stream, and how its error begins."""


@pytest.fixture(scope="module")
def careless(shared, vendors):
    """The app, with a room of its own."""
    shared.apply({APP: {"room": hipchat(vendors, APP)}})
    return APP


def test_each_bad_event_is_rejected_once_and_the_good_ones_between_them_arrive(bellhop, vendors, careless):
    """Every kind of bad event gives one entry on `bellhop:rejected` that names the field; good ones are delivered."""
    good = [{"event": event(id=f"good-{i}", title=f"Good {i}", dedup_key=str(i))} for i in range(len(BAD))]
    mixed = [entry for (bad, _), fine in zip(BAD.values(), good, strict=True) for entry in (bad, fine)]
    # When: all of them in one step, so that they share batches
    bad_ids = bellhop.add(*mixed)[::2]
    # Then
    results = bellhop.wait_for(len(good), careless)
    assert {(result["outcome"], result["event_id"]) for result in results} == {
        ("delivered", f"good-{i}") for i in range(len(good))
    }
    until(lambda: len(bellhop.rejected()) >= len(BAD), 10, lambda: f"{len(BAD)} rejected: {bellhop.rejected()}")
    by_entry = {}
    for rejected in bellhop.rejected():
        by_entry.setdefault(rejected["entry"].decode(), []).append(rejected)
    for (name, (sent, begins)), entry in zip(BAD.items(), bad_ids, strict=True):
        (rejected,) = by_entry[entry]
        assert rejected["error"].decode().startswith(begins), (name, rejected["error"])
        if "event" in sent:
            assert sent["event"] in _as_sent(rejected["event"], sent), name
        else:
            first, *_ = sent.values()
            assert (first if isinstance(first, bytes) else first.encode()) in rejected["event"], name
    # And: nothing of them is left behind, nor came through.
    until(lambda: not bellhop.redis.xlen("bellhop:events"), 5, "an empty events stream")
    assert not [arrival for arrival in vendors.arrivals("hipchat", APP) if "Bad" in body(arrival)["message"]]


def _as_sent(raw, sent):
    """What was kept, as what was sent is typed; of what is longer than 64 KiB only the beginning is kept."""
    wanted = sent.get("event", "")
    if len(wanted) > len(raw):
        return wanted if wanted.encode().startswith(raw) else ""
    return raw if isinstance(wanted, bytes) else raw.decode()


def test_an_id_counts_once(bellhop, vendors, careless):
    """The same id again is delivered once and rejected with the entry that had it before, in one batch and later."""
    before = len(bellhop.rejected())
    twice = {"app": careless, "id": "the-one", "title": "Only once"}
    first, second = bellhop.send(twice, twice)
    until(lambda: [each for each in bellhop.results(careless) if each["event_id"] == "the-one"], 10, "a result")
    (third,) = bellhop.send(twice | {"title": "Only once, really"})
    # Then
    until(lambda: len(bellhop.rejected()) >= before + 2, 10, "two rejected")
    for rejected, entry in zip(bellhop.rejected()[before:], (second, third), strict=True):
        assert rejected["entry"].decode() == entry
        assert rejected["error"].decode().startswith(f"id: was seen before, on entry {first}")
        assert b"Only once" in rejected["event"]
        assert b"received_at" not in rejected["event"], "as it was sent"
    assert len([each for each in vendors.arrivals("hipchat", APP) if "Only once" in body(each)["message"]]) == 1


def test_a_celery_producers_mistakes_are_rejected_too(bellhop, careless):
    """Of a task's events the bad ones are rejected under the task's id, and the good one is delivered."""
    before = len(bellhop.rejected())
    events = [
        {"app": careless, "id": "by-task", "title": "Fine", "dedup_key": "by-task"},
        {"app": careless},
        "not JSON",
        ["a list"],
        None,
        17,
        '"\ud800"',
        {"app": careless, "title": "x", "occurred_at": 1.0},
    ]
    with Celery(broker=bellhop.url) as producer:
        task = producer.send_task("bellhop.dispatch", args=[events])
    until(lambda: len(bellhop.rejected()) >= before + len(events) - 1, 10, lambda: str(bellhop.rejected()[before:]))
    found = bellhop.rejected()[before:]
    assert len(found) == len(events) - 1
    assert all(task.id in rejected["entry"].decode() for rejected in found), found
    until(lambda: [each for each in bellhop.results(careless) if each["event_id"] == "by-task"], 10, "a result")


@pytest.mark.parametrize("arguments", [[[], ["1-1"], "more"], ["text"], [17], [{"app": APP}], [[{"app": APP}], None]])
def test_a_task_with_wrong_arguments_leaves_them_where_people_look(bellhop, careless, arguments):
    """What is no event among a task's arguments is rejected with a reason; the next event is delivered."""
    refused = len(bellhop.rejected())
    with Celery(broker=bellhop.url) as producer:
        task = producer.send_task("bellhop.dispatch", args=arguments)
    until(lambda: len(bellhop.rejected()) > refused, 10, "the arguments on bellhop:rejected")
    assert all(task.id in each["entry"].decode() for each in bellhop.rejected()[refused:])
    before = len(bellhop.results(careless))
    sent_at = time.time()
    bellhop.send({"app": careless, "title": "After it", "dedup_key": str(sent_at)})
    until(lambda: len(bellhop.results(careless)) > before, 10, "a result")


@pytest.mark.parametrize("body", ["[" * 5000 + "]" * 5000, '[[[{"app": "careless"'], ids=["deep", "cut off"])
def test_a_task_whose_body_nobody_can_read_is_rejected_with_its_text(bellhop, careless, body):
    """Celery alone would log it and acknowledge it: what it holds would be lost."""
    before = len(bellhop.rejected())
    with Celery(broker=bellhop.url) as producer, producer.connection_for_write() as connection:
        message = producer.amqp.as_task_v2(uuid.uuid4().hex, "bellhop.dispatch", [], {})
        publisher = connection.Producer(routing_key="celery")
        publisher.publish(body, headers=message.headers, content_type="application/json", content_encoding="utf-8")
    until(lambda: len(bellhop.rejected()) > before, 10, "the body on bellhop:rejected")
    (rejected,) = bellhop.rejected()[before:]
    assert rejected["event"].decode() == body
    assert rejected["error"].startswith(b"event: is not JSON")


def test_a_task_of_very_many_that_are_no_events_holds_nobody_up(bellhop, careless):
    """Each of 10,000 is rejected, and the event at their end is delivered."""
    before = len(bellhop.rejected())
    good = {"app": careless, "id": "the-last", "title": "After them", "dedup_key": "the-last"}
    with Celery(broker=bellhop.url) as producer:
        producer.send_task("bellhop.dispatch", args=[[*range(10_000), good]])
    until(lambda: [each for each in bellhop.results(careless) if each["event_id"] == "the-last"], 60, "a result")
    assert len(bellhop.rejected()) - before == 10_000


@pytest.mark.parametrize("carried", [lambda text: {"args": [text]}, lambda text: {"kwargs": {"events": [text]}}])
def test_an_event_counts_however_a_task_carries_it(bellhop, careless, carried):
    """One event as the argument itself, or a list of them by name: it is delivered."""
    mark = uuid.uuid4().hex
    text = json.dumps({"app": careless, "id": mark, "title": "By task", "dedup_key": mark})
    with Celery(broker=bellhop.url) as producer:
        producer.send_task("bellhop.dispatch", **carried(text))
    until(lambda: [each for each in bellhop.results(careless) if each["event_id"] == mark], 10, "a result")
