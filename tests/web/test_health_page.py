"""A destination's health: what holds it back and why, how full its limits are, how it did; Pause and Resume."""

from __future__ import annotations

import time

import pytest
from fakes.console import PASSWORD
from fakes.history import DELIVERED, NOW, found, history_of
from fakes.pipeline import checkout, room

from worker.channels import CHANNELS
from worker.models import App
from worker.routes import limits_of
from worker.stores.buckets import buckets
from worker.web.history_values import Standing
from worker.web.roles import Role

PATH = "/apps/checkout/destinations/ops-room"
FAILED = Standing("failed", "not_found", 1, 404, NOW, NOW + 1, None, 1000.0)
NOTHING = b'{"until_ms":0,"bad":0,"denied":0'


@pytest.fixture
async def fake(consoles):
    """A console that has read one success and two failures, the older of which came hours ago."""
    to = [("ops-room", "hipchat")]
    events = [(NOW - 60, DELIVERED), (NOW - 30, FAILED), (NOW - 7200, FAILED)]
    history = history_of(*(found(at, id=f"{at}", to=to, standings=[each]) for at, each in events))
    apps = [checkout(), App("search", {"room": room("room", app="search")})]
    return await consoles(apps, web_password=PASSWORD, history=history, background=(), now=lambda: NOW)


async def shown(fake, name="admin", path=PATH):
    """The page."""
    return await (await fake.visitor(name)).get(f"{path}/health")


async def test_one_that_is_well(fake):
    """Last success, 95th percentile, what ended how in the last hour and day, and the way to these deliveries."""
    answer = await shown(fake)
    assert "All is well." in answer.words
    for words in (
        "Circuit closed",
        "Paused no",
        "Owed to it nothing",
        "Last success just now",
        "100 ms",
        "not found 1 2",
        "ok 1 1",
    ):
        assert words in answer.words
    assert 'href="/deliveries?app=checkout&amp;destination=ops-room&amp;reason=not_found"' in answer.text
    for path in ("/apps/checkout", PATH):
        assert f'href="{PATH}/health"' in (await (await fake.visitor("admin")).get(path)).text


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (b',"why":"503 later","bad":6,"until_ms":%d}' % (NOW * 1000 + 40_000), "Circuit open for 40 s more, after 6"),
        (b',"why":"503 later","bad":6,"until_ms":1}', "Circuit half open"),
        (b',"why":"503 later","bad":2}', "Circuit closed, after 2 failures"),
        (b',"why":"401 <b>","denied":3,"paused":%d}' % (NOW * 1000), "Paused since 2025-11-24 16:00:00 UTC: 401 <b>"),
    ],
)
async def test_one_in_trouble(fake, trouble, words):
    """Its circuit, or since when it is paused and why, and a way to go on."""
    await fake.redis.hset("bellhop:troubles", "checkout/ops-room", NOTHING + trouble)
    answer = await shown(fake)
    assert words in answer.words
    assert "It is in trouble" in answer.words
    assert "Resume</button>" in answer.text
    assert "<b>" not in answer.text


async def test_one_that_the_vendor_holds_back_and_one_that_is_off(fake):
    """Each says so."""
    await fake.redis.hset("bellhop:holds", "checkout/ops-room", int(NOW * 1000) + 30_000)
    assert "asked to be left alone for 30 s more" in (await shown(fake)).words
    await fake.console.destinations.set_enabled("checkout", "ops-room", enabled=False)
    assert "It is switched off" in (await shown(fake)).words


async def test_limits_tell_how_full_they_are(fake):
    """Of those that went within the limit's time, and of those that have a turn."""
    limit, *_ = limits_of(room(), CHANNELS["hipchat"])
    now_ms = time.time() * 1000
    gone = {"one": now_ms - 1000, "two": now_ms - 2000, "before": now_ms - 1000 * limit.per_s - 5000}
    await fake.redis.zadd(f"bellhop:departed:{limit.key}", gone)
    await fake.redis.zadd(f"bellhop:slots:{limit.key}", {"three": now_ms + 60_000, "stale": now_ms - 5000})
    assert f"2 of {limit.count} went in the last" in (await shown(fake)).words
    assert "1 wait for a turn" in (await shown(fake)).words
    assert await buckets(fake.redis, "bellhop", []) == []


async def test_pause_and_resume_are_for_editors_and_audited(fake):
    """A viewer sees neither and may do neither; each change is one line in the log, and none where there was none."""
    bob = await fake.logged_in("bob", "checkout", Role.VIEWER)
    answer = await bob.get(f"{PATH}/health")
    assert answer.text.count("<button") == 2, "the theme's and the log-out's"
    assert [(await bob.send(f"{PATH}/{what}")).status for what in ("pause", "resume")] == [403, 403]
    eve = await fake.logged_in("eve", "checkout", Role.EDITOR)
    for what in ("pause", "pause", "resume", "resume"):
        assert (await eve.send(f"{PATH}/{what}")).headers["Location"] == f"{PATH}/health"
        assert ("paused by eve" in (await shown(fake)).words) == (what == "pause")
    done = [each for each in await fake.audited() if each[1].startswith("destination.")]
    assert done == [("eve", "destination.resumed", "ops-room"), ("eve", "destination.paused", "ops-room")]


async def test_others_and_none_are_not_there(fake):
    """404, whatever is asked of it."""
    eve = await fake.logged_in("eve", "search", Role.ADMIN)
    assert (await eve.get(f"{PATH}/health")).status == 404
    gone = "/apps/search/destinations/gone"
    assert [(await eve.send(f"{path}/pause")).status for path in (PATH, gone)] == [404, 404]
    assert (await eve.get(f"{gone}/health")).status == 404
