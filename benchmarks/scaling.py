"""Two processes on two processors beside one on one, where Redis and the vendor may share those processors. Pure.

One process has its processor to itself while Redis, the sink and this benchmark have the other. Two processes share
both with them, so that the rates alone tell how much Redis and the sink took rather than how Bellhop scales.
`accounted` takes that out: the two processes' rate per processor that was left to them, times the processors.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figures import Throughput

US = 1e6


@dataclass(frozen=True, slots=True)
class Scaling:
    """How two processes do beside one.

    `raw` compares the rates. `left` says how many processors Redis, sink and benchmark left to the two; `accounted`
    is the ratio had they had all. `most_per_s` is what the processors can give at one process' costs per delivery,
    those of Redis and sink included; not a bound where these have processors of their own.
    """

    raw: float
    left: float
    accounted: float
    most_per_s: float


def scaling(one: Throughput, two: Throughput, processors: int, *, shared: bool) -> Scaling | None:
    """Compare; None where either delivered nothing.

    Args:
        one: one process on one processor.
        two: `processors` processes on so many.
        processors: how many.
        shared: whether Redis, sink and benchmark run on those same processors.
    """
    if not one.per_s or not two.per_s:
        return None
    raw = two.per_s / one.per_s
    taken = two.per_s * others_us(two) / US if shared else 0.0
    left = max(processors - taken, 0.01)
    each_us = one.cpu_us + (others_us(one) if shared else 0.0)
    return Scaling(raw, left, raw * processors / left, processors * US / each_us if each_us else 0.0)


def others_us(found: Throughput) -> float:
    """What a delivery costs beside the worker's own time: Redis, the sink and the benchmark's looking."""
    return found.redis_us + found.sink_us + found.bench_us
