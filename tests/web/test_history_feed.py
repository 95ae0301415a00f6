"""The feed: what the history holds is what Redis has, whatever happens to either."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from fakes.history import Fed, event_of

from worker.cancelling import ended
from worker.events import dump_event
from worker.models import DeliveryId
from worker.stores.connection import async_redis
from worker.web.history_rows import DeliveryFilter
from worker.web.history_source import SPAN


@pytest.fixture
async def fed():
    """A history fed from a Redis in memory; what it holds at most is up to the test."""
    made = []

    def make(**options):
        made.append(Fed(**options))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def numbered(count, start=0):
    """Ids."""
    return [f"e{n}" for n in range(start, start + count)]


async def test_the_past_is_read(fed):
    """More than a span of it, each event once, with the deliveries that are owed and those that were skipped."""
    one = fed()
    for start in range(0, 1200, 400):
        await one.dispatch(*numbered(400, start), to="room=hipchat -pager=pagerduty", skipped=[("pager", "pagerduty")])
    await one.until_read()
    assert sorted(one.ids()) == sorted(set(one.ids()))
    assert one.history.feeding.events == one.history.feeding.kept == 1200
    (counts,) = one.history.apps()
    assert counts.deliveries == {"owed": 1200, "skipped": 1200}


async def test_the_latest_is_read_first(fed):
    """So that the page is useful at once."""
    one = fed()
    for n in range(20):
        await one.dispatch(f"e{n}")
        await asyncio.sleep(0.002)
    await one.feed.tick()
    assert one.ids()[0] == "e19"
    assert 0 < len(one.ids()) < 20


async def test_new_events_are_followed(fed):
    """Each once, those of one millisecond too, and those that came while others were read."""
    one = fed()
    await one.until_read()
    for n in range(30):
        await one.dispatch(f"e{n}")
        await one.feed.tick()
    await one.ticks(5)
    assert sorted(one.ids()) == sorted(numbered(30))


async def test_events_of_the_same_millisecond_as_the_last_one(fed):
    """The millisecond up to which the list was read is read again: another may have come within it."""
    one = fed()
    await one.dispatch("e1")
    await one.until_read()
    ((_, at),) = await one.redis.zrange("t:recent", 0, -1, withscores=True)
    await put(one.redis, "e2", at)
    await one.ticks()
    assert sorted(one.ids()) == ["e1", "e2"]


async def test_more_of_one_millisecond_than_are_looked_at_in_one_go(fed):
    """A span ends at a millisecond's end, downward and upward."""
    one = fed()
    await one.dispatch("first")
    await one.until_read()
    ((_, at),) = await one.redis.zrange("t:recent", 0, -1, withscores=True)
    for n in range(SPAN + 100):
        await put(one.redis, f"above{n}", at + 5)
        await put(one.redis, f"below{n}", at - 5)
    await one.ticks(60)
    assert one.history.apps()[0].events == 2 * (SPAN + 100) + 1


async def test_an_event_that_comes_with_an_earlier_time_is_found(fed):
    """Redis' clock may have been set back."""
    one = fed()
    await one.dispatch("e1", "e2")
    await one.until_read()
    await put(one.redis, "late", 1.7e12)
    await one.ticks(4)
    assert sorted(one.ids()) == ["e1", "e2", "late"]


async def test_what_is_settled_is_told(fed):
    """By the results stream, with what the record holds."""
    one = fed()
    first, second = await one.dispatch("e1", "e2")
    await one.until_read()
    await one.settle(first)
    await one.settle(second, outcome="failed", reason="not_found", dead=True)
    await one.feed.tick()
    assert one.states() == {("e1", "room"): "delivered", ("e2", "room"): "failed"}
    (row,) = one.history.deliveries(DeliveryFilter(state="delivered"))
    assert (row.reason, row.attempts, row.status_code, row.elapsed_ms) == ("ok", 1, 204, 12.5)


