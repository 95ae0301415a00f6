"""The measures: each fills its queue first, then starts a worker on a processor of its own and watches the sink."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from benchmarks import load, plain_celery
from benchmarks.figures import BARE, BELLHOP, PLAIN, Latency, Throughput, latency
from benchmarks.processes import Child
from worker.embedded_redis import EmbeddedRedis
from worker.stores.connection import sync_redis

ROOT = Path(__file__).resolve().parents[1]
POLL_S = 0.05
STALLED_S = 30.0
"""A worker from which nothing came for so long will not deliver the rest."""
IDLE_EVENTS = 200
IDLE_EVERY_S = 0.02
WARM_UPS = 10

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

    def sink(self, path: str) -> Any:
        """Ask the sink."""
        with urllib.request.urlopen(f"{self.sink_url}{path}", timeout=10) as answer:  # noqa: S310 - our own sink
            return orjson.loads(answer.read())

    def reset(self) -> None:
        """Empty Redis and the sink; both are this run's own."""
        self.redis.flushall()
        self.sink("/reset")

    def child(self, name: str, *command: str, env: dict[str, str] | None = None) -> Child:
        """Start a worker on the worker's processor."""
        return Child(command, self.worker_cpus, self.folder / f"{name}.log", environment(env or {}))


def environment(more: dict[str, str]) -> dict[str, str]:
    """A child's: without what this machine sets for Bellhop, and with this very source tree to import from."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
    return clean | {"PYTHONPATH": str(ROOT)} | more


def processors() -> tuple[frozenset[int], frozenset[int]]:
    """(the worker's processor, the others'): the same one where there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    return frozenset(mine[:1]), frozenset(mine[1:] or mine)


@contextmanager
def bench(show: Show) -> Iterator[Bench]:
    """Redis and the sink, started for this run and stopped after it."""
    worker_cpus, other_cpus = processors()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellhop-bench-")))
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, other_cpus)  # Redis inherits it
        server = stack.enter_context(EmbeddedRedis(folder / "state"))
        command = [sys.executable, "-m", "benchmarks.sink"]
        sink = stack.enter_context(Child(command, other_cpus, folder / "sink.log", environment({}), talks=True))
        redis = stack.enter_context(sync_redis(server.url))
        yield Bench(server.url, redis, f"http://127.0.0.1:{sink.line()}", worker_cpus, folder, show)


def bare(bench: Bench, count: int) -> Throughput:
    """Bare aiohttp, to which the others are compared."""
    bench.reset()
    with bench.child("bare", sys.executable, "-m", "benchmarks.bare", bench.sink_url, str(count)) as child:
        return _watch(bench, child, BARE, count, lambda: 0)


def plain(bench: Bench, count: int) -> Throughput:
    """A Celery task a delivery."""
    bench.reset()
    for done in plain_celery.fill(bench.redis_url, count):
        bench.show("queueing Celery tasks", done, count)
    env = {"BENCH_REDIS": bench.redis_url, "BENCH_SINK": bench.sink_url}
    options = ("-P", "threads", "-c", "100", "--loglevel", "warning")
    with bench.child("plain", celery(), "-A", "benchmarks.plain_celery", "worker", *options, env=env) as child:
        return _watch(bench, child, PLAIN, count, lambda: 0)


def bellhop(bench: Bench, count: int) -> Throughput:
    """Bellhop, its events already on the stream; done when every result is written."""
    bench.reset()
    asyncio.run(load.save_apps(bench.redis_url, bench.sink_url))
    for done in load.fill(bench.redis, count):
        bench.show("filling the stream", done, count)
    with _bellhop_worker(bench, count) as child:
        found = _watch(bench, child, BELLHOP, count, lambda: count - load.settled(bench.redis))
        return _checked(found, count, len(load.delivered(bench.redis)))


def idle(bench: Bench) -> Latency:
    """Single events to an idle Bellhop, each to a room of its own, by which the sink tells them apart."""
    bench.reset()
    asyncio.run(load.save_apps(bench.redis_url, bench.sink_url))
    with _bellhop_worker(bench, IDLE_EVENTS) as child:
        for number in range(load.APPS - WARM_UPS, load.APPS):
            _send(bench, number)
        _until(bench, child, "warming up", WARM_UPS)
        sent = {}
        for number in range(IDLE_EVENTS):
            sent[load.room_path(number)] = time.monotonic()
            _send(bench, number)
            bench.show("single events", number, IDLE_EVENTS)
            time.sleep(IDLE_EVERY_S)
        _until(bench, child, "single events", WARM_UPS + IDLE_EVENTS)
        arrived = bench.sink("/arrivals")
    took = [(arrived[path] - at) * 1000 for path, at in sent.items() if path in arrived]
    return latency(took, IDLE_EVENTS - len(took))


def celery() -> str:
    """The `celery` of this very installation."""
    return str(Path(sys.executable).with_name("celery"))


def _bellhop_worker(bench: Bench, count: int) -> Child:
    env = {
        "BELLHOP_REDIS_URL": bench.redis_url,
        "BELLHOP_ALLOWED_ADDRESSES": "127.0.0.0/8",
        "BELLHOP_STATE_DIR": str(bench.folder / "worker"),
        "BELLHOP_LOG_LEVEL": "warning",
        "BELLHOP_RESULTS_KEPT": str(max(100_000, 2 * count)),
    }
    command = (celery(), "-A", "worker", "worker", "-P", "threads", "--loglevel", "warning")
    return bench.child("bellhop", *command, env=env)


def _send(bench: Bench, number: int) -> None:
    bench.redis.xadd(f"{load.PREFIX}:events", {"event": orjson.dumps(load.event("idle", number))})


def _checked(found: Throughput, count: int, delivered: int) -> Throughput:
    """`found`, with what the results stream does not call delivered as lost."""
    lost = max(found.lost, count - delivered)
    return Throughput(found.name, found.deliveries, found.per_s, found.cpu_us, lost, found.doubled)


def _watch(bench: Bench, child: Child, name: str, count: int, unsettled: Callable[[], int]) -> Throughput:
    """Watch `count` deliveries arrive: the clock runs from the first that is seen to the last."""
    first = _until(bench, child, name, 1)
    began, cpu = time.monotonic(), child.cpu_s()
    seen = _until(bench, child, name, count, unsettled)
    done = seen["count"] - first["count"]
    if done <= 0:
        return Throughput(name, seen["count"], 0.0, 0.0, max(0, count - seen["count"]))
    span, cpu = seen["last"] - began, child.cpu_s() - cpu
    missing = count - seen["count"]
    return Throughput(name, seen["count"], done / span, cpu / done * 1e6, max(0, missing), max(0, -missing))


def _until(
    bench: Bench, child: Child, what: str, count: int, unsettled: Callable[[], int] = lambda: 0
) -> dict[str, Any]:
    """Wait for `count` arrivals and for nothing to be unsettled, as long as something moves; what the sink says."""
    moved, before = time.monotonic(), -1
    while True:
        seen: dict[str, Any] = bench.sink("/stats")
        left = unsettled()
        bench.show(what, min(seen["count"], count), count)
        if (seen["count"] >= count and left <= 0) or not child.running:
            return seen
        now = time.monotonic()
        if seen["count"] - left != before:
            moved, before = now, seen["count"] - left
        if now - moved > STALLED_S:
            return seen
        time.sleep(POLL_S)
