"""One destination changed by itself: by whoever saw it last, and nobody else's touched."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest
from fakes.master_keys import KEYS, keys, name
from hypothesis import given, settings
from hypothesis import strategies as st
from stores.test_destinations import CHANNELS, app_of, store

from worker.errors import BellhopError, InvalidSettings, KeyMissing, NotFound, Outdated
from worker.models import App
from worker.stores.destinations import RedisDestinations
from worker.stores.edits import ABSENT, Edit
from worker.stores.key_register import KeyRegister
from worker.stores.memory_destinations import MemoryDestinations

__all__ = ["store"]


def edit_of(destination, app="a", **changes):
    """Put a destination as `app_of` makes it."""
    made = app_of(app, destination, **changes.pop("settings", {})).destinations[destination]
    return Edit(destination, replace(made, **changes))


async def revision(store, destination, app="a"):
    """What it is now."""
    return (await store.opened(app)).revision(destination)


async def test_an_edit_changes_its_destination_and_no_other(store):
    """The one is as edited, the others are as they were, revisions included; the next lookup knows."""
    await store.save([app_of("a", "one", "two"), app_of("b", "one")])
    await store.lookup(["a", "b"])
    before = await store.opened("a")
    await store.change("a", edit_of("one", enabled=False, settings={"room": "Ops"}), before.revision("one"))
    after = await store.opened("a")
    assert after.app == (await store.lookup(["a"]))["a"] == (await store.everything())["a"]
    assert (after.app.destinations["one"].enabled, after.app.destinations["one"].settings.room) == (False, "Ops")
    assert after.app.destinations["two"] == before.app.destinations["two"]
    assert after.revision("two") == before.revision("two")
    assert after.revision("one") not in {before.revision("one"), ABSENT}
    assert (await store.lookup(["b"]))["b"] == app_of("b", "one")


async def test_the_second_of_two_editors_is_told(store):
    """An edit of what is not any more what was seen does nothing, whatever was done to it."""
    await store.save([app_of("a", "one", "two")])
    seen = await revision(store, "one")
    await store.change("a", edit_of("one", settings={"room": "First"}), seen)
    for late in (edit_of("one", settings={"room": "Second"}), Edit("one", None)):
        with pytest.raises(Outdated, match="one was changed in between"):
            await store.change("a", late, seen)
    assert (await store.lookup(["a"]))["a"].destinations["one"].settings.room == "First"
    seen = await revision(store, "two")
    await store.set_enabled("a", "two", enabled=False)
    with pytest.raises(Outdated):
        await store.change("a", edit_of("two"), seen)


async def test_an_app_that_is_applied_has_new_revisions(store):
    """Who applies a file is another editor, too."""
    await store.save([app_of("a", "one")])
    seen = await revision(store, "one")
    await store.save([app_of("a", "one")])
    with pytest.raises(Outdated):
        await store.change("a", edit_of("one"), seen)


async def test_adding_and_deleting(store):
    """What is expected to be absent is added, once; what is deleted is gone, and the app stays."""
    await store.add("a")
    for destination in ("two", "one"):
        await store.change("a", edit_of(destination), ABSENT)
        with pytest.raises(Outdated):
            await store.change("a", edit_of(destination), ABSENT)
    assert await store.everything() == {"a": app_of("a", "one", "two")}
    for destination in ("one", "two"):
        seen = await revision(store, destination)
        await store.change("a", Edit(destination, None), seen)
        with pytest.raises(Outdated):
            await store.change("a", Edit(destination, None), seen)
    assert await store.everything() == {"a": App("a")}
    await store.change("a", edit_of("three"), ABSENT)
    assert list((await store.lookup(["a"]))["a"].destinations) == ["three"]


async def test_an_app_is_added_once(store):
    """A name that is taken is told, and what it has stays."""
    await store.add("a")
    assert await store.lookup(["a"]) == {"a": App("a")}
    await store.change("a", edit_of("one"), ABSENT)
    with pytest.raises(InvalidSettings, match="there is an app a already"):
        await store.add("a")
    assert list((await store.lookup(["a"]))["a"].destinations) == ["one"]


async def test_what_is_not_there_cannot_be_opened_or_changed(store):
    """Neither an app nor a destination comes into being by the way."""
    await store.save([app_of("a", "one")])
    with pytest.raises(NotFound, match="no app b"):
        await store.opened("b")
    with pytest.raises(NotFound, match="no app b"):
        await store.change("b", edit_of("one", app="b"), ABSENT)
    with pytest.raises(NotFound, match="no destination nobody"):
        await store.change("a", Edit("nobody", None), ABSENT)
    assert await store.everything() == {"a": app_of("a", "one")}


async def test_others_stay_byte_for_byte_and_keep_their_troubles(redis):
    """On Redis nothing is written but the one field; its troubles alone are over."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one", "two")])
    await redis.hset("p:troubles", mapping={"a/one": b"{}", "a/two": b"{}"})
    before = await redis.hgetall("p:app:a")
    await store.change("a", edit_of("one", settings={"room": "Ops"}), await revision(store, "one"))
    after = await redis.hgetall("p:app:a")
    assert {field for field in before if before[field] != after[field]} == {b"one"}
    assert await redis.hkeys("p:troubles") == [b"a/two"]
    assert b"s3cret" not in after[b"one"]


