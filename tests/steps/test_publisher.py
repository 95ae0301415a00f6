"""What goes to Celery, and when."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeAsyncRedis

from worker.publisher import DELIVER_QUEUE, SHORT_QUEUE, Publisher
from worker.stores.ledger import Ledger, LedgerLimits
from worker.wakeups import Wakeups, keep_leases


@pytest.fixture
async def redis():
    """An empty fake Redis."""
    client = FakeAsyncRedis()
    yield client
    await client.aclose()


@pytest.fixture
def sent():
    """Collects what would be Celery messages."""
    return []


@pytest.fixture
async def publisher(redis, sent):
    """A publisher with batches of two."""
    made = Publisher(redis, lambda *message: sent.append(message), batch=2)
    yield made
    made.close()


async def test_deliveries_are_one_task_per_channel_and_batch(publisher, sent):
    """References go to their channel's task, at most a batch each, and are named for Flower."""
    await publisher.deliveries(["hipchat/a/r/1", "slack/a/s/1", "hipchat/a/r/2", "hipchat/a/r/3"])
    assert [(name, args) for name, args, _, _ in sent] == [
        ("bellhop.deliver.hipchat", [["hipchat/a/r/1", "hipchat/a/r/2"]]),
        ("bellhop.deliver.hipchat", [["hipchat/a/r/3"]]),
        ("bellhop.deliver.slack", [["slack/a/s/1"]]),
    ]
    assert sent[0][3] == "(2 deliveries: hipchat/a/r/1 …)"


async def test_flower_is_shown_no_event(publisher, sent):
    """What intake publishes is shown by entry ids, not by its content."""
    await publisher.events(['{"title": "private"}'], ["5-0"])
    assert sent[0][3] == "(1 events: 5-0 … 5-0)"


async def test_room_is_waited_for(publisher, redis):
    """While Celery's queues are long nothing more is published."""
    await redis.rpush(DELIVER_QUEUE, *("x" * (SHORT_QUEUE + 1)))
    waiting = asyncio.create_task(publisher.room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await redis.lpop(DELIVER_QUEUE)
    await asyncio.wait_for(waiting, 5)


async def test_a_publish_that_fails_loses_nothing_and_stops_nothing(redis):
    """Redis away at the moment of publishing is logged; the ledger wakes the delivery again."""

    def fails(*_message):
        raise ConnectionError("Redis is away")

    publisher = Publisher(redis, fails, batch=2)
    await publisher.deliveries(["hipchat/a/r/1"])
    publisher.close()


async def test_the_timer_goes_on_when_redis_comes_back(redis, publisher, sent):
    """An outage ends no timer: what is due is published once Redis answers again."""
    ledger = Ledger(redis, "t", LedgerLimits())
    asked = []

    async def room():
        asked.append(1)
        if len(asked) == 1:
            raise ConnectionError("Redis is away")

    await redis.zadd("t:owed", {"hipchat/a/r/1": 1})
    running = asyncio.create_task(Wakeups(ledger, publisher.deliveries, room, batch=10).run())
    while not sent:
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
