"""What goes to Celery, and when."""

from __future__ import annotations

import asyncio
import json

import pytest
from fakeredis import FakeAsyncRedis

from worker.cancelling import ended
from worker.publisher import DELIVER_QUEUE, DISPATCH_QUEUE, RETRY_QUEUE, SHORT_QUEUE, Publisher
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import LedgerLimits
from worker.wakeups import Wakeups, keep_leases


@pytest.fixture
async def redis():
    """An empty fake Redis."""
    client = FakeAsyncRedis()
    yield client
    await client.aclose()


def envelope(*parts):
    """What would be a Celery message: its task, args, kwargs and what is shown of them."""
    return json.dumps(parts).encode()


async def queued(redis, queue=DELIVER_QUEUE):
    """What is in a queue, in the order in which workers take it."""
    return [json.loads(message) for message in reversed(await redis.lrange(queue, 0, -1))]


@pytest.fixture
def publisher(redis):
    """A publisher with batches of two."""
    return Publisher(redis, envelope, batch=2)


async def test_deliveries_are_one_task_per_channel_and_batch(publisher, redis):
    """References go to their channel's task, at most a batch each, and are named for Flower."""
    await publisher.deliveries(["hipchat/a/r/1", "slack/a/s/1", "hipchat/a/r/2", "hipchat/a/r/3"])
    sent = await queued(redis)
    assert [(name, args) for name, args, *_ in sent] == [
        ("bellhop.deliver.hipchat", [["hipchat/a/r/1", "hipchat/a/r/2"]]),
        ("bellhop.deliver.hipchat", [["hipchat/a/r/3"]]),
        ("bellhop.deliver.slack", [["slack/a/s/1"]]),
    ]
    assert sent[0][3] == "(2 deliveries: hipchat/a/r/1 …)"


async def test_retries_have_a_lane_of_their_own(publisher, redis):
    """A mass of retries leaves room for what is new, and what is new leaves room for retries."""
    await publisher.retries([f"hipchat/a/r/{number}" for number in range(2 * SHORT_QUEUE + 2)])
    assert {queue for *_, queue in await queued(redis, RETRY_QUEUE)} == {RETRY_QUEUE}
    await asyncio.wait_for(publisher.room(), 5)
    waiting = asyncio.create_task(publisher.room_for_retries())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await redis.delete(RETRY_QUEUE)
    await redis.rpush(DELIVER_QUEUE, *("x" * (SHORT_QUEUE + 1)))
    await asyncio.wait_for(waiting, 5)


async def test_flower_is_shown_no_event(publisher, redis):
    """What intake publishes is shown by entry ids, not by its content."""
    await publisher.events(["5-0"])
    ((_, _, _, shown, queue),) = await queued(redis, DISPATCH_QUEUE)
    assert shown == "(1 events: 5-0 … 5-0)"
    assert queue == DISPATCH_QUEUE


async def test_room_is_waited_for(publisher, redis):
    """While Celery's queues are long nothing more is published."""
    await redis.rpush(DELIVER_QUEUE, *("x" * (SHORT_QUEUE + 1)))
    waiting = asyncio.create_task(publisher.room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await redis.lpop(DELIVER_QUEUE)
    await asyncio.wait_for(waiting, 5)


async def test_what_was_just_seen_short_is_not_asked_for_again(publisher, redis):
    """The answer to a push says how long its queue is; it spares one question, and no second one."""
    await publisher.events(["5-0"])
    await redis.rpush(DELIVER_QUEUE, *("x" * (SHORT_QUEUE + 1)))
    await asyncio.wait_for(publisher.room(), 5)
    waiting = asyncio.create_task(publisher.room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await ended([waiting])


async def test_a_long_queue_is_asked_for(publisher, redis):
    """A push into a queue that is long already gives no room."""
    await redis.rpush(DISPATCH_QUEUE, *("x" * SHORT_QUEUE))
    await publisher.events(["5-0"])
    waiting = asyncio.create_task(publisher.room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await ended([waiting])


async def test_a_publish_that_fails_loses_nothing_and_stops_nothing():
    """Redis away at the moment of publishing is logged; the ledger wakes the delivery again."""
    away = FakeAsyncRedis(connected=False)
    await Publisher(away, envelope, batch=2).deliveries(["hipchat/a/r/1"])
    await away.aclose()


async def test_the_timer_goes_on_when_redis_comes_back(redis, publisher):
    """An outage ends no timer: what is due is published once Redis answers again."""
    ledger = Ledger(redis, "t", LedgerLimits())
    asked = []

    async def room():
        asked.append(1)
        if len(asked) == 1:
            raise ConnectionError("Redis is away")

    await redis.zadd("t:owed", {"hipchat/a/r/1": 1})
    running = asyncio.create_task(Wakeups(ledger, publisher.deliveries, room, batch=10).run())
    while not (sent := await queued(redis)):
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sent[0][1] == [["hipchat/a/r/1"]]


async def test_leases_are_renewed_while_they_are_held(redis):
    """The sign of life comes several times within a lease."""
    ledger = Ledger(redis, "t", LedgerLimits(lease_ms=90))
    await redis.zadd("t:leased", {"token|hipchat/a/r/1": 1})
    running = asyncio.create_task(keep_leases(ledger, lambda: ["token|hipchat/a/r/1"], 0.09))
    await asyncio.sleep(0.06)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await redis.zscore("t:leased", "token|hipchat/a/r/1") > 1
