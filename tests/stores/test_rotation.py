"""Master keys changed while everything goes on: what is sealed anew, what stays, and who may start."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from fakes.master_keys import key, keys, name, text

from config.settings import read_settings
from worker.channels.hipchat import HipChatSettings
from worker.errors import InvalidSettings
from worker.key_file import kept_key, kept_or_new_key, key_path
from worker.models import App, Destination
from worker.stores.destinations import RedisDestinations
from worker.stores.key_register import KeyRegister
from worker.stores.rotation import PIPELINED, Rotation
from worker.unlocking import keys_at_hand, opened_keys


def app_of(number, rooms=2):
    """An app with some rooms."""
    app = f"app-{number:03}"
    settings = HipChatSettings(token="Canary5ecretTokenOfForty0Characters00000", room="Ops Room")
    return App(app, {each: Destination(app, each, "hipchat", settings) for each in [f"room-{n}" for n in range(rooms)]})


@pytest.fixture(params=["fake", "real"])
def server(request):
    """A Redis in memory, and a real one."""
    return request.getfixturevalue("redis" if request.param == "fake" else "real_redis")


async def saved(redis, count, *numbers):
    """So many apps, saved by a process with these keys."""
    apps = {each.name: each for each in map(app_of, range(count))}
    await RedisDestinations(redis, "p", keys(*numbers)).save(apps.values())
    return apps


async def everything(redis, *numbers):
    """All apps, as a process with these keys reads them."""
    return await RedisDestinations(redis, "p", keys(*numbers)).everything()


async def rotated(redis, *numbers, told=lambda *_: None):
    """Rotate to the first of these keys."""
    return await Rotation(redis, "p", keys(*numbers)).run(told)


async def test_a_rotation_brings_everything_under_the_newest_key(server):
    """All of it, with every app's data key fresh; afterwards the old key is not needed."""
    apps = await saved(server, 50, 1)
    before = await server.hgetall("p:app:app-000")
    seen = []
    done = await rotated(server, 2, 1, told=lambda *now: seen.append(now))
    assert (done.apps, done.destinations, done.passed_over, done.problems) == (50, 100, 0, {})
    assert seen == [(0, 50), (20, 50), (40, 50), (50, 50)]
    assert await everything(server, 2) == apps
    after = await server.hgetall("p:app:app-000")
    assert all(before[field] != after[field] for field in before)
    assert await KeyRegister(server, "p").retire(name(2)) == {name(2): 50}
    assert await KeyRegister(server, "p").in_use() == {name(2)}


async def test_a_rotation_that_was_stopped_goes_on_where_it_was(redis):
    """Killed at any point it leaves every app readable, and the next one passes over what is done."""
    apps = await saved(redis, 50, 1)

    def killed(done, _total):
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotated(redis, 2, 1, told=killed)
    assert await everything(redis, 2, 1) == apps
    register = KeyRegister(redis, "p")
    assert await register.needed() == {name(1): 10, name(2): 40}
    assert await register.in_use() == {name(1), name(2)}
    done = await rotated(redis, 2, 1)
    assert (done.apps, done.passed_over) == (10, 40)
    assert await everything(redis, 2) == apps
    assert (await rotated(redis, 2, 1)).apps == 0


class Meddling:
    """A Redis on which somebody else does something right after the first app was read."""

    def __init__(self, redis, meddle) -> None:
        self._redis = redis
        self._meddle = meddle
        self._left = 1

    def __getattr__(self, attribute) -> object:
        return getattr(self._redis, attribute)

    def pipeline(self, **options):
        """The first transaction has somebody come in between."""
        pipe = self._redis.pipeline(**options)
        if options["transaction"] and self._left:
            self._left -= 1
            execute = pipe.execute

            async def late(*args, **named):
                await self._meddle()
                return await execute(*args, **named)

            pipe.execute = late
        return pipe


@pytest.mark.parametrize("what", ["save", "disable", "delete"])
async def test_what_somebody_does_in_between_is_not_undone(server, what):
    """An app that changes while it is sealed anew is read again."""
    apps = await saved(server, 3, 1)
    store = RedisDestinations(server, "p", keys(1))

    async def meddle():
        if what == "save":
            await store.save([app_of(1, rooms=5)])
        elif what == "disable":
            await store.set_enabled("app-001", "room-0", enabled=False)
        else:
            await store.delete("app-001")

    done = await rotated(Meddling(server, meddle), 2, 1)
    found = await everything(server, 2)
    if what == "save":
        assert found == apps | {"app-001": app_of(1, rooms=5)}
    elif what == "disable":
        rooms = apps["app-001"].destinations
        off = rooms | {"room-0": replace(rooms["room-0"], enabled=False)}
        assert found == apps | {"app-001": App("app-001", off)}
    else:
        assert found == {each: app for each, app in apps.items() if each != "app-001"}
        assert await server.exists("p:app:app-001") == 0
    assert done.problems == {}
    assert (await KeyRegister(server, "p").needed()).keys() == {name(2)}


