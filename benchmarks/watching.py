"""A real worker beside the sink: started, watched until so much has arrived, and what that cost it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from benchmarks import load
from benchmarks.measure import STALLED_S, Bench, bellhop_worker
from benchmarks.processes import Child

POLL_S = 0.02
RESULTS = 1_000_000
"""More than any measure here has: the stream keeps all, so that all can be counted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How much had arrived at the sink, and the worker's processor time in seconds by then."""

    arrived: int
    cpu_s: float


def start_worker(bench: Bench, **settings: str) -> Child:
    """A worker process as users start it; `settings` are BELLHOP_ variables without the prefix, in lower case."""
    # What hangs need not be waited for.
    named = {f"BELLHOP_{name.upper()}": value for name, value in ({"shutdown_s": "1"} | settings).items()}
    return bellhop_worker(bench, RESULTS, env=named)


def until(bench: Bench, child: Child, what: str, arrived: int, *, settled: int = 0) -> Seen:
    """Wait for so many arrivals and results in all, as long as something moves."""
    moved, before = time.monotonic(), -1
    while True:
        count, results = int(bench.sink("/stats")["count"]), load.settled(bench.redis) if settled else 0
        bench.show(what, min(count, arrived), arrived)
        now = time.monotonic()
        if count + results != before:
            moved, before = now, count + results
        if (count >= arrived and results >= settled) or not child.running or now - moved > STALLED_S:
            return Seen(count, child.cpu_s())
        time.sleep(POLL_S)


def rest(redis: Any, prefix: str = load.PREFIX) -> None:
    """Wait until nothing is due or under way any more, and what that left behind in memory is let go."""
    end = time.monotonic() + STALLED_S
    while time.monotonic() < end and any(redis.zcard(f"{prefix}:{name}") for name in ("woken", "leased")):
        time.sleep(POLL_S)
    time.sleep(1.0)


def us_each(before: Seen, after: Seen) -> float:
    """The worker's processor time per delivery between two looks, in microseconds; not-a-number where none came."""
    done = after.arrived - before.arrived
    return (after.cpu_s - before.cpu_s) / done * 1e6 if done > 0 else math.nan
