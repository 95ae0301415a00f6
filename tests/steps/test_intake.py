"""Step 1: entries come off the stream and are handed on in batches."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeAsyncRedis

from worker.intake import Intake
from worker.stores.connection import async_redis
from worker.stores.events import REMEMBERED, EventStream
from worker.stores.records import Records


@pytest.fixture
async def redis():
    """An empty fake Redis."""
    client = FakeAsyncRedis()
    yield client
    await client.aclose()


class Published(list):
    """Collects what would be dispatch tasks."""

    async def take(self, entries):
        self.append(entries)


async def always_room():
    """Celery's queues are empty."""


async def nothing_new():
    """No settings have changed."""


def intake_of(redis, published, batch=10, refresh=nothing_new):
    """An intake on `redis`."""
    stream = EventStream(redis, "t", "me")
    return Intake(stream, published.take, always_room, refresh=refresh, batch=batch, max_event_bytes=1000)


async def test_what_has_gathered_is_one_batch(redis):
    """Under load a batch is as many entries as have gathered, up to the limit."""
    published = Published()
    intake = intake_of(redis, published, batch=3)
    await intake.step(1)
    ids = [(await redis.xadd("t:events", {"event": f"{{{i}}}"})).decode() for i in range(4)]
    await intake.step(1)
    await intake.step(1)
    assert published == [ids[:3], ids[3:]]


async def test_batches_grow_with_what_gathers(redis):
    """The first is small; under load each is twice as large as the one before, up to the limit."""
    published = Published()
    intake = intake_of(redis, published, batch=100)
    await intake.step(1)
    for i in range(500):
        await redis.xadd("t:events", {"event": f"{{{i}}}"})
    for _ in range(5):
        await intake.step(1)
    assert [len(each) for each in published] == [16, 32, 64, 100, 100]


async def test_huge_entries_are_read_few_at_a_time(redis):
    """Who fills the stream with megabytes takes no worker's memory: each is rejected, a few at a time."""
    published = Published()
    intake = intake_of(redis, published, batch=100)
    await intake.step(1)
    for _ in range(20):
        await redis.xadd("t:events", {"event": b"x" * 4_000_000})
    steps = [await intake.step(1) for _ in range(7)]
    assert steps == [16, 4, 0, 0, 0, 0, 0]
    assert intake._at_most == 8
    assert len(await Records(redis, "t").rejected(100)) == 20
    assert published == []


async def test_entries_that_cannot_travel_are_rejected_here(redis):
    """No field `event`, or too many bytes: kept on the rejected stream, taken off the events, and the rest goes on."""
    published = Published()
    intake = intake_of(redis, published)
    await intake.step(1)
    await redis.xadd("t:events", {"alert": "x"})
    await redis.xadd("t:events", {"event": "x" * 1001})
    good = await redis.xadd("t:events", {"event": "{}"})
    await intake.step(1)
    assert published == [[good.decode()]]
    errors = [each["error"] for each in await Records(redis, "t").rejected(10)]
    assert "at most 1000 are taken" in errors[0]
    assert "no field `event` (it has alert)" in errors[1]
    assert await redis.xlen("t:events") == 1


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"alert": '{"app": "a"}', "from": "nagios"}, b'alert {"app": "a"} from nagios'),
        ({b"\xff\x00\x1b[31m": b"\x00\xff"}, b"\xff\x00\x1b[31m \x00\xff"),
        ({"": ""}, b" "),
        ({"n" * 100_000: "v" * 100_000}, b"n" * 65_536),
        ({f"field-{i}": "x" for i in range(10_000)}, b"field-0 x field-1 x"),
    ],
    ids=["another field", "binary", "empty", "a huge name", "10,000 fields"],
)
async def test_an_entry_without_an_event_is_kept_with_all_that_it_has(redis, fields, shown):
    """Names and values up to 64 KiB beside an error of one line that is never long; it is off the events stream."""
    intake = intake_of(redis, Published())
    await intake.step(1)
    await redis.xadd("t:events", fields)
    await intake.step(1)
    ((_, kept),) = await redis.xrange("t:rejected")
    assert kept[b"event"].startswith(shown)
    assert len(kept[b"event"]) <= 65_536
    assert kept[b"error"].startswith(b"event: the entry has no field `event` (it has ")
    assert kept[b"error"].decode().isprintable()
    assert len(kept[b"error"]) < 700
    assert await redis.xlen("t:events") == 0