async def test_what_was_settled_before_is_not_read_from_the_stream(fed):
    """The past is in the records; the stream is followed from its end."""
    one = fed()
    await one.settle(*await one.dispatch("e1"))
    await one.redis.xadd("t:results", {"result": b"not JSON"})
    await one.until_read()
    assert one.states() == {("e1", "room"): "delivered"}


async def test_news_that_cannot_be_read_stop_nothing(fed):
    """Neither results nor marks nor names nor events nor records."""
    one = fed()
    (ref,) = await one.dispatch("e1")
    await one.until_read()
    for result in (b"", b"[]", b"{}", b'{"app":1,"destination":2,"event_id":3}', b"\xff", b'"x"'):
        await one.redis.xadd("t:results", {"result": result})
    await one.redis.xadd("t:results", {"other": "field"})
    await one.redis.hset("t:marks", mapping={"x": "y", b"\xff": "1 0 0", "a/b/c/d": "1 0 0"})
    await one.redis.zadd("t:recent", {b"\xff\xfe": 5.0, "no-slash": 6.0, "checkout/gone": 7.5, "": float("inf")})
    await one.redis.set("t:event:no-slash", b"no header")
    await put(one.redis, "bad", 1.7e12, raw=b"1-1\tnever\tx\troom=hipchat\n{}")
    await put(one.redis, "odd", 1.7e12, raw=b"1-1\t5\tx\troom=hipchat\n{")
    await put(one.redis, "other", 1.7e12, raw=b"1-1\t5\tx\t\n" + dump_event(event_of(id="another name")))
    await put(one.redis, "unread", 1.7e12)
    await one.redis.set("t:record:checkout/room/unread", b"\xff")
    await one.settle(ref)
    await one.ticks(6)
    assert one.states() == {("e1", "room"): "delivered", ("unread", "room"): "unreadable"}


async def test_a_retry_is_seen_without_a_result(fed):
    """What is not settled is looked at again; so is a result that the stream has lost."""
    one = fed()
    first, second = await one.dispatch("e1", "e2")
    await one.until_read()
    await one.settle(first, reason="server_error", due_ms=int(await one.ledger.now() * 1000) + 60_000, result=False)
    await one.settle(second, result=False)
    await one.feed.tick()
    assert one.states() == {("e1", "room"): "retrying", ("e2", "room"): "delivered"}


async def test_a_replay_is_seen(fed):
    """A dead letter that an operator has delivered again is owed, and then where it stands."""
    one = fed()
    refs = await one.dispatch("e1", "e2")
    await one.settle(*refs, outcome="failed", reason="not_found", dead=True)
    await one.until_read()
    woken, replayed = await one.replay(refs[0])
    assert replayed == 1
    await one.feed.tick()
    assert one.states() == {("e1", "room"): "owed", ("e2", "room"): "failed"}
    await one.settle(*woken)
    await one.feed.tick()
    assert one.states() == {("e1", "room"): "delivered", ("e2", "room"): "failed"}


async def test_somebody_who_changed_a_delivery_sees_it_at_once(fed):
    """Whoever asks does not wait until it is its turn."""
    one = fed()
    (ref,) = await one.dispatch("e1")
    await one.settle(ref, outcome="failed", reason="not_found", dead=True)
    await one.until_read()
    await one.redis.delete("t:record:checkout/room/e1")
    await one.feed.tick()
    assert one.states() == {("e1", "room"): "failed"}
    one.feed.look_again([DeliveryId.parse(ref), DeliveryId("hipchat", "no", "such", "delivery")])
    await one.feed.tick()
    assert one.states() == {("e1", "room"): "owed"}


async def test_an_id_that_is_used_again_is_the_new_event(fed):
    """A day later the same id is another event; the old one is gone from Redis, and so here."""
    one = fed()
    await one.settle(*await one.dispatch("e1", title="The first"))
    await one.dispatch("e2")
    await one.until_read()
    await one.redis.delete("t:event:checkout/e1", "t:record:checkout/room/e1")
    await asyncio.sleep(0.002)
    await one.dispatch("e1", title="The second")
    await one.ticks()
    assert {each.id: each.title for each in one.history.events(None, 0, 1e11)} == {
        "e1": "The second",
        "e2": "CPU load above 4",
    }
    assert one.states() == {("e1", "room"): "owed", ("e2", "room"): "owed"}


