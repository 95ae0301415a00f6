"""Latency: from XADD to the request's arrival at the vendor; idle, at 200 events a second, and near the limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

from matplotlib.figure import Figure

from benchmarks import load, measure, plots, steady, throughput
from benchmarks.figures import Latency, latency, machine_note, median_latency, percentile
from benchmarks.measure import Bench
from benchmarks.processes import Child
from benchmarks.table import Options, Table, Target, at_most

IDLE, STEADY, BUSY = "idle", "200/s", "80 % of the limit"
IDLE_EVENTS, IDLE_PER_S = 200, 20.0
STEADY_EVENTS, STEADY_PER_S = 2_000, 200.0
BUSY_S, BUSY_SHARE = 6.0, 0.8
WARM_UP_PER_S = 500.0
IDLE_P50_MS, IDLE_P99_MS, STEADY_P95_MS, BUSY_P95_MS = 5.0, 20.0, 25.0, 250.0
COLUMNS = ("load", "events/s", "p50", "p95", "p99", "longest", "notes")


@dataclass(frozen=True, slots=True)
class Sample:
    """One load of one round.

    At what rate events really went, their latency, and its 1 to 100 % in milliseconds; the throughput limit, where
    the rate was taken from it; how many processors' worth of time programs took that do not belong to the run.
    """

    per_s: float
    latency: Latency
    percentiles: tuple[float, ...]
    limit_per_s: float = 0.0
    others: float = 0.0


Round = Mapping[str, Sample]


def run(bench: Bench, options: Options) -> Table:
    """The three loads in each round; the limit is taken in the same round, with the same one process."""
    return table([_round(bench, options) for _ in range(options.rounds)])


def _round(bench: Bench, options: Options) -> Round:
    limit = throughput.bellhop(bench, options).per_s
    busy = max(1.0, BUSY_SHARE * limit)
    return {
        IDLE: _sample(bench, IDLE, options.of(IDLE_EVENTS, 20), IDLE_PER_S),
        STEADY: _sample(bench, STEADY, options.of(STEADY_EVENTS, 50), STEADY_PER_S),
        BUSY: replace(_sample(bench, BUSY, options.of(round(BUSY_S * busy), 50), busy), limit_per_s=limit),
    }


def _sample(bench: Bench, name: str, count: int, per_s: float) -> Sample:
    """A worker that has seen every app once, and then `count` events at `per_s`."""
    bench.reset()
    bench.sink("/keep")
    asyncio.run(load.save_apps(bench.redis_url, bench.sink_url))
    what = steady.events("latency", load.APPS, count)
    with measure.bellhop_worker(bench, load.APPS + count) as worker:
        _warm_up(bench, worker)
        before, began = measure.spent(bench, [worker]), time.monotonic()
        sent = steady.send(bench.redis, what, per_s, lambda done: bench.show(f"latency, {name}", done, count))
        measure.until(bench, [worker], f"latency, {name}", load.APPS + count)
        others = measure.others(before, measure.spent(bench, [worker]), time.monotonic() - began)
        return replace(sample(sent, bench.sink("/events")), others=others)


def _warm_up(bench: Bench, worker: Child) -> None:
    what = steady.events("warm", 0, load.APPS)
    steady.send(bench.redis, what, WARM_UP_PER_S, lambda done: bench.show("warming up", done, load.APPS))
    measure.until(bench, [worker], "warming up", load.APPS, lambda: load.APPS - load.settled(bench.redis))


def sample(sent: Sequence[float], arrived: Mapping[str, float]) -> Sample:
    """Of the moments sent, in order from event number APPS on, and the first arrivals by number."""
    numbered = {str(load.APPS + place): at for place, at in enumerate(sent)}
    took = [(arrived[number] - at) * 1000 for number, at in numbered.items() if number in arrived]
    shares = tuple(percentile(took, share / 100) for share in range(1, 101)) if took else ()
    return Sample(steady.rate(sent), latency(took, len(sent) - len(took)), shares)


def table(rounds: Sequence[Round]) -> Table:
    """The second table."""
    return Table(
        "latency",
        "Latency: from XADD to the request's arrival at the vendor",
        COLUMNS,
        tuple(_row(rounds, name) for name in rounds[0]),
        tuple(targets(rounds)),
        sum(each.latency.lost for one in rounds for each in one.values()),
        {"rounds": [{name: asdict(each) for name, each in one.items()} for one in rounds]},
        lambda figure: draw(figure, rounds),
    )


def _row(rounds: Sequence[Round], name: str) -> tuple[str, ...]:
    found = _median(rounds, name)
    times = (found.p50, found.p95, found.p99, found.worst)
    return (
        _label(rounds, name),
        f"{_rate(rounds, name):,.0f}",
        *(f"{each:,.1f} ms" for each in times),
        _note(rounds, name),
    )


def _note(rounds: Sequence[Round], name: str) -> str:
    missing = sum(each[name].latency.lost for each in rounds)
    busy = machine_note(median(each[name].others for each in rounds))
    return "; ".join(filter(None, [f"{missing} lost" if missing else "", busy]))


def _label(rounds: Sequence[Round], name: str) -> str:
    limit = median(each[name].limit_per_s for each in rounds)
    return f"{name} of {limit:,.0f}/s" if limit else name


def _rate(rounds: Sequence[Round], name: str) -> float:
    return median(each[name].per_s for each in rounds)


def _median(rounds: Sequence[Round], name: str) -> Latency:
    return median_latency([each[name].latency for each in rounds])


def targets(rounds: Sequence[Round]) -> list[Target]:
    """What Bellhop aims at, and whether this run holds it."""
    idle, steadily, busy = (_median(rounds, name) for name in (IDLE, STEADY, BUSY))
    return [
        at_most("idle, p50", IDLE_P50_MS, "ms", idle.p50),
        at_most("idle, p99", IDLE_P99_MS, "ms", idle.p99),
        at_most("200 events/s, p95 (Convoy publishes 124 ms)", STEADY_P95_MS, "ms", steadily.p95),
        at_most("80 % of the limit, p95", BUSY_P95_MS, "ms", busy.p95),
    ]


def draw(figure: Figure, rounds: Sequence[Round]) -> None:
    """How many of the events had arrived after how long: the last round's."""
    found = {name: each.percentiles for name, each in rounds[-1].items()}
    aims = {IDLE: [(IDLE_P50_MS, 50), (IDLE_P99_MS, 99)], STEADY: [(STEADY_P95_MS, 95)], BUSY: [(BUSY_P95_MS, 95)]}
    plots.curves(figure.subplots(), found, "ms from XADD to arrival; a cross is the target of its colour", aims)
