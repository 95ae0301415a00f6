"""The roster: who works, who left, and who is gone without a word."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from worker.state import read_state, read_workers
from worker.stores.ledger import GROUP
from worker.stores.roster import Roster, Self, keep_in_touch

ME = Self("host-1-aa", "1.2.3", 1000, "bellhop@host")


@pytest.fixture
def server():
    """A Redis that can go away."""
    return FakeServer()


@pytest.fixture
async def redis(server):
    """A client of it."""
    async with FakeAsyncRedis(server=server) as client:
        yield client


async def silent_for(redis, name, seconds):
    """Make a worker's latest sign older."""
    told = orjson.loads(await redis.hget("bellhop:workers", name))
    await redis.hset("bellhop:workers", name, orjson.dumps(told | {"at": told["at"] - seconds}))


async def test_a_worker_says_who_it_is_and_how_busy(redis):
    """Version, beginning, load and its name in Flower, though it never read the stream."""
    roster = Roster(redis, "bellhop")
    began = await roster.now()
    await roster.tell(ME, began, 17)
    (worker,) = await read_workers(redis, "bellhop")
    assert (worker.name, worker.version, worker.since) == ("host-1-aa", "1.2.3", began)
    assert (worker.in_flight, worker.places, worker.celery, worker.pending) == (17, 1000, "bellhop@host", 0)
    assert worker.alive
    assert worker.as_json()["version"] == "1.2.3"


async def test_what_the_stream_knows_is_put_beside_it(redis):
    """One that reads the stream is one worker, not two; one that only reads it is there, too, and says no more."""
    await redis.xadd("bellhop:events", {"event": "{}"})
    await redis.xgroup_create("bellhop:events", GROUP, id="0")
    await redis.xreadgroup(GROUP, ME.name, {"bellhop:events": ">"}, count=1)
    await redis.xgroup_createconsumer("bellhop:events", GROUP, "host-2-bb")
    await Roster(redis, "bellhop").tell(ME, 1.0, 0)
    first, second = await read_workers(redis, "bellhop")
    assert (first.name, first.pending, first.version) == (ME.name, 1, "1.2.3")
    assert (second.name, second.version, second.in_flight, second.since) == ("host-2-bb", "", None, None)


async def test_one_that_falls_silent_is_gone_and_then_forgotten(redis):
    """After half a minute it is listed as gone, after an hour not at all; whoever begins clears it away."""
    roster = Roster(redis, "bellhop")
    await roster.tell(ME, 1.0, 3)
    await silent_for(redis, ME.name, 40)
    state = await read_state(redis, "bellhop")
    assert ([each.name for each in state.gone], state.alive) == ([ME.name], ())
    assert state.as_json()["workers"] == []
    assert state.as_json()["workers_gone"][0]["idle"] >= 40_000
    await silent_for(redis, ME.name, 3600)
    assert await roster.signs() == []
    assert await redis.hlen("bellhop:workers") == 1
    await roster.forget()
    assert await redis.hlen("bellhop:workers") == 0


async def test_it_keeps_in_touch_and_takes_its_leave(redis, server):
    """The beginning stays the same, an outage passes, and the end takes it off the roster."""
    roster, busy = Roster(redis, "bellhop"), iter(range(1000))
    touching = asyncio.create_task(keep_in_touch(roster, ME, lambda: next(busy), every_s=0.001))
    first = await seen(roster, lambda sign: sign.in_flight >= 1)
    server.connected = False
    await asyncio.sleep(0.01)
    server.connected = True
    later = await seen(roster, lambda sign: sign.in_flight > first.in_flight)
    assert later.since == first.since > 0
    touching.cancel()
    await asyncio.gather(touching, return_exceptions=True)
    assert await roster.signs() == []


async def seen(roster, fits):
    """The sign of the only worker, as soon as it fits."""
    async with asyncio.timeout(10):
        while True:
            for sign in await roster.signs():
                if fits(sign):
                    return sign
            await asyncio.sleep(0.001)
