"""The store of destinations: one contract, over memory, a Redis in memory and a real one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest
from fakes.master_keys import KEYS, keys, name
from pydantic import Field, SecretStr

from worker.channels.channel import Channel, ChannelSettings
from worker.errors import BellhopError, InvalidSettings, NotFound
from worker.keys import NO_KEYS
from worker.messages import HttpPost
from worker.models import App, Destination, OnAmbiguous
from worker.stores.destinations import CHANGES_READ, RedisDestinations
from worker.stores.memory_destinations import MemoryDestinations
from worker.stores.rotation import Rotation


class RoomSettings(ChannelSettings):
    token: SecretStr
    room: str = "lobby"
    headers: dict[str, SecretStr] = Field(default_factory=dict)


ROOM = Channel(
    name="room", label="Room", settings=RoomSettings, compose=lambda *_: HttpPost(url="https://x.example", label="x")
)
CHANNELS = {"room": ROOM, "lounge": replace(ROOM, name="lounge")}


def app_of(name, *destinations: str, **settings):
    """An app with these destinations, all alike."""
    made = {
        d: Destination(
            name,
            d,
            "room",
            RoomSettings(token=SecretStr("s3cret-token"), **settings),
            rate_limit="30/min",
            on_ambiguous=OnAmbiguous.STOP,
        )
        for d in destinations
    }
    return App(name, made)


class Counting:
    """Counts the round trips that a client makes."""

    def __init__(self, redis) -> None:
        self._redis = redis
        self.round_trips = 0

    def __getattr__(self, name) -> object:
        self.round_trips += 1
        return getattr(self._redis, name)


@pytest.fixture(params=["memory", "fake", "real"])
def store(request):
    """Each store in turn, empty."""
    if request.param == "memory":
        return MemoryDestinations()
    client = request.getfixturevalue("redis" if request.param == "fake" else "real_redis")
    return RedisDestinations(client, "bellhop", KEYS, channels=CHANNELS)


async def test_what_is_saved_is_found_again_whole(store):
    """Everything about a destination survives the store, secrets included."""
    saved = app_of("checkout", "ops", "night", room="Ops Room", headers={"X-Key": SecretStr("k3y")})
    await store.save([saved])
    assert await store.lookup(["checkout"]) == {"checkout": saved}
    assert await store.everything() == {"checkout": saved}


async def test_unknown_apps_are_left_out(store):
    """An app that nobody configured is not in the answer, and stays so when asked again."""
    await store.save([app_of("checkout", "ops")])
    for _ in range(2):
        assert list(await store.lookup(["nobody", "checkout"])) == ["checkout"]


async def test_an_unknown_app_is_found_once_it_is_saved(store):
    """That an app was absent is not remembered beyond its being saved."""
    assert await store.lookup(["checkout"]) == {}
    await store.save([app_of("checkout", "ops")])
    assert "checkout" in await store.lookup(["checkout"])


async def test_an_app_without_destinations_exists(store):
    """An app that has no destinations is known all the same."""
    await store.save([App("empty")])
    assert await store.lookup(["empty"]) == {"empty": App("empty")}
    assert await store.names() == ["empty"]


async def test_saving_replaces_the_apps_destinations_and_removes_what_was_named(store):
    """A save leaves neither old destinations nor removed apps, and does not touch others."""
    await store.save([app_of("a", "one", "two"), app_of("b", "x"), app_of("c", "y")])
    await store.lookup(["a", "b", "c"])
    await store.save([app_of("a", "three")], removed=["b"])
    found = await store.lookup(["a", "b", "c"])
    assert {name: list(app.destinations) for name, app in found.items()} == {"a": ["three"], "c": ["y"]}
    assert await store.names() == ["a", "c"]


async def test_switching_off_and_on(store):
    """`set_enabled` changes that and nothing else, and the next lookup knows."""
    await store.save([app_of("a", "one", "two")])
    await store.lookup(["a"])
    await store.set_enabled("a", "one", enabled=False)
    destinations = (await store.lookup(["a"]))["a"].destinations
    assert [destinations[name].enabled for name in ("one", "two")] == [False, True]
    await store.set_enabled("a", "one", enabled=True)
    assert await store.lookup(["a"]) == {"a": app_of("a", "one", "two")}


async def test_what_is_not_there_cannot_be_switched_or_deleted(store):
    """A wrong name is told, and creates nothing."""
    await store.save([app_of("a", "one")])
    for app, destination in [("a", "two"), ("b", "one")]:
        with pytest.raises(NotFound, match=f"app {app} has no destination {destination}"):
            await store.set_enabled(app, destination, enabled=False)
    with pytest.raises(NotFound, match="no app b"):
        await store.delete("b")
    assert await store.everything() == {"a": app_of("a", "one")}


async def test_deleting_an_app(store):
    """A deleted app is gone from every answer."""
    await store.save([app_of("a", "one"), app_of("b", "one")])
    await store.lookup(["a"])
    await store.delete("a")
    assert await store.lookup(["a"]) == {}
    assert await store.names() == ["b"]


async def test_saving_nothing_is_no_change(store):
    """An empty save is allowed."""
    await store.save([])
    assert await store.names() == []


@pytest.mark.parametrize("change", ["save", "enable", "delete"])
async def test_another_processs_change_is_seen_by_the_next_lookup(redis, change):
    """A cache never outlives a change that another process made before the lookup."""
    ours, theirs = (RedisDestinations(redis, "p", KEYS, channels=CHANNELS) for _ in range(2))
    await ours.save([app_of("a", "one"), app_of("b", "one")])
    before = await ours.lookup(["a", "b"])
    if change == "save":
        await theirs.save([app_of("a", "two")])
    elif change == "enable":
        await theirs.set_enabled("a", "one", enabled=False)
    else:
        await theirs.delete("a")
    after = await ours.lookup(["a", "b"])
    assert after.get("a") != before["a"]
    # What did not change is the very same object: it was not read or validated again.
    assert after["b"] is before["b"]


async def test_a_cached_lookup_costs_one_round_trip_and_a_missing_one_two(redis):
    """The hot path asks once for changes, and once more, for all of them together, where apps are not cached."""
    await RedisDestinations(redis, "p", KEYS, channels=CHANNELS).save([app_of(f"a{i}", "one") for i in range(300)])
    names = [f"a{i}" for i in range(300)] + ["nobody"]
    counting = Counting(redis)
    store = RedisDestinations(counting, "p", KEYS, channels=CHANNELS)
    assert len(await store.lookup(names)) == 300
    assert counting.round_trips == 2
    counting.round_trips = 0
    assert len(await store.lookup(names)) == 300
    assert counting.round_trips == 1


async def test_after_a_refresh_a_lookup_asks_for_no_changes(redis):
    """What was looked for while the event was on its way need not be looked for again."""
    await RedisDestinations(redis, "p", KEYS, channels=CHANNELS).save([app_of("a", "one")])
    counting = Counting(redis)
    store = RedisDestinations(counting, "p", KEYS, channels=CHANNELS, trusted_s=60)
    await store.refresh()
    assert list((await store.lookup(["a"]))["a"].destinations) == ["one"]
    assert counting.round_trips == 2  # the changes, and the app
    await store.lookup(["a"])
    assert counting.round_trips == 2


async def test_a_refresh_that_fails_vouches_for_nothing(real_redis):
    """With Redis away it is silent, and the lookup that follows asks for itself."""
    ours, theirs = (RedisDestinations(real_redis, "p", KEYS, channels=CHANNELS, trusted_s=60) for _ in range(2))
    await theirs.save([app_of("a", "one")])
    key = "p:settings-changes"
    await real_redis.rename(key, "kept")
    await real_redis.set(key, "what no client can read as changes")
    await ours.refresh()
    await real_redis.rename("kept", key)
    await theirs.save([app_of("a", "two")])
    assert list((await ours.lookup(["a"]))["a"].destinations) == ["two"]
    assert list((await ours.lookup(["a"]))["a"].destinations) == ["two"]


async def test_a_change_of_many_apps_is_told_whole_and_costs_later_lookups_little(redis):
    """Every one of them is read anew, and the entry that each later lookup reads again names one app only."""
    ours, theirs = (RedisDestinations(redis, "p", KEYS, channels=CHANNELS) for _ in range(2))
    names = [f"a{i}" for i in range(300)]
    await ours.save([app_of(name, "one") for name in names])
    await ours.lookup(names)
    await theirs.save([app_of(name, "two") for name in names])
    assert {name for name, app in (await ours.lookup(names)).items() if list(app.destinations) == ["two"]} == set(names)
    [(_, newest)] = await redis.xrevrange("p:settings-changes", count=1)
    assert newest[b"apps"].split() == [b"a299"]


@pytest.mark.parametrize("how", ["deleted", "trimmed", "flooded", "flushed"])
async def test_where_changes_were_missed_the_cache_begins_anew(redis, how):
    """A change stream that lost the entry we know makes us read everything again."""
    ours, theirs = (RedisDestinations(redis, "p", KEYS, channels=CHANNELS) for _ in range(2))
    await ours.save([app_of("a", "one")])
    await ours.lookup(["a"])
    if how == "flooded":
        for _ in range(CHANGES_READ):
            await theirs.save([app_of("b", "one")])
    await theirs.save([app_of("a", "two")])
    if how == "deleted":
        await redis.delete("p:settings-changes")
    elif how == "trimmed":
        await theirs.save([app_of("b", "one")])
        await redis.xtrim("p:settings-changes", maxlen=1, approximate=False)
    elif how == "flushed":
        await redis.flushall()
        assert await ours.lookup(["a"]) == {}
        return
    assert list((await ours.lookup(["a"]))["a"].destinations) == ["two"]


async def test_the_first_change_ever_is_seen(redis):
    """A cache that was filled while there was no change stream learns of the first entry."""
    ours, theirs = (RedisDestinations(redis, "p", KEYS, channels=CHANNELS) for _ in range(2))
    assert await ours.lookup(["a"]) == {}
    await theirs.save([app_of("a", "one")])
    assert "a" in await ours.lookup(["a"])


async def test_the_cache_is_bounded_and_answers_beyond_its_bound(redis):
    """More apps than the cache holds are all found, and the cache stays as small as it was told."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS, cached_apps=10)
    await store.save([app_of(f"a{i}", "one") for i in range(30)])
    assert len(await store.lookup([f"a{i}" for i in range(30)])) == 30
    assert len(store._cache) == 10
    recent = (await store.lookup(["a29"]))["a29"]
    await store.lookup([f"a{i}" for i in range(9)])
    assert (await store.lookup(["a29"]))["a29"] is recent


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (b'{"v": 2}', "damaged"),
        ({"v": 1}, "another version"),
        ({"v": 3}, "another version"),
        ({"channel": "telex"}, "'telex' is not one that this version knows"),
        ({"channel": "lounge"}, "damaged"),
        ({"channel": "room other=x/y"}, "damaged"),
        ({"channel": ["room"]}, "damaged"),
        ({"settings": {"token": None, "room": "Elsewhere"}}, "damaged"),
        ({"settings": {"token": "known"}}, "damaged"),
        ({"settings": []}, "damaged"),
        ({"settings": None}, "damaged"),
        ({"sealed": []}, "damaged"),
        ({"sealed": [[["token"], "AAAA"]]}, "damaged"),
        ({"sealed": [[["token"], "no base64"]]}, "damaged"),
        ({"sealed": [[["token"], None]]}, "damaged"),
        ({"sealed": "nothing"}, "damaged"),
        ({"sealed": 7}, "damaged"),
        ({"rate_limit": "often"}, "damaged"),
        ({"on_ambiguous": "perhaps"}, "damaged"),
    ],
)
async def test_what_cannot_be_read_has_a_problem_and_harms_no_other(redis, stored, problem):
    """Unreadable settings are told in words without secrets, and the destination beside them works."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "bad", "good")])
    raw = orjson.loads(await redis.hget("p:app:a", "bad"))
    await redis.hset("p:app:a", "bad", stored if isinstance(stored, bytes) else orjson.dumps(raw | stored))
    found = (await store.lookup(["a"]))["a"].destinations
    assert found["bad"].settings is None
    assert problem in found["bad"].problem
    assert not found["bad"].locked
    assert "s3cret" not in repr(found)
    assert found["good"].settings.token.get_secret_value() == "s3cret-token"


class OlderSettings(RoomSettings):
    """As another version had them."""

    token: SecretStr | None = None
    tokn: SecretStr | None = None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (OlderSettings(room="Ops"), "settings.token: is required"),
        (OlderSettings(token="s3cret-token", tokn="s3cret-token"), "settings.tokn: is not a setting of room; did you"),
    ],
)
async def test_settings_that_do_not_fit_this_version_are_told_by_their_field(redis, settings, problem):
    """What another version saved with the right key may still lack a field, or have one too many."""
    await RedisDestinations(redis, "p", KEYS).save([App("a", {"one": Destination("a", "one", "room", settings)})])
    found = (await RedisDestinations(redis, "p", KEYS, channels=CHANNELS).lookup(["a"]))["a"].destinations["one"]
    assert problem in found.problem
    assert "s3cret" not in repr(found)


async def test_no_secret_is_stored_and_what_is_none_can_be_read(redis):
    """Redis has neither tokens nor keys; rooms and the like are there in words."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one", room="Ops Room", headers={"X-Key": SecretStr("k3y-value")})])
    kept = {key: await redis.hgetall(key) for key in [b"p:app:a"]}
    text = repr((kept, await redis.smembers("p:master-keys"), await redis.xrange("p:settings-changes")))
    assert "s3cret" not in text
    assert "k3y-value" not in text
    stored = orjson.loads(await redis.hget("p:app:a", "one"))
    assert stored["settings"] == {"room": "Ops Room", "token": None, "headers": {"X-Key": None}}
    assert await redis.smembers("p:master-keys") == {name(1).encode()}


