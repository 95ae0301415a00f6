"""Master keys changed under load: a real Redis, a real worker, and destinations to which alerts go the whole time.

The worker has every key; each rotation is a `bellhop keys rotate` with two of them. The apps take turns, so that for as
long as a rotation lasts most alerts are for an app whose settings the worker has not read before.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import orjson

from chaos.cluster import Cluster
from chaos.load import CHANNELS, Event, Producer, destination, event
from chaos.processes import Process, until
from chaos.referee import Tally
from chaos.row import Trial
from security.row import Row, Say
from worker.channels import CHANNELS as KNOWN
from worker.keys import MasterKeys, key_id, new_key, read_key
from worker.models import App, Destination
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations
from worker.stores.key_register import KeyRegister
from worker.stores.sealing import KEY_FIELD, master_of

DESTINATIONS: Final = 10_000
LEAST_APPS: Final = 100
"""Fewer are sealed anew before anybody could kill that in the middle."""
PER_S: Final = 200
"""Events; each goes to three destinations."""
TRIES: Final = 8
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Keys:
    """Enough master keys, as they are written, the oldest first."""

    texts: Sequence[str]

    def id(self, number: int) -> str:
        """The id of a key."""
        return key_id(read_key(self.texts[number]))

    def only(self, number: int) -> MasterKeys:
        """A process that has this one and no other."""
        return MasterKeys([read_key(self.texts[number])])

    def setting(self, *numbers: int) -> str:
        """BELLHOP_MASTER_KEYS with these; all where none is named."""
        chosen = numbers or range(len(self.texts) - 1, -1, -1)
        return ",".join(self.texts[number] for number in chosen)


@dataclass(frozen=True, slots=True)
class Found:
    """What happened."""

    apps: int
    destinations: int
    killed_at: int
    resumed: dict[str, Any]
    whole: dict[str, Any]
    meanwhile: int
    """Deliveries that were owed while the uninterrupted rotation ran."""
    tally: Tally
    settled: bool
    needed: Mapping[str, int]
    newest: str
    unreadable: int


def measure(scale: float, say: Say) -> list[Row]:
    """The rows of this part."""
    with tempfile.TemporaryDirectory(prefix="bellhop-rotation-") as folder:
        return _rows(_found(Trial(Path(folder), scale, say)))


def _found(trial: Trial) -> Found:
    keys = Keys([new_key() for _ in range(TRIES + 2)])
    many = trial.count(DESTINATIONS // len(CHANNELS) + 1, LEAST_APPS)
    with Cluster(trial, workers=1, apps=lambda _: {}, BELLHOP_MASTER_KEYS=keys.setting()) as cluster:
        names = [f"app-{number:05}" for number in range(many)]
        trial.say(f"saving {many * len(CHANNELS):,} destinations")
        asyncio.run(_save(cluster, names, keys.only(0)))
        producer = cluster.produce(_load(names), PER_S)
        until(lambda: cluster.vendor.count() > PER_S, 30, "deliveries")
        number, killed_at = _killed(cluster, keys, names)
        resumed = _rotated(cluster, keys, number)
        whole = _rotated(cluster, keys, number + 1)
        since = time.time() - whole["seconds"]
        meanwhile = sum(since <= at for _, at in producer.acknowledged)
        _replace_worker(cluster, keys.setting(number + 1))
        tally, settled = _finished(cluster, producer)
        needed, unreadable = asyncio.run(_left(cluster, keys.only(number + 1)))
    return Found(
        apps=many,
        destinations=many * len(CHANNELS),
        killed_at=killed_at,
        resumed=resumed,
        whole=whole,
        meanwhile=meanwhile * len(CHANNELS),
        tally=tally,
        settled=settled,
        needed=needed,
        newest=keys.id(number + 1),
        unreadable=unreadable,
    )


async def _save(cluster: Cluster, names: Sequence[str], keys: MasterKeys) -> None:
    """As `bellhop apps apply` does; a file with so many would take its reader a minute."""
    client, rest = async_redis(cluster.redis.url), iter(names)
    store = RedisDestinations(client, "bellhop", keys)
    try:
        while some := list(islice(rest, AT_ONCE)):
            await store.save(_app(name, cluster.vendor.url) for name in some)
    finally:
        await client.aclose()
    cluster.channels = {name: list(CHANNELS) for name in names}


def _app(name: str, url: str) -> App:
    made = {}
    for channel in CHANNELS:
        written = destination(url, channel, name)
        settings = KNOWN[channel].settings.model_validate(written["settings"])
        made[channel] = Destination(name, channel, channel, settings, rate_limit=written["rate_limit"])
    return App(name, made)


def _load(names: Sequence[str]) -> Iterator[Event]:
    """Events for ever, the apps taking turns in another order than that of a rotation."""
    turns = random.Random(5).sample(names, len(names))  # noqa: S311 - the same order in every run
    return (event(f"ev{number:06d}x", turns[number % len(turns)]) for number in count())


def _killed(cluster: Cluster, keys: Keys, names: Sequence[str]) -> tuple[int, int]:
    """(number of the key, apps under it when the rotation to it was killed): the first that was hit in the middle."""
    for number in range(1, TRIES + 1):
        cluster.trial.say("killing a rotation in the middle")
        process = _rotation(cluster, keys, number)
        _wait_for(cluster, process, names[len(names) // 3], keys.id(number))
        process.kill()
        done = asyncio.run(_needed(cluster))[keys.id(number)]
        if 0 < done < len(names):
            return number, done
    raise AssertionError(f"each of {TRIES} rotations had ended before it could be killed")


def _wait_for(cluster: Cluster, process: Process, app: str, master: str) -> None:
    """Until this app is sealed anew. Without a pause: what comes next takes milliseconds."""
    while process.running and master_of(cluster.client.hget(f"bellhop:app:{app}", KEY_FIELD)) != master:
        pass


def _rotation(cluster: Cluster, keys: Keys, number: int) -> Process:
    """Begin to rotate from the key before it to key `number`."""
    setting = keys.setting(number, number - 1)
    return cluster.start("bellhop", "keys", "rotate", "--json", BELLHOP_MASTER_KEYS=setting)


def _rotated(cluster: Cluster, keys: Keys, number: int) -> dict[str, Any]:
    """A rotation to its end: what it says."""
    cluster.trial.say("rotating")
    process = _rotation(cluster, keys, number)
    if process.wait(120) != 0:
        raise AssertionError(f"keys rotate: {process.last_words()}")
    told: dict[str, Any] = orjson.loads(process.output())
    return told


def _replace_worker(cluster: Cluster, setting: str) -> None:
    """The old keys are gone: a worker with the newest alone takes over while alerts keep coming."""
    old = cluster.workers.pop()
    cluster.trial.say("a worker with the newest key alone takes over")
    cluster.wait_ready(cluster.start_worker(BELLHOP_MASTER_KEYS=setting))
    old.terminate()
    if old.wait(60) != 0:
        raise AssertionError(f"the worker with all keys did not end well: {old.last_words()}")
    before = cluster.vendor.count()
    until(lambda: cluster.vendor.count() > before + PER_S, 60, "deliveries by the new worker")


def _finished(cluster: Cluster, producer: Producer) -> tuple[Tally, bool]:
    """(what became of everything, whether nothing is owed)."""
    producer.stop()
    drained = cluster.drain() is not None
    return cluster.tally([producer]), drained


async def _needed(cluster: Cluster) -> Mapping[str, int]:
    client = async_redis(cluster.redis.url)
    try:
        return await KeyRegister(client, "bellhop").needed()
    finally:
        await client.aclose()


async def _left(cluster: Cluster, keys: MasterKeys) -> tuple[Mapping[str, int], int]:
    """(apps by the key that they need, destinations that cannot be read with these keys)."""
    client = async_redis(cluster.redis.url)
    try:
        apps = await RedisDestinations(client, "bellhop", keys).everything()
        needed = await KeyRegister(client, "bellhop").needed()
    finally:
        await client.aclose()
    return needed, sum(bool(each.problem) for app in apps.values() for each in app.destinations.values())


def _rows(found: Found) -> list[Row]:
    tally, owed = found.tally, len(found.tally.owed)
    reasons = {words: many for words, many in tally.reasons().items() if words != "delivered ok"}
    bad, lost = sum(reasons.values()), len(tally.undelivered)
    whole, resumed = found.whole, found.resumed
    return [
        Row(
            "master key changed while alerts are delivered",
            f"{found.destinations:,} destinations, 0 failed, 0 lost",
            f"{whole['destinations']:,} in {whole['seconds']:.1f} s ({found.meanwhile:,} deliveries meanwhile); "
            f"of {owed:,} deliveries in all {bad} failed, {lost} lost",
            holds=whole["destinations"] == found.destinations and not (bad or lost) and found.settled and owed > 0,
            note=", ".join(f"{many} {words}" for words, many in reasons.items()),
        ),
        Row(
            "rotation killed in the middle, and run again",
            "passes over what was done, does the rest",
            f"killed after {found.killed_at:,} of {found.apps:,} apps; then {resumed['passed_over']:,} passed over, "
            f"{resumed['apps']:,} done",
            holds=resumed["passed_over"] == found.killed_at and resumed["apps"] == found.apps - found.killed_at,
        ),
        Row(
            "old keys removed afterwards",
            "a worker with the newest alone delivers; 0 unreadable",
            f"{found.unreadable} of {found.destinations:,} unreadable, {len(found.needed)} master key needed",
            holds=not found.unreadable and set(found.needed) == {found.newest},
        ),
    ]