async def test_ids_that_are_no_entries_are_passed_over(redis):
    """A task that names nonsense instead of the stream's entries fetches nothing, and asks Redis for nothing."""
    assert await EventStream(redis, "t", "me").fetch(["", "x", "1-", "0-1-2", 17, None]) == {}


async def test_what_entries_hold_is_fetched_wherever_it_was_read(redis):
    """Bytes as they came, from memory in the process that read them and from the stream in any other."""
    stream, other = EventStream(redis, "t", "me"), EventStream(redis, "t", "other")
    texts = [b"\xff\x00{", *(b"%d" % number for number in range(5))]
    ids = [(await redis.xadd("t:events", {"event": text})).decode() for text in texts]
    await stream.read(1, 1)  # makes the group
    await stream.read(10, 1)
    wanted = [ids[0], ids[4], ids[1]]
    held = {ids[0]: texts[0], ids[4]: texts[4], ids[1]: texts[1]}
    assert await stream.fetch(wanted) == held
    assert await other.fetch(wanted) == held
    await redis.xdel("t:events", ids[4])
    assert list(await stream.fetch(wanted)) == [ids[0], ids[1]]


async def test_no_more_is_remembered_than_a_process_needs(redis):
    """Where the messages of what was read are lost, memory does not grow with them."""
    stream = EventStream(redis, "t", "me")
    pipe = redis.pipeline()
    for _ in range(REMEMBERED + 50):
        pipe.xadd("t:events", {"event": "{}"})
    ids = [entry.decode() for entry in await pipe.execute()]
    for _ in range(3):  # the first one makes the group
        await stream.read(REMEMBERED, 1)
    await redis.delete("t:events")
    assert list(await stream.fetch(ids)) == ids[50:]


async def test_a_dead_consumers_entries_are_taken_over(redis):
    """What another consumer read and never saw through comes again from the group's pending list."""
    published = Published()
    intake = intake_of(redis, published)
    await intake.step(1)
    entry = await redis.xadd("t:events", {"event": "{}"})
    other = EventStream(redis, "t", "dead")
    await other.read(10, 1)
    assert await EventStream(redis, "t", "me").reclaim(10, 60_000) == []
    (taken,) = await EventStream(redis, "t", "me").reclaim(10, 0)
    assert taken.id == entry.decode()


async def test_a_deleted_group_is_made_again_from_the_beginning(redis):
    """NOGROUP needs no restart, and nothing that waits in the stream is passed over."""
    published = Published()
    intake = intake_of(redis, published)
    await intake.step(1)
    await redis.xadd("t:events", {"event": "{}"})
    await redis.xgroup_destroy("t:events", "bellhop")
    await intake.step(1)
    await intake.step(1)
    assert len(published) == 1


async def test_a_worker_that_waits_is_seen(redis_server):
    """Before the first event comes, on every version of Redis: operators and health checks look for it."""
    client = async_redis(redis_server.url)
    stream = EventStream(client, "seen", "me")
    try:
        await client.delete("seen:events")
        assert await stream.reclaim(10, 60_000) == []
        assert [row["name"] for row in await stream.consumers()] == ["me"]
    finally:
        await client.aclose()


async def test_intake_waits_while_the_queues_are_long(redis):
    """The backlog stays in the stream: nothing is read while there is no room."""
    room, handed_on = asyncio.Event(), asyncio.Event()

    async def take(_entries):
        room.clear()
        handed_on.set()

    stream = EventStream(redis, "t", "me")
    await redis.xadd("t:events", {"event": "{}"})
    assert await stream.read(1, 1) == []  # makes the group
    intake = Intake(stream, take, room.wait, refresh=nothing_new, batch=10, max_event_bytes=1000)
    running = asyncio.create_task(intake.run())
    await asyncio.sleep(0.05)
    assert not handed_on.is_set()
    room.set()
    await asyncio.wait_for(handed_on.wait(), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_settings_are_refreshed_while_a_small_batch_is_on_its_way(redis):
    """A single event's lookup finds them fresh; under load each batch's own lookup asks, once."""
    published, refreshed = Published(), []

    async def refresh():
        refreshed.append(len(published))

    intake = intake_of(redis, published, batch=2, refresh=refresh)
    await intake.step(1)
    await redis.xadd("t:events", {"event": "{}"})
    assert await intake.step(1) == 1
    assert len(refreshed) == 1
    for _ in range(2):
        await redis.xadd("t:events", {"event": "{}"})
    assert await intake.step(1) == 2
    assert len(refreshed) == 1