async def test_a_save_under_the_old_key_keeps_that_key_in_use(redis):
    """Whoever saved under it while it was taken off the register puts it back by that very save."""
    await saved(redis, 2, 1)
    await rotated(redis, 2, 1)
    await RedisDestinations(redis, "p", keys(1)).save([app_of(0)])
    register = KeyRegister(redis, "p")
    assert await register.retire(name(2)) == {name(1): 1, name(2): 1}
    assert await register.in_use() == {name(1), name(2)}


async def test_caches_and_troubles_are_left_alone(redis):
    """Nobody is told of a rotation, no pause ends by it, and what a worker has in memory is still the very same."""
    await saved(redis, 3, 1)
    worker = RedisDestinations(redis, "p", keys(2, 1))
    before = await worker.lookup(["app-000"])
    await redis.hset("p:troubles", "app-000/room-0", b"{}")
    changes = await redis.xlen("p:settings-changes")
    await rotated(redis, 2, 1)
    assert (await worker.lookup(["app-000"]))["app-000"] is before["app-000"]
    assert await redis.hlen("p:troubles") == 1
    assert await redis.xlen("p:settings-changes") == changes


async def test_what_cannot_be_read_stays_as_it_is_and_is_named(redis):
    """One under a lost key, one altered, one of another version: the others are sealed anew, and none is destroyed."""
    await saved(redis, 6, 1)
    await RedisDestinations(redis, "p", keys(3)).save([app_of(0)])
    altered = (await redis.hget("p:app:app-001", "room-0")).replace(b"Ops Room", b"Opz Room")
    await redis.hset("p:app:app-001", "room-0", altered)
    await redis.hset("p:app:app-002", "room-0", b'{"v":9,"channel":"hipchat","enabled":true}')
    await redis.hset("p:app:app-003", "room-0", b"{")
    await redis.hdel("p:app:app-004", ":key")
    before = [await redis.hgetall(f"p:app:app-{number:03}") for number in range(5)]
    done = await rotated(redis, 2, 1)
    assert done.apps == 1
    assert name(3) in done.problems["app-000"]
    assert "altered or damaged" in done.problems["app-001"]
    assert "another version" in done.problems["app-002"]
    assert {"app-003", "app-004"} < set(done.problems)
    assert [await redis.hgetall(f"p:app:app-{number:03}") for number in range(5)] == before
    assert await KeyRegister(redis, "p").retire(name(2)) == {name(1): 3, name(2): 1, name(3): 1}


async def test_apps_without_destinations_need_nothing(redis):
    """They have no key, and no problem."""
    await RedisDestinations(redis, "p", keys(1)).save([App("empty")])
    assert await redis.smembers("p:master-keys") == set()
    done = await rotated(redis, 2, 1)
    assert (done.apps, done.passed_over, done.problems) == (0, 1, {})


async def test_more_apps_than_are_looked_at_in_one_go(redis):
    """Each is counted and sealed anew once."""
    count = PIPELINED + 10
    await RedisDestinations(redis, "p", keys(1)).save([app_of(number, rooms=1) for number in range(count)])
    await saved(redis, 5, 2)
    done = await rotated(redis, 2, 1)
    assert (done.apps, done.passed_over) == (count - 5, 5)
    assert await KeyRegister(redis, "p").needed() == {name(2): count}


def settings(folder, *numbers, **more):
    """Settings with these keys, and a state folder of the test's own."""
    given = {"master_keys": text(*numbers)} if numbers else {}
    return read_settings(state_dir=folder, prefix="p", **given, **more)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("BELLHOP_MASTER_KEYS", raising=False)
    monkeypatch.chdir(tmp_path)


async def test_the_first_process_generates_a_key_and_the_next_one_uses_it(server, tmp_path):
    """Where Redis holds nothing that is sealed; from then on its id is in use."""
    first = await opened_keys(settings(tmp_path), server)
    assert (await opened_keys(settings(tmp_path), server)).ids == first.ids
    assert await KeyRegister(server, "p").in_use() == set(first.ids)
    assert key_path(tmp_path).exists()


