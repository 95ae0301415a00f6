"""BullMQ, the Node queue on Redis: the same message to the same sink, one job a delivery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson

from benchmarks import load, measure
from benchmarks.comparison import BULLMQ
from benchmarks.figures import Throughput
from benchmarks.measure import Bench
from benchmarks.peers import install
from benchmarks.table import Options

SCRIPT = Path(__file__).with_name("bullmq.js")
COUNT = 20_000
FILL_S = 60.0


def prepare(bench: Bench) -> Callable[[Bench, Options], Throughput]:
    """Install it; what measures it. Missing where it cannot be."""
    bench.show("installing BullMQ", 0, 1)
    modules = install.node()
    return lambda bench, options: throughput(bench, options, modules)


def throughput(bench: Bench, options: Options, modules: Path) -> Throughput:
    """Jobs queued first, then one worker; done when every job is completed."""
    count = options.of(COUNT, 200)
    bench.reset()
    env = _environment(bench, modules)
    bench.show("queueing BullMQ jobs", 0, count)
    with bench.child("bullmq-fill", "node", str(SCRIPT), "fill", str(count), env=env) as filling:
        if filling.process.wait(FILL_S):
            raise install.Missing(f"its queue could not be filled: {install.reason(filling.last_words())}")
    with bench.child("bullmq", "node", str(SCRIPT), "work", env=env) as worker:
        return measure.watch(bench, [worker], BULLMQ, count, lambda: count - _completed(bench))


def _environment(bench: Bench, modules: Path) -> dict[str, str]:
    message = load.message(bench.sink_url)
    as_json = orjson.dumps({"headers": dict(message.headers), "body": message.body.decode()})
    return {
        "NODE_PATH": str(modules),
        "BENCH_REDIS": bench.redis_url,
        "BENCH_SINK": bench.sink_url,
        "BENCH_MESSAGE": as_json.decode(),
        "BENCH_APPS": str(load.APPS),
    }


def _completed(bench: Bench) -> int:
    return int(bench.redis.zcard("bull:deliver:completed"))