async def test_each_save_has_a_data_key_of_its_own(redis):
    """The same settings saved twice share no text, and what was sealed before does not fit any more."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    saved = []
    for _ in range(2):
        await store.save([app_of("a", "one")])
        saved.append(await redis.hgetall("p:app:a"))
    assert all(saved[0][field] != saved[1][field] for field in saved[0])
    await redis.hset("p:app:a", "one", saved[0][b"one"])
    assert "damaged" in (await store.everything())["a"].destinations["one"].problem


async def test_a_destination_whose_key_is_not_here_is_locked_and_found_once_it_is(redis):
    """A removed key is named with its setting; nothing of this is cached, so that a rotation is seen."""
    saved = app_of("a", "one")
    await RedisDestinations(redis, "p", keys(1), channels=CHANNELS).save([saved])
    other = RedisDestinations(redis, "p", keys(2), channels=CHANNELS)
    for _ in range(2):
        found = (await other.lookup(["a"]))["a"].destinations["one"]
        assert (found.locked, found.settings, found.channel, found.enabled) == (True, None, "room", True)
        assert name(1) in found.problem
        assert "BELLHOP_MASTER_KEYS" in found.problem
    await Rotation(redis, "p", keys(2, 1)).run(lambda *_: None)
    assert await other.lookup(["a"]) == {"a": saved}


async def test_the_field_of_the_data_key_is_no_destination(redis):
    """It can neither be switched nor looked at, and a destination without it is damaged, not lost."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one")])
    with pytest.raises(NotFound, match="no destination :key"):
        await store.set_enabled("a", ":key", enabled=False)
    assert list((await store.lookup(["a"]))["a"].destinations) == ["one"]
    for raw in (b"{", b"[]", b'{"v":2}', b'{"master":7}', b'{"master":"0123456789ab"}', b'{"master":"\\u001b[31m"}'):
        await redis.hset("p:app:a", ":key", raw)
        found = (await RedisDestinations(redis, "p", KEYS, channels=CHANNELS).everything())["a"].destinations["one"]
        assert found.problem
        assert "\u001b" not in found.problem
    await redis.hdel("p:app:a", ":key")
    found = (await RedisDestinations(redis, "p", KEYS, channels=CHANNELS).everything())["a"].destinations["one"]
    assert "damaged" in found.problem