async def test_another_host_does_not_generate_a_second_key(server, tmp_path):
    """It is told which key it needs, and which file or setting has it; nothing is written."""
    (first,) = (await opened_keys(settings(tmp_path / "one"), server)).ids
    with pytest.raises(InvalidSettings) as caught:
        await opened_keys(settings(tmp_path / "two"), server)
    words = str(caught.value)
    assert words.startswith("BELLHOP_MASTER_KEYS: is not set, there is no ")
    assert first in words
    assert "\n" not in words
    assert not (tmp_path / "two").exists()


async def test_hosts_that_start_at_the_same_moment_do_not_both_keep_theirs(server, tmp_path):
    """Of several that find Redis empty one is the first; the others are refused rather than let to write."""
    begun = [opened_keys(settings(tmp_path / str(number)), server) for number in range(5)]
    found = await asyncio.gather(*begun, return_exceptions=True)
    assert sum(not isinstance(each, Exception) for each in found) == 1
    assert {type(each) for each in found if isinstance(each, Exception)} == {InvalidSettings}
    assert len(await KeyRegister(server, "p").in_use()) == 1


async def test_a_process_with_other_keys_is_refused(server, tmp_path):
    """It could read nothing; with one of the keys in use it may start."""
    await saved(server, 1, 1)
    with pytest.raises(
        InvalidSettings, match=f"^BELLHOP_MASTER_KEYS: these keys are {name(2)}, {name(3)}, .*{name(1)}"
    ):
        await opened_keys(settings(tmp_path, 2, 3), server)
    assert (await opened_keys(settings(tmp_path, 2, 1), server)).ids == (name(2), name(1))
    assert await KeyRegister(server, "p").in_use() == {name(1)}


async def test_keys_that_are_set_come_before_the_generated_one_which_stays_readable(redis, tmp_path):
    """Who sets keys for the first time loses nothing, and can rotate at leisure."""
    (generated,) = (await opened_keys(settings(tmp_path), redis)).ids
    assert (await opened_keys(settings(tmp_path, 1), redis)).ids == (name(1), generated)


def test_a_generated_key_that_is_set_as_well_counts_once(tmp_path):
    """As on the other hosts, where it is set only."""
    key_path(tmp_path).write_text(f"{text(1)}\n")
    key_path(tmp_path).chmod(0o600)
    assert keys_at_hand(settings(tmp_path, 2, 1)).ids == (name(2), name(1))
    assert kept_key(tmp_path) == key(1)


def test_a_generated_key_that_cannot_be_used_matters_only_where_none_is_set(tmp_path):
    """Workers with keys of their own do not need the state folder."""
    kept_or_new_key(tmp_path)
    key_path(tmp_path).chmod(0o644)
    assert keys_at_hand(settings(tmp_path, 1)).ids == (name(1),)
    with pytest.raises(InvalidSettings, match="chmod 600"):
        keys_at_hand(settings(tmp_path))


async def test_a_key_that_is_lost_can_be_given_up(redis, tmp_path):
    """Then another takes its place; what was sealed under it stays locked until it is applied again."""
    await saved(redis, 1, 1)
    register = KeyRegister(redis, "p")
    assert await register.forget(name(1))
    assert not await register.forget(name(1))
    await opened_keys(settings(tmp_path, 2), redis)
    assert await register.in_use() == {name(2)}
    assert (await everything(redis, 2))["app-000"].destinations["room-0"].locked
    await saved(redis, 1, 2)
    assert await everything(redis, 2) == {"app-000": app_of(0)}


async def test_workers_tell_which_keys_they_have_until_they_end(server):
    """By Redis' clock, with an end of its own."""
    register = KeyRegister(server, "p")
    await register.tell("host-1", keys(2, 1).ids)
    await register.tell("host-2", keys(1).ids)
    await register.tell("host-2", keys(1).ids)
    assert await register.holders() == {"host-1": {name(2), name(1)}, "host-2": {name(1)}}
    await register.withdraw("host-1", keys(2, 1).ids)
    assert await register.holders() == {"host-2": {name(1)}}
    assert 0 < await server.ttl("p:key-holders") <= 60
    await server.zadd("p:key-holders", {f"host-2 {name(1)}": 1})
    assert await register.holders() == {}
    await register.tell("host-3", keys(1).ids)
    assert await server.zcard("p:key-holders") == 1
