"""Throughput: each queue is filled first, then a worker starts on a processor of its own and the sink is watched."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from benchmarks import comparison, load, measure, plain_celery, plots
from benchmarks.comparison import ALERTMANAGER, BARE, BELLHOP, BULLMQ, PLAIN, PREPARED, TWO, Compared
from benchmarks.figures import Round, Throughput
from benchmarks.measure import Bench
from benchmarks.peers import alertmanager, bullmq
from benchmarks.peers.install import Missing
from benchmarks.processes import move
from benchmarks.table import Options, Table

COUNT = 20_000
SLOW_COUNT = 5_000
"""For those that would take too long over more."""
PROCESSES = 2
SETTLE_IN_S = 2.0
"""Two processes do not start at the very same moment: so long after the first arrival both work."""

Measure = Callable[[Bench, Options], Throughput]


def run(bench: Bench, options: Options) -> Table:
    """Everything in turn in each round."""
    absent: dict[str, str] = {}
    measures = _measures(bench, absent)
    rounds = [_round(bench, options, measures, number, absent) for number in range(options.rounds)]
    workers, others = measure.processors(bench.cpus, PROCESSES)
    found = Compared(rounds, absent, PROCESSES, shared=bool(workers & others))
    return replace(comparison.table(found), plot=lambda figure: plots.rates(figure, found))


def _measures(bench: Bench, absent: dict[str, str]) -> dict[str, Measure]:
    """What can be measured here; what cannot is added to `absent` with the reason."""
    measures: dict[str, Measure] = {BARE: bare, PREPARED: prepared, BELLHOP: bellhop}
    for name, prepare in {BULLMQ: bullmq.prepare, ALERTMANAGER: alertmanager.prepare}.items():
        try:
            measures[name] = prepare(bench)
        except Missing as reason:
            absent[name] = str(reason)
    measures[PLAIN] = plain
    if len(bench.cpus) >= PROCESSES:
        measures[TWO] = two
    else:
        absent[TWO] = "there is one processor only"
    return measures


def _round(
    bench: Bench, options: Options, measures: Mapping[str, Measure], number: int, absent: dict[str, str]
) -> Round:
    """Each once; the order is turned round each time, so that none always has the same one before it."""
    taken = {}
    order = list(measures)[:: -1 if number % 2 else 1]
    for name in order:
        try:
            taken[name] = measures[name](bench, options)
        except Missing as reason:
            absent[name] = str(reason)
    return {name: taken[name] for name in measures if name in taken}


def bare(bench: Bench, options: Options) -> Throughput:
    """Bare aiohttp, the limit, to which the others are compared."""
    return _bare(bench, options, BARE)


def prepared(bench: Bench, options: Options) -> Throughput:
    """Bare aiohttp with a request that is made once and posted over and over."""
    return _bare(bench, options, PREPARED, "prepared")


def _bare(bench: Bench, options: Options, name: str, *how: str) -> Throughput:
    count = options.of(COUNT, 200)
    bench.reset()
    with bench.child("bare", sys.executable, "-m", "benchmarks.bare", bench.sink_url, str(count), *how) as child:
        return measure.watch(bench, [child], name, count)


def plain(bench: Bench, options: Options) -> Throughput:
    """A Celery task a delivery."""
    count = options.of(SLOW_COUNT, 200)
    bench.reset()
    for done in plain_celery.fill(bench.redis_url, count):
        bench.show("queueing Celery tasks", done, count)
    env = {"BENCH_REDIS": bench.redis_url, "BENCH_SINK": bench.sink_url}
    command = (measure.celery(), "-A", "benchmarks.plain_celery", "worker", "-P", "threads", "-c", "100")
    with bench.child("plain", *command, "--loglevel", "warning", env=env) as child:
        return measure.watch(bench, [child], PLAIN, count)


def bellhop(bench: Bench, options: Options) -> Throughput:
    """Bellhop, its events already on the stream; done when every result is written."""
    count = options.of(COUNT, 200)
    _fill(bench, count)
    with measure.bellhop_worker(bench, count) as child:
        return _settled(bench, measure.watch(bench, [child], BELLHOP, count, lambda: _owed(bench, count)), count)


def two(bench: Bench, options: Options) -> Throughput:
    """Two processes on two processors, over which Redis and the sink may run too where there are no others."""
    count = options.of(3 * COUNT, 600)
    _fill(bench, count)
    settle_in = SETTLE_IN_S * min(1.0, options.scale)
    with _spread(bench) as cpus, ExitStack() as stack:
        workers = [
            stack.enter_context(measure.bellhop_worker(bench, count, name=f"bellhop-{number}", cpus=cpus))
            for number in range(PROCESSES)
        ]
        owed = lambda: _owed(bench, count)  # noqa: E731 - named for the line below
        found = measure.watch(bench, workers, TWO, count, owed, settle_in_s=settle_in)
        return _settled(bench, found, count)


def _fill(bench: Bench, count: int) -> None:
    bench.reset()
    asyncio.run(load.save_apps(bench.redis_url, bench.sink_url))
    for done in load.fill(bench.redis, count):
        bench.show("filling the stream", done, count)


def _owed(bench: Bench, count: int) -> int:
    return count - load.settled(bench.redis)


def _settled(bench: Bench, found: Throughput, count: int) -> Throughput:
    return comparison.checked(found, count, len(load.delivered(bench.redis)))


@contextmanager
def _spread(bench: Bench) -> Iterator[frozenset[int]]:
    """The workers' processors; all others move out of them where they can, and over all where not."""
    before = os.sched_getaffinity(0)
    workers, others = measure.processors(bench.cpus, PROCESSES)
    everyone = (bench.redis_pid, bench.sink_pid, os.getpid())
    for pid in everyone:
        move(pid, others)
    try:
        yield workers
    finally:
        for pid in everyone:
            move(pid, before)
