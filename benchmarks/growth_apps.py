"""What many configured apps cost: the lookup of settings by itself, and a delivery in a real worker."""

from __future__ import annotations

import gc
import itertools
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
import uvloop
from redis import Redis

from benchmarks import load
from benchmarks.apps import save, with_rooms
from benchmarks.measure import Bench
from benchmarks.processes import Child
from benchmarks.watching import rest, start_worker, until, us_each
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations

FEW = 10
FEW_PREFIX, MANY_PREFIX = "few", load.PREFIX
CALLS = 5000
"""Lookups of ten apps each; at the most."""
_FILLED = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Processor time of looking ten apps up, in microseconds.

    Any of those configured, for the first time and seen before; and always the same ten.
    """

    first_us: float
    again_us: float
    same_us: float


def names(count: int) -> list[str]:
    """The names of so many apps."""
    return [f"customer-{number}" for number in range(count)]


def configure(bench: Bench, many: int) -> None:
    """Ten apps under one prefix, and `many` under the other."""
    for prefix, count in ((FEW_PREFIX, FEW), (MANY_PREFIX, many)):
        bench.show(f"configuring {count:,} apps", 0, 1)
        save(bench.redis_url, (with_rooms(name, bench.sink_url) for name in names(count)), prefix)


def lookup(bench: Bench, prefix: str, count: int) -> Lookup:
    """Look all of the apps up in random order, ten at a time, and then again in another order."""
    bench.show(f"looking up {count:,} apps", 0, 1)
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)  # as the worker does
    try:
        return uvloop.run(_lookup(bench.redis_url, prefix, batches(count, 1), batches(count, 2)))
    finally:
        gc.set_threshold(*usual)


def batches(count: int, seed: int) -> list[list[str]]:
    """Every app once, in random order, ten at a time; where that makes fewer than CALLS, over again."""
    dice, apps = random.Random(seed), names(count)  # noqa: S311 - the same order in every run
    dice.shuffle(apps)
    found = [apps[start : start + FEW] for start in range(0, count, FEW)]
    return found if seed == 1 else (found * (1 + CALLS // len(found)))[: max(CALLS, len(found))]


async def _lookup(url: str, prefix: str, first: Sequence[list[str]], again: Sequence[list[str]]) -> Lookup:
    client = async_redis(url)
    store = RedisDestinations(client, prefix, load.KEYS)
    try:
        await store.lookup([])  # connects
        times = [await _us_each(store, wanted) for wanted in (first, again, [names(FEW)] * CALLS)]
        return Lookup(*times)
    finally:
        await client.aclose()


async def _us_each(store: RedisDestinations, wanted: Sequence[list[str]]) -> float:
    began = time.thread_time()
    for some in wanted:
        await store.lookup(some)
    return (time.thread_time() - began) / len(wanted) * 1e6


def deliver_to_ten(bench: Bench, prefix: str, count: int) -> float:
    """Processor time of a delivery to one of the same ten apps, in microseconds, in a worker of its own."""
    bench.sink("/reset")
    fill(bench.redis, "ten", (names(FEW)[number % FEW] for number in range(count)), prefix)
    with start_worker(bench, prefix=prefix) as child:
        before = until(bench, child, "deliveries to ten apps", count // 10)
        after = until(bench, child, "deliveries to ten apps", count)
        rest(bench.redis, prefix)
    return us_each(before, after)


def deliver_to_all(bench: Bench, child: Child, run: str, many: int, arrived: int) -> float:
    """Processor time of a delivery where each of the apps gets one event, in microseconds."""
    fill(bench.redis, run, names(many), MANY_PREFIX)
    before = until(bench, child, "one event of each app", arrived + many // 10)
    after = until(bench, child, "one event of each app", arrived + many)
    return us_each(before, after)


def fill(redis: Redis, what: str, apps: Iterable[str], prefix: str) -> int:
    """Put an event of each of these apps on the stream; how many bytes their texts have together.

    No id comes twice, whatever `what` says: in a second round nothing would be delivered again.
    """
    size, run = 0, f"{what}{next(_FILLED)}"
    for texts in _pages(orjson.dumps(load.event(run, number) | {"app": app}) for number, app in enumerate(apps)):
        pipe = redis.pipeline(transaction=False)
        for text in texts:
            pipe.xadd(f"{prefix}:events", {"event": text})
        pipe.execute()
        size += sum(map(len, texts))
    return size


def _pages(texts: Iterator[bytes]) -> Iterator[list[bytes]]:
    page: list[bytes] = []
    for text in texts:
        page.append(text)
        if len(page) == load.PIPELINED:
            yield page
            page = []
    yield page
