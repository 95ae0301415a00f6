"""What all measures share: Redis and the sink, workers on processors of their own, and watching what arrives."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from benchmarks import load
from benchmarks.figures import Throughput
from benchmarks.processes import Child, busy_s, process_s
from worker.embedded_redis import EmbeddedRedis
from worker.stores.connection import sync_redis

ROOT = Path(__file__).resolve().parents[1]
POLL_S = 0.05
STALLED_S = 30.0
"""A worker from which nothing came for so long will not deliver the rest."""

Show = Callable[[str, int, int], None]
"""(what is being done, how much of it, of how much)"""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measures share. `worker_cpus` are the worker's alone, where the machine has more than one."""

    redis_url: str
    redis: Redis
    sink_url: str
    worker_cpus: frozenset[int]
    folder: Path
    show: Show
    redis_pid: int
    sink_pid: int

    @property
    def cpus(self) -> frozenset[int]:
        """All processors that this run uses."""
        return self.worker_cpus | frozenset(os.sched_getaffinity(0))

    def sink(self, path: str) -> Any:
        """Ask the sink."""
        with urllib.request.urlopen(f"{self.sink_url}{path}", timeout=10) as answer:  # noqa: S310 - our own sink
            return orjson.loads(answer.read())

    def reset(self) -> None:
        """Empty Redis and the sink; both are this run's own."""
        self.redis.flushall()
        self.sink("/reset")

    def child(self, name: str, *command: str, env: Mapping[str, str] | None = None, cpus: Iterable[int] = ()) -> Child:
        """Start a worker on `cpus`, by default on the worker's processor."""
        return Child(command, cpus or self.worker_cpus, self.folder / f"{name}.log", environment(env or {}))


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds so far: of the workers' whole trees, of Redis, of the sink, of this process, and of all."""

    workers: float
    redis: float
    sink: float
    bench: float
    everybody: float = 0.0

    @property
    def ours(self) -> float:
        """What this run has spent."""
        return self.workers + self.redis + self.sink + self.bench


def others(before: Spent, after: Spent, span_s: float) -> float:
    """How many processors' worth of time the machine's other programs took."""
    theirs = (after.everybody - before.everybody) - (after.ours - before.ours)
    return max(0.0, theirs / span_s) if span_s > 0 else 0.0


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """A child's: without what this machine sets for Bellhop, and with this very source tree to import from."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
    return clean | {"PYTHONPATH": str(ROOT), **more}


def processors(mine: Iterable[int] | None = None, workers: int = 1) -> tuple[frozenset[int], frozenset[int]]:
    """(the workers' processors, one each; the others'): shared where there are too few.

    Of `mine`, or of all that this process may use.
    """
    ordered = sorted(os.sched_getaffinity(0) if mine is None else mine)
    return frozenset(ordered[:workers]), frozenset(ordered[workers:] or ordered)


@contextmanager
def bench(show: Show) -> Iterator[Bench]:
    """Redis and the sink, started for this run and stopped after it."""
    mine = os.sched_getaffinity(0)
    worker_cpus, other_cpus = processors(mine)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellhop-bench-")))
        stack.callback(os.sched_setaffinity, 0, mine)
        os.sched_setaffinity(0, other_cpus)  # Redis inherits it
        server = stack.enter_context(EmbeddedRedis(folder / "state"))
        command = [sys.executable, "-m", "benchmarks.sink"]
        sink = stack.enter_context(Child(command, other_cpus, folder / "sink.log", environment({}), talks=True))
        redis = stack.enter_context(sync_redis(server.url))
        # Rewriting the AOF takes a processor for seconds, in some rounds and not in others; the AOF itself stays on.
        redis.config_set("auto-aof-rewrite-percentage", 0)
        address = f"http://127.0.0.1:{sink.line()}"
        yield Bench(server.url, redis, address, worker_cpus, folder, show, server.pid, sink.pid)


def celery() -> str:
    """The `celery` of this very installation."""
    return str(Path(sys.executable).with_name("celery"))


def bellhop_worker(
    bench: Bench,
    count: int,
    *,
    name: str = "bellhop",
    cpus: Iterable[int] = (),
    env: Mapping[str, str] | None = None,
) -> Child:
    """A worker process as users start it; the results stream keeps `count` results, so that all can be checked."""
    settings = {
        "BELLHOP_REDIS_URL": bench.redis_url,
        "BELLHOP_ALLOWED_ADDRESSES": "127.0.0.0/8",
        "BELLHOP_STATE_DIR": str(bench.folder / "worker"),
        "BELLHOP_MASTER_KEYS": load.MASTER_KEY,
        "BELLHOP_LOG_LEVEL": "warning",
        "BELLHOP_RESULTS_KEPT": str(max(100_000, 2 * count)),
    }
    command = (celery(), "-A", "worker", "worker", "-P", "threads", "--loglevel", "warning", "-n", f"{name}@%h")
    return bench.child(name, *command, env=settings | dict(env or {}), cpus=cpus)


def spent(bench: Bench, workers: Sequence[Child]) -> Spent:
    """What has been spent so far."""
    return Spent(
        sum(each.cpu_s() for each in workers),
        process_s(bench.redis_pid),
        process_s(bench.sink_pid),
        time.process_time(),
        busy_s(bench.cpus),
    )


def nothing_left() -> int:
    """For those whose work is done when it has arrived."""
    return 0


def watch(
    bench: Bench,
    workers: Sequence[Child],
    name: str,
    count: int,
    unsettled: Callable[[], int] = nothing_left,
    *,
    settle_in_s: float = 0.0,
) -> Throughput:
    """Watch `count` deliveries arrive: the clock runs from the first that is seen, or so long after it, to the last."""
    first = until(bench, workers, name, 1)
    if settle_in_s:
        time.sleep(settle_in_s)
        first = bench.sink("/stats")
    began, before = time.monotonic(), spent(bench, workers)
    seen = until(bench, workers, name, count, unsettled)
    after, span = spent(bench, workers), time.monotonic() - began
    done, missing = seen["count"] - first["count"], count - seen["count"]
    if done <= 0:
        return Throughput(name, seen["count"], 0.0, 0.0, max(0, missing))
    each = 1e6 / done
    return Throughput(
        name,
        seen["count"],
        done / (seen["last"] - began),
        (after.workers - before.workers) * each,
        max(0, missing),
        max(0, -missing),
        redis_us=(after.redis - before.redis) * each,
        sink_us=(after.sink - before.sink) * each,
        bench_us=(after.bench - before.bench) * each,
        others=others(before, after, span),
    )


def until(
    bench: Bench, workers: Sequence[Child], what: str, count: int, unsettled: Callable[[], int] = nothing_left
) -> dict[str, Any]:
    """Wait for `count` arrivals and for nothing to be unsettled, as long as something moves; what the sink says."""
    moved, before = time.monotonic(), -1
    while True:
        seen: dict[str, Any] = bench.sink("/stats")
        left = unsettled()
        bench.show(what, min(seen["count"], count), count)
        if (seen["count"] >= count and left <= 0) or not any(each.running for each in workers):
            return seen
        now = time.monotonic()
        if seen["count"] - left != before:
            moved, before = now, seen["count"] - left
        if now - moved > STALLED_S:
            return seen
        time.sleep(POLL_S)
