"""`/events/APP/ID`: the event, every attempt at every destination, what would be sent now, and the reasons in words."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from html import unescape
from urllib.parse import quote

import pytest
from fakes.console import PASSWORD
from fakes.history import event_of
from fakes.pipeline import FakeCarrier, Pipeline, checkout, room
from fakes.renderer import FakeRenderer
from web.test_hostile import NASTY, is_harmless

from worker.messages import Failure, Reply
from worker.models import App
from worker.pictures.album import Album
from worker.pictures.gallery import Gallery
from worker.pictures.links import read_token
from worker.stores.records import DeliveryRecord, EventRecord
from worker.web.roles import Role
from worker.web.spans import iso
from worker.web.timeline import ways

AT = 1_764_000_000.0
TOKEN = "Canary5ecretTokenOfForty0Characters00000"
BUSY = Reply(status=503, body=b"try again later", elapsed_ms=12.0)
GONE = Reply(status=404, body=b'{"error":{"message":"Room not found"}}', elapsed_ms=7.0)


class Told:
    """A console beside a pipeline that works on the same Redis."""

    def __init__(self, fake, pipeline):
        self.fake = fake
        self.pipeline = pipeline

    async def send(self, event_id="e/1", **fields):
        """One event, dispatched and tried once."""
        await self.pipeline.send({"app": "checkout", "id": event_id, "title": "CPU load above 4"} | fields)
        await self.pipeline.deliver()

    async def again(self):
        """What is to be tried again is, at once."""
        await self.pipeline.hurry()
        await self.pipeline.deliver()

    async def page(self, path="/events/checkout/e%2F1", name="admin"):
        """As somebody sees it."""
        return await (await self.fake.visitor(name)).get(path)


@pytest.fixture
async def start(consoles):
    """Start both, on whatever answers."""
    pipelines = []

    async def started(*replies, **options):
        apps = [checkout(), App("search")]
        pipeline = Pipeline(apps, carrier=FakeCarrier(list(replies)) if replies else None)
        pipelines.append(pipeline)
        kept = {"records": pipeline.records, "destinations": pipeline.destinations}
        fake = await consoles(apps, web_password=PASSWORD, prefix="t", background=(), **kept, **options)
        return Told(fake, pipeline)

    yield started
    for pipeline in pipelines:
        await pipeline.close()


async def test_every_attempt_is_told_with_what_followed(start):
    """When, verdict, status, their words, how long to the next and why; and the end of it."""
    told = await start(BUSY, Reply(failure=Failure.NO_ANSWER, detail="no answer", elapsed_ms=9.0), GONE)
    await told.send()
    first = await told.page()
    for words in (
        "Attempt 1 failed for now status 503 12 ms",
        "such a failure may pass",
        "Next attempt",
        "try again later",
    ):
        assert words in first.words
    assert "Replay" not in first.words
    await told.again()
    await told.again()
    last = await told.page()
    for words in (
        "Attempt 2 no answer",
        "drew no answer",
        "Attempt 3 refused status 404",
        "Room not found",
        "perhaps twice",
    ):
        assert words in last.words
    assert "Failed, and kept as a dead letter not found" in last.words
    assert "attempt 3 at" in last.words, "explain's sentences"
    assert 'id="to-ops-room"' in last.text
    assert 'href="/replay?app=checkout&amp;event=e%2F1"' in last.text
    for part in ("timeline", "told", "replay"):
        assert re.search(rf'id="{part}"[^>]* data-part', last.text)


async def test_the_events_own_facts(start):
    """Severity, status, message, condition, tags, links, metric, and the way to its place on the graph."""
    metric = {"name": "used", "aggregation": "avg", "unit": "bytes", "comparator": ">", "threshold": 4, "value": 5}
    told, at = await start(), math.floor(time.time()) - 7200
    await told.send(
        severity="critical", message="One\ntwo", dedup_key="disk db-1", rule="disk", source="probe", occurred_at=at,
        tags={"host": "db-1"}, links=[{"href": "https://wiki.example/disk", "text": "Runbook"}], metric=metric,
        team="storage",
    )  # fmt: skip
    answer = await told.page()
    for words in (
        "critical",
        "firing",
        "One two",
        "disk db-1",
        "Rule disk",
        "Source probe",
        "host=db-1",
        "before it came",
    ):
        assert words in answer.words
    assert '<a href="https://wiki.example/disk" rel="noreferrer noopener nofollow">Runbook</a>' in answer.text
    assert "avg(used) > 4 bytes; now 5 bytes" in answer.words
    assert '"team": "storage"' in unescape(answer.text)
    graph = f"/apps/checkout/events?from={iso(1000 * (at - 3000))}&to={iso(1000 * at)}&metric=used"
    assert f'href="{graph}"' in unescape(answer.text)
    assert (await (await told.fake.visitor("admin")).get(graph)).status == 200


async def test_what_would_be_sent_now_shows_no_secret(start):
    """Address, headers and body by the settings of now, which the page says; the token is stars."""
    told = await start()
    await told.send()
    answer = await told.page()
    assert "settings as they are now" in answer.words
    assert "POST https://api.hipchat.com/v2/room/Ops Room/notification" in answer.words
    assert "Authorization: Bearer ***" in answer.words
    assert "CPU load above 4" in answer.words.partition("What would be sent now")[2]
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({}, "There is no destination of this name any more: nothing would be sent."),
        ({"settings": None, "problem": "room: is required"}, "Its settings cannot be read: room: is required"),
        ({"enabled": False}, "It is switched off"),
    ],
)
async def test_a_destination_that_takes_nothing_now_is_one_line(start, now, words):
    """Gone, unreadable or off: said, and the rest of the page is there."""
    told = await start()
    await told.send()
    await told.pipeline.destinations.save([checkout(replace(room(), **now)) if now else App("checkout")])
    answer = await told.page()
    assert answer.status == 200
    assert words in answer.words
    assert ("Authorization" in answer.words) == ("enabled" in now)


async def test_pictures_are_shown_where_they_are_drawn(start):
    """By an address of the album's, with the same in words; without an album there is none."""
    metric = {"name": "used", "points": [[time.time() - 60, 1], [time.time(), 2]], "threshold": 1}
    told = await start(album=Album(Gallery(FakeRenderer()), (b"k" * 32,)))
    await told.send(metric=metric)
    answer = await told.page()
    source, alt = re.search(r'<img class="event-picture" src="([^"]*)" alt="([^"]*)"', answer.text).groups()
    assert alt.startswith("Chart of used")
    visitor = await told.fake.visitor("admin")
    assert read_token([b"k" * 32], source.removeprefix("/pictures/").removesuffix(".png"), AT) == ("checkout", "e/1")
    assert (await visitor.ask("HEAD", source)).status == 200
    without = await start(album=None)
    await without.send(metric=metric)
    assert "<img class" not in (await without.page()).text


