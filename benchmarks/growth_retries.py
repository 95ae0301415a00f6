"""What deliveries that wait for a retry cost, in the worker's memory and on Redis, each of them at another app.

Each has been attempted once and told by its vendor to come back in 50 minutes. One for each app, so that every one of
them has an attempt on record: of many at one destination only the first would be tried.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks import load
from benchmarks.growth_apps import MANY_PREFIX, deliver_to_all, fill, names
from benchmarks.measure import Bench
from benchmarks.memory import Weight, process_bytes, redis_bytes, weigh
from benchmarks.processes import Child
from benchmarks.watching import rest, start_worker, until

FIRST = 0.1
"""The share that waits already when the worker's memory is taken for the first time."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The worker's memory with few and with many waiting, and what these weigh on Redis.

    `attempted` is how many attempts were made of them in all, `redis_each` what each weighs on Redis beside the event's
    own text, `first_us` what a delivery costs where each app gets the first event of this worker's life.
    """

    few: int
    many: int
    attempted: int
    few_bytes: int
    many_bytes: int
    redis_each: float
    by_kind: dict[str, Weight]
    first_us: float

    @property
    def worker_each(self) -> float:
        """What the worker's memory grew by for each that came to wait."""
        return (self.many_bytes - self.few_bytes) / max(1, self.many - self.few)


def measure(bench: Bench, many: int) -> Waiting:
    """One event of each app that is delivered, then another that is not; `many` apps are configured already."""
    bench.sink("/reset")
    with start_worker(bench, prefix=MANY_PREFIX) as child:
        first_us = deliver_to_all(bench, child, "first", many, 0)
        rest(bench.redis)
        before, were = redis_bytes(bench.redis), weigh(bench.redis, load.PREFIX)
        bench.sink("/refuse")
        few = round(many * FIRST)
        apps = names(many)
        text = fill(bench.redis, "few", apps[:few], MANY_PREFIX)
        few_bytes = _memory_when_waiting(bench, child, many, few)
        text += fill(bench.redis, "more", apps[few:], MANY_PREFIX)
        many_bytes = _memory_when_waiting(bench, child, many, many)
        grown, weights = redis_bytes(bench.redis) - before, weigh(bench.redis, load.PREFIX)
        waiting = int(bench.redis.zcard(f"{load.PREFIX}:owed"))
        attempted = int(bench.sink("/stats")["count"]) - many
    by_kind = {
        name: Weight(now.keys, now.size - were.get(name, Weight(0, 0, 0)).size, 0) for name, now in weights.items()
    }
    return Waiting(few, waiting, attempted, few_bytes, many_bytes, (grown - text) / max(1, waiting), by_kind, first_us)


def _memory_when_waiting(bench: Bench, child: Child, before: int, count: int) -> int:
    until(bench, child, "deliveries that wait for a retry", before + count)
    rest(bench.redis)
    time.sleep(1.0)
    return process_bytes(child.pid)
