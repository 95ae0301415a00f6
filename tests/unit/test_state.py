"""What is waiting, owed, kept and in trouble, read as one value."""

from __future__ import annotations

import orjson
import pytest
from fakeredis import FakeAsyncRedis
from fakes.master_keys import KEYS
from fakes.pipeline import checkout

from worker.models import App
from worker.state import read_state
from worker.stores.destinations import RedisDestinations

TROUBLE = {"until_ms": 0, "why": "503 busy", "bad": 6, "denied": 0}


@pytest.fixture
async def redis():
    """An empty Redis with two apps."""
    async with FakeAsyncRedis() as client:
        await RedisDestinations(client, "bellhop", KEYS).save([checkout(), App("search")])
        yield client


async def now_ms(redis):
    """Redis' clock."""
    seconds, microseconds = await redis.time()
    return seconds * 1000 + microseconds // 1000


async def test_an_empty_redis_is_a_state_too(redis):
    """Nothing waits, nobody works, nothing is old; and all of it can be written as JSON."""
    state = await read_state(redis, "bellhop")
    assert (state.events_waiting, state.workers, state.in_trouble, state.destinations) == (0, (), 0, ())
    told = orjson.loads(orjson.dumps(state.as_json()))
    assert (told["apps"], told["workers"], told["oldest_event_at"], told["next_due_at"]) == (2, [], None, None)
    assert set(told["deliveries"]) == {"waiting", "owed", "woken", "leased"}


async def test_how_old_what_waits_is(redis):
    """The stream's oldest entry, the oldest delivery in a queue, the next that is due, and the latest dead letter."""
    await redis.xadd("bellhop:events", {"event": "{}"}, id="1000-0")
    await redis.xadd("bellhop:events", {"event": "{}"}, id="5000-0")
    await redis.zadd("bellhop:waiting", {"a": 7000, "b": 6000})
    await redis.zadd("bellhop:owed", {"c": 9000, "d": 8000})
    await redis.zadd("bellhop:dead", {"e": 3000, "f": 4000})
    state = await read_state(redis, "bellhop")
    oldest = state.oldest
    assert (oldest.event, oldest.waiting, oldest.due, oldest.dead) == (1.0, 6.0, 8.0, 4.0)
    assert (state.events_waiting, state.deliveries["waiting"], state.kept["dead_letters"]) == (2, 2, 2)


async def test_destinations_in_trouble_come_the_worst_first(redis):
    """Paused, circuit open, failing, and told to wait; a wait that is over is none, and a wait is no failure."""
    now = await now_ms(redis)
    troubles = {
        "checkout/failing": TROUBLE,
        "checkout/open": TROUBLE | {"until_ms": now + 5000},
        "search/paused": TROUBLE | {"paused": now - 1000, "why": "401", "bad": 0, "denied": 3},
    }
    await redis.hset("bellhop:troubles", mapping={name: orjson.dumps(value) for name, value in troubles.items()})
    await redis.hset("bellhop:holds", mapping={"checkout/told": now + 60_000, "checkout/over": now - 1})
    state = await read_state(redis, "bellhop")
    kinds = [(each.kind, each.destination) for each in state.destinations]
    assert kinds == [("paused", "paused"), ("open", "open"), ("failing", "failing"), ("limited", "told")]
    assert state.in_trouble == 3
    paused, opened, failing, told = state.destinations
    assert (paused.since, paused.until) == ((now - 1000) / 1000, None)
    assert (opened.until, told.until) == ((now + 5000) / 1000, (now + 60_000) / 1000)
    assert "503 busy" in failing.words


async def test_nobody_is_told_names_of_apps_that_are_not_theirs(redis):
    """Who may see one app finds its destinations alone, and counts it alone; sums stay what they are."""
    for name in ("checkout/a", "search/b"):
        await redis.hset("bellhop:troubles", name, orjson.dumps(TROUBLE))
    await redis.xadd("bellhop:events", {"event": "{}"})
    state = await read_state(redis, "bellhop")
    mine = state.seen_by({"search", "of-nobody"})
    assert [each.app for each in mine.destinations] == ["search"]
    assert (mine.in_trouble, mine.apps, mine.events_waiting) == (1, {"search"}, 1)
    assert "checkout" not in orjson.dumps(mine.as_json()).decode()
    assert state.seen_by(None) is state
    assert state.seen_by(set()).destinations == ()