async def test_without_a_key_nothing_is_saved(redis):
    """Nothing is ever stored in clear text for want of a key."""
    with pytest.raises(InvalidSettings, match="BELLHOP_MASTER_KEYS"):
        await RedisDestinations(redis, "p", NO_KEYS, channels=CHANNELS).save([app_of("a", "one")])
    assert await redis.keys() == []


async def test_what_is_damaged_cannot_be_switched_and_says_so(redis):
    """`enable` on something that is not even JSON is a sentence."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one")])
    await redis.hset("p:app:a", "one", b"{")
    with pytest.raises(BellhopError, match="a/one: what is stored was altered or damaged"):
        await store.set_enabled("a", "one", enabled=True)


async def test_settings_that_cannot_be_read_can_be_switched_off(redis):
    """Switching off touches nothing else, not even what this version cannot read."""
    store = RedisDestinations(redis, "p", KEYS, channels=CHANNELS)
    await store.save([app_of("a", "one")])
    raw = orjson.loads(await redis.hget("p:app:a", "one")) | {"v": 9, "new": [1]}
    await redis.hset("p:app:a", "one", orjson.dumps(raw))
    await store.set_enabled("a", "one", enabled=False)
    assert orjson.loads(await redis.hget("p:app:a", "one")) == raw | {"enabled": False}


async def test_switching_at_the_same_time_loses_neither(real_redis):
    """Two writers to one app do not undo each other's change."""
    stores = [RedisDestinations(real_redis, "p", KEYS, channels=CHANNELS) for _ in range(6)]
    await stores[0].save([app_of("a", *"abcdef")])
    switches = [store.set_enabled("a", name, enabled=False) for store, name in zip(stores, "abcdef", strict=True)]
    await asyncio.gather(*switches)
    destinations = (await stores[0].lookup(["a"]))["a"].destinations
    assert not any(destination.enabled for destination in destinations.values())


async def test_lookups_at_the_same_time_agree_with_the_last_change(real_redis):
    """However lookups and saves interleave, a lookup after the last save sees it."""
    store, other = (RedisDestinations(real_redis, "p", KEYS, channels=CHANNELS) for _ in range(2))
    for i in range(20):
        await asyncio.gather(
            *(store.lookup(["a"]) for _ in range(5)), other.save([app_of("a", f"d{i}")]), store.lookup(["a"])
        )
        assert list((await store.lookup(["a"]))["a"].destinations) == [f"d{i}"]


async def test_a_repr_of_what_was_found_shows_no_secret(store):
    """What logs may come to print of an app holds no secret."""
    await store.save([app_of("a", "one", headers={"X-Key": SecretStr("k3y-value")})])
    text = repr(await store.lookup(["a"]))
    assert "s3cret" not in text
    assert "k3y-value" not in text