async def test_what_nobody_can_read_can_be_replaced_and_deleted(redis):
    """A destination of another version, or damaged, is edited like any other; its neighbours do not mind."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "bad", "worse", "good")])
    for damaged, raw in (("bad", b"{"), ("worse", orjson.dumps({"v": 9}))):
        await redis.hset("p:app:a", damaged, raw)
    await store.change("a", edit_of("bad"), await revision(store, "bad"))
    await store.change("a", Edit("worse", None), await revision(store, "worse"))
    assert await store.everything() == {"a": app_of("a", "bad", "good")}


async def test_without_its_key_an_app_is_not_edited(redis):
    """What was sealed under a key that is not here stays as it is, but may be deleted; a first save needs a key."""
    await RedisDestinations(redis, "p", keys(1), channels=CHANNELS).save([app_of("a", "one", "two")])
    other = RedisDestinations(redis, "p", keys(2), channels=CHANNELS)
    with pytest.raises(KeyMissing):
        await other.change("a", edit_of("one"), await revision(other, "one"))
    await redis.hset("p:app:a", ":key", b"{}")
    with pytest.raises(BellhopError, match="damaged"):
        await other.change("a", edit_of("one"), await revision(other, "one"))
    await other.change("a", Edit("one", None), await revision(other, "one"))
    assert await redis.hkeys("p:app:a") == [b":key", b"two"]
    with pytest.raises(NotFound, match="no destination :key"):
        await other.change("a", Edit(":key", None), await revision(other, ":key"))


async def test_the_first_destination_of_an_app_is_under_the_newest_key_and_no_worker_is_locked_out(redis):
    """It makes the app's data key; where a living worker lacks that master key, nothing is stored."""
    store = RedisDestinations(redis, "p", keys(2, 1), channels=CHANNELS)
    await store.add("a")
    await store.change("a", edit_of("one"), ABSENT)
    assert orjson.loads(await redis.hget("p:app:a", ":key"))["master"] == name(2)
    assert await redis.smembers("p:master-keys") == {name(2).encode()}
    await KeyRegister(redis, "p").tell("worker", [name(1)])
    await store.add("b")
    with pytest.raises(BellhopError, match="BELLHOP_MASTER_KEYS"):
        await store.change("b", edit_of("one", app="b"), ABSENT)
    assert (await store.lookup(["b"]))["b"] == App("b")


async def test_after_the_last_destination_no_key_is_left(redis):
    """An app without destinations has no data key, as one that never had any."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one")])
    await store.change("a", Edit("one", None), await revision(store, "one"))
    assert not await redis.exists("p:app:a")
    assert await store.names() == ["a"]


async def test_a_revision_tells_nothing_of_a_secret(redis):
    """The same settings twice are two revisions: none can be found out by trying secrets."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one", "two")])
    seen = (await store.opened("a")).revisions
    assert len(set(seen.values())) == len(seen)
    await store.change("a", edit_of("one"), seen["one"])
    assert await revision(store, "one") != seen["one"]


async def test_of_editors_at_the_same_moment_one_wins(real_redis):
    """However they interleave, one edit is stored and the others are told; edits of others' do not disturb."""
    stores = [RedisDestinations(real_redis, "p", KEYS, channels=CHANNELS) for _ in range(8)]
    await stores[0].save([app_of("a", "one", *"bcdefgh")])
    seen = await stores[0].opened("a")
    rooms = [f"room {number}" for number in range(len(stores))]
    contested = [
        each.change("a", edit_of("one", settings={"room": room}), seen.revision("one"))
        for each, room in zip(stores, rooms, strict=True)
    ]
    beside = [
        each.change("a", edit_of(other, settings={"room": other}), seen.revision(other))
        for each, other in zip(stores, "bcdefgh", strict=False)
    ]
    said = await asyncio.gather(*contested, *beside, return_exceptions=True)
    assert [type(each) for each in said[len(stores) :]] == [type(None)] * len(beside)
    won = [room for room, each in zip(rooms, said, strict=False) if each is None]
    found = (await stores[0].lookup(["a"]))["a"].destinations
    assert won == [found["one"].settings.room]
    assert all(isinstance(each, Outdated) for each in said[: len(stores)] if each is not None)
    assert [found[other].settings.room for other in "bcdefgh"] == list("bcdefgh")


async def test_an_app_that_is_deleted_meanwhile_does_not_come_back(real_redis):
    """A destination that is added while its app is deleted leaves nothing behind."""
    for _ in range(30):
        one, two = (RedisDestinations(real_redis, "p", KEYS, channels=CHANNELS) for _ in range(2))
        await one.add("a")
        await asyncio.gather(one.change("a", edit_of("one"), ABSENT), two.delete("a"), return_exceptions=True)
        assert await one.names() == []
        assert not await real_redis.exists("p:app:a")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "switch", "save", "stale"]),
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=30, deadline=None)
def test_memory_and_redis_agree(steps):
    """Any sequence of edits, switches and saves ends alike on both, errors included."""
    import fakeredis  # noqa: PLC0415, one server for each example

    async def play(store):
        said = []
        await store.save([app_of("a", "one")])
        for what, destination, room in steps:
            opened = await store.opened("a")
            seen = "stale" if what == "stale" else opened.revision(destination)
            try:
                if what == "switch":
                    await store.set_enabled("a", destination, enabled=False)
                elif what == "save":
                    await store.save([app_of("a", destination, room=room)])
                else:
                    edit = (
                        Edit(destination, None) if what == "delete" else edit_of(destination, settings={"room": room})
                    )
                    await store.change("a", edit, seen)
                said.append("")
            except BellhopError as problem:
                said.append(type(problem).__name__)
        return said, await store.everything()

    async def both():
        redis = fakeredis.FakeAsyncRedis()
        on_redis = await play(RedisDestinations(redis, "p", KEYS, channels=CHANNELS))
        await redis.aclose()
        return on_redis, await play(MemoryDestinations())

    on_redis, in_memory = asyncio.run(both())
    assert on_redis == in_memory