async def test_what_redis_forgets_by_age_is_forgotten(fed):
    """With its deliveries, its points, and its metric where nobody else speaks of it."""
    one = fed()
    await one.dispatch("old", metric={"name": "old", "points": [[1, 1]]})
    await asyncio.sleep(0.002)
    await one.dispatch("new", metric={"name": "new", "points": [[2, 2]]})
    await one.until_read()
    (_, (_, newest)) = await one.redis.zrange("t:recent", 0, -1, withscores=True)
    await one.redis.zremrangebyscore("t:recent", "-inf", newest - 1)
    await one.feed.tick()
    assert one.ids() == ["new"]
    assert [metric.name for metric in one.history.series("checkout", 0, 1e11)] == ["new"]
    assert one.history.database.rows("SELECT count(*) FROM points") == [(1,)]
    assert one.history.apps()[0].deliveries == {"owed": 1}


async def test_what_redis_forgets_by_count_is_forgotten(fed):
    """By its own script, which takes the oldest that are settled."""
    one = fed(limits={"events_kept": 10})
    for start in range(0, 50, 10):
        await one.settle(*await one.dispatch(*numbered(10, start)))
        await one.ticks()
    await one.ticks(5)
    listed = {name.decode().partition("/")[2] for name in await one.redis.zrange("t:recent", 0, -1)}
    assert set(one.ids()) == listed
    assert 10 <= len(listed) < 50


async def test_an_event_that_is_gone_is_forgotten_though_it_is_listed(fed):
    """Redis lets keys expire by themselves; the list is trimmed when the next event comes."""
    one = fed()
    await one.dispatch("e1", "e2")
    await one.until_read()
    await one.redis.delete("t:event:checkout/e1")
    await one.ticks()
    assert one.ids() == ["e2"]


async def test_it_holds_no_more_than_it_may(fed):
    """The latest; what is new takes the place of the oldest."""
    one = fed(most=15)
    for start in range(0, 40, 10):
        await one.dispatch(*numbered(10, start))
        await asyncio.sleep(0.002)
    await one.ticks(10)
    assert set(numbered(10, 30)) < set(one.ids())
    assert len(one.ids()) == 15
    await one.dispatch(*numbered(10, 40))
    await one.ticks(10)
    assert set(numbered(10, 40)) < set(one.ids())
    assert len(one.ids()) == 15
    assert one.history.feeding.complete


async def test_a_flushed_redis_is_begun_anew(fed):
    """Whatever was read is gone; what comes then is followed."""
    one = fed()
    await one.settle(*await one.dispatch("e1", "e2"))
    await one.until_read()
    await one.redis.flushall()
    await one.ticks(1)
    assert one.ids() == []
    (ref,) = await one.dispatch("e1")
    await one.until_read()
    await one.settle(ref)
    await one.ticks()
    assert one.states() == {("e1", "room"): "delivered"}


async def test_another_redis_behind_the_address(fed):
    """Its events and its results count, though its stream may be shorter than the one that was followed."""
    one, other = fed(), Fed()
    await one.settle(*await one.dispatch(*numbered(20)))
    await one.until_read()
    await one.redis.xadd("t:results", {"result": b"{}"}, id="99999999999999-1")
    await one.feed.tick()
    (ref,) = await other.dispatch("there")
    await one.redis.flushall()
    for key in await other.redis.keys():
        await one.redis.restore(key, 0, await other.redis.dump(key))
    await one.until_read()
    assert one.ids() == ["there"]
    await one.settle(ref)
    await one.ticks()
    assert one.states() == {("there", "room"): "delivered"}
    await other.close()