async def test_events_that_nobody_has_or_may_see_are_not_there(start):
    """By their id under another app's name, or an app's that may not be seen: 404, in words."""
    told = await start()
    await told.send()
    visitor = await told.fake.visitor("admin")
    for path in ("/events/search/e%2F1", "/events/checkout/nothing", "/events/nowhere/e%2F1"):
        assert (await visitor.get(path)).status == 404
    bob = await told.fake.logged_in("bob", "search", Role.ADMIN)
    hidden, missing = [await bob.get(f"/events/{app}/e%2F1") for app in ("checkout", "nowhere")]
    assert (hidden.status, hidden.words.replace("checkout", "")) == (404, missing.words.replace("nowhere", ""))


async def test_replay_is_offered_to_editors_alone(start):
    """A viewer sees the same, but for that."""
    told = await start(GONE)
    await told.send()
    for name, role in (("eve", Role.EDITOR), ("bob", Role.VIEWER)):
        await told.fake.user(name, "checkout", role)
        answer = await told.page(name=name)
        assert "Room not found" in answer.words
        assert ("/replay?" in answer.text) == (role is Role.EDITOR)


async def test_what_cannot_be_read_is_told(start):
    """A record of another version's is no defect."""
    told = await start()
    await told.send()
    await told.pipeline.redis.set("t:record:checkout/ops-room/e/1", b"{")
    answer = await told.page()
    assert (answer.status, "cannot be read by this version" in answer.words) == (404, True)


async def test_an_event_for_nobody(start):
    """It came, and nothing was owed."""
    told = await start()
    await told.send(app="search")
    answer = await told.page("/events/search/e%2F1")
    assert "Nothing was owed for it" in answer.words
    assert "What would be sent now" not in answer.words


@pytest.mark.parametrize("nasty", NASTY)
async def test_whatever_comes_from_outside_is_shown_as_text(start, nasty):
    """Every text of an event, and what the vendor answered."""
    told = await start(Reply(status=404, body=nasty.encode(), elapsed_ms=1.0))
    await told.send(
        nasty, title=nasty, message=nasty, dedup_key=nasty, rule=nasty, source=nasty, tags={nasty: nasty},
        links=[{"href": "https://example.com/" + quote(nasty), "text": nasty}],
        metric={"name": nasty, "unit": nasty, "points": [[time.time(), 1]]}, more={nasty: nasty},
    )  # fmt: skip
    answer = await told.page(f"/events/checkout/{quote(nasty, safe='')}")
    assert answer.status == 200
    assert is_harmless(answer.text)
    assert 'href="javascript:' not in answer.text


def test_attempts_that_are_not_kept_are_told_of():
    """A record keeps the first and the latest."""
    each = {"elapsed_ms": 1.0, "kind": "retryable", "reason": "server_error", "status_code": 503, "detail": ""}
    attempts = [{**each, "number": number, "at": AT + number, "retry_at": None} for number in (1, 12)]
    details = {"attempts": attempts, "reason": "expired", "detail": "its deadline passed", "finished_at": AT + 90}
    delivery = DeliveryRecord("checkout", "e1", "room", "hipchat", "failed", details)
    steps = ways(EventRecord(event_of(), AT, (delivery,)), AT + 99)[0].steps
    assert [step.title for step in steps] == [
        "Attempt 1",
        "Attempts 2 to 11 are not kept",
        "Attempt 12",
        "Failed, and kept as a dead letter",
    ]
    assert (steps[-1].word, steps[-1].after, steps[-1].detail) == ("expired", "+90 s", "its deadline passed")