async def test_a_redis_that_is_away_is_waited_for(fed):
    """What was read can be asked all the while; what came meanwhile is read when it is back."""
    server = FakeServer()
    one = fed(redis=FakeAsyncRedis(server=server), away_s=0.01)
    await one.dispatch("e1")
    task = asyncio.create_task(one.feed.run())
    await until(lambda: one.ids() == ["e1"])
    server.connected = False
    await until(lambda: one.history.feeding.away_since is not None)
    assert one.ids() == ["e1"]
    server.connected = True
    await one.dispatch("e2")
    await until(lambda: sorted(one.ids()) == ["e1", "e2"])
    await until(lambda: one.history.feeding.away_since is None)
    await ended([task])


async def test_an_answer_that_nobody_expected_is_waited_out(fed):
    """Somebody put something else under one of the keys."""
    one = fed(away_s=0.01)
    await one.redis.set("t:recent", "no sorted set")
    task = asyncio.create_task(one.feed.run())
    await until(lambda: one.history.feeding.away_since is not None)
    await one.redis.delete("t:recent")
    await one.dispatch("e1")
    await until(lambda: one.ids() == ["e1"])
    await ended([task])


async def test_a_defect_is_not_the_end(fed):
    """Whatever goes wrong with the history itself: it is tried again, and what was lost is read again."""
    one = fed(away_s=0.01)
    await one.dispatch("e1")
    await one.until_read()
    one.history.close()
    task = asyncio.create_task(one.feed.run())
    await asyncio.sleep(0.05)
    assert not task.done()
    one.history.database.clear()
    await until(lambda: one.ids() == ["e1"])
    await ended([task])


async def test_hostile_events_are_held(fed):
    """As far as dispatch takes them: long, odd and far-off values, and thousands of points."""
    one = fed()
    points = [[n, 1e299] for n in range(4990)] + [[-1e9, 1], [1e99, 1], [5, -1e299]]
    await one.dispatch(
        "x" * 128,
        "a/b?c=<script>&",
        title="T" * 1024,
        message="\U0001f4a9" * 16_000,
        rule="r" * 256,
        tags={f"k{n}": "v" * 1000 for n in range(100)},
        metric={"name": "<b>\u2028", "points": points, "threshold": 1e299, "window_s": -1},
    )
    await one.until_read()
    rows = one.history.events(None, 0, 1e11)
    assert {row.id for row in rows} == {"x" * 128, "a/b?c=<script>&"}
    assert all(len(row.title) == 300 and len(row.message) == 1000 and len(row.tags) == 30 for row in rows)
    (metric,) = one.history.series("checkout", 0, 1e11)
    assert metric.thinned
    assert len(orjson.dumps(metric.points)) > 2


@pytest.mark.slow
async def test_on_a_real_redis(redis_server):
    """What the fakes were asked is answered alike by the real one: the past, what is new, settled, replayed, gone."""
    client = async_redis(redis_server.url)
    await client.flushall()
    one = Fed(redis=client)
    refs = await one.dispatch(*numbered(700), to="room=hipchat -pager=pagerduty", skipped=[("pager", "pagerduty")])
    await one.until_read()
    assert one.history.apps()[0].events == 700
    await one.settle(*refs[:50], outcome="failed", reason="not_found", dead=True)
    await one.ticks(5)
    assert len(one.history.deliveries(DeliveryFilter(state="failed"), limit=1000)) == len(refs[:50])
    await one.replay(*refs[:10])
    await one.ticks(5)
    assert len(one.history.deliveries(DeliveryFilter(state="failed"), limit=1000)) == 40
    await client.delete("t:event:checkout/e7")
    await one.ticks(5)
    assert one.history.apps()[0].events == 699
    await client.flushall()
    await one.ticks(2)
    assert one.history.apps() == []
    await one.close()


async def put(redis, event_id, at_ms, *, raw=None):
    """An event as dispatch keeps it, at a time of the test's own choosing."""
    event = event_of(id=event_id)
    head = f"celery:{event_id}\t{at_ms:.0f}\tf{'0' * 24}\troom=hipchat\n".encode()
    await redis.set(f"t:event:checkout/{event_id}", raw or head + dump_event(event))
    await redis.zadd("t:recent", {f"checkout/{event_id}": at_ms})


async def until(is_so):
    """Wait for it; asyncio's own time-out where it never comes."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.005)
