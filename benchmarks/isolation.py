"""Isolation: what the other apps notice where some destinations hang, or where one app sends far more than they do.

All loads are steady and well within what one worker process can do, so what the others notice is the neighbour and not
a machine that is full: 400 events/s, and 600 with the greedy app. Both sides of a ratio are taken in the same round,
with the same events of the others at the same times. Only the burst is more than can be done at once; it has no target.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import orjson
from matplotlib.figure import Figure

from benchmarks import load
from benchmarks.apps import save, with_rooms
from benchmarks.figures import percentile
from benchmarks.measure import Bench
from benchmarks.mixed import Due, Stream, arrivals, schedule, send, took_ms
from benchmarks.plots import bars
from benchmarks.ratios import middle, ratio, times
from benchmarks.table import Options, Table, Target, at_most
from benchmarks.watching import start_worker, until

COLUMNS = ("what", "events/s", "others' p50", "others' p95", "x without")
MOST_HANGING, MOST_GREEDY = 1.5, 2.0
ONE_IN = 20
HANG_APPS, HANG_PER_S, HANG_S = 200, 400.0, 24
"""Longer than the 20 s for which each request to a hanging destination gets no answer."""
GREEDY_OTHERS, EACH_PER_S, TIMES_MORE, GREEDY_S = 20, 5.0, 100, 12
BURST, BURST_AT_S = 5000, 3.0
WARM_S = 2.0
"""What comes sooner is not counted: connections and caches are new."""
WARM_UPS = 100
NEIGHBOUR, WARMING = 10_000_000, 20_000_000
"""Where the numbers of the neighbour's events begin, and those of the warm-up's."""


@dataclass(frozen=True, slots=True)
class Case:
    """One load: the others' stream, the neighbours', and what is the matter with those."""

    name: str
    others: Stream
    neighbours: Stream
    seconds: float
    hang: bool = False
    burst: int = 0

    @property
    def streams(self) -> tuple[Stream, ...]:
        """All that is sent at a steady rate."""
        return tuple(stream for stream in (self.others, self.neighbours) if stream.per_s)


@dataclass(frozen=True, slots=True)
class Took:
    """How long the others' events took, in milliseconds, and how many of them never came."""

    p50: float
    p95: float
    lost: int


def cases(options: Options) -> tuple[Case, Case, Case, Case, Case]:
    """Without and with hanging destinations; without and with a greedy app; and with a burst of one app."""
    hanging = HANG_APPS // ONE_IN
    many = _stream("the others", HANG_APPS - hanging, HANG_PER_S * (1 - 1 / ONE_IN), 0)
    tenth = _stream("neighbour", hanging, HANG_PER_S / ONE_IN, NEIGHBOUR)
    calm = Case("one destination in 20 is as all are", many, tenth, options.of(HANG_S // 2, 6))
    few = _stream("the others", GREEDY_OTHERS, GREEDY_OTHERS * EACH_PER_S, 0)
    nobody = Stream("neighbour", ("neighbour-0",), 0.0, NEIGHBOUR)
    alone = Case(f"{GREEDY_OTHERS} apps alone", few, nobody, options.of(GREEDY_S, 6))
    greedy = replace(nobody, per_s=EACH_PER_S * TIMES_MORE)
    return (
        calm,
        replace(calm, name="it hangs for 20 s", hang=True, seconds=options.of(HANG_S, 6)),
        alone,
        replace(alone, name=f"one more sends {TIMES_MORE} x each of them", neighbours=greedy),
        replace(alone, name=f"one more sends {BURST:,} at once", burst=options.of(BURST, 500)),
    )


def _stream(name: str, apps: int, per_s: float, first: int) -> Stream:
    return Stream(name, tuple(f"{name.replace(' ', '-')}-{number}" for number in range(apps)), per_s, first)


def run(bench: Bench, options: Options) -> Table:
    """Every load once a round, and what the others' p95 comes to beside the same load without the neighbour."""
    every = cases(options)
    rounds = [[one(bench, case) for case in every] for _ in range(options.rounds)]
    return table(every, rounds)


def table(every: Sequence[Case], rounds: Sequence[Sequence[Took]]) -> Table:
    """The figures of all rounds, case by case, as they are shown."""
    by_case = list(zip(*rounds, strict=True))
    ratios = [slower(by_case[mine], by_case[base]) for mine, base in ((1, 0), (3, 2), (4, 2))]
    beside = ("", times(ratios[0]), "", times(ratios[1]), times(ratios[2]))
    return Table(
        name="isolation",
        title="Isolation: the other apps' time from XADD to arrival",
        columns=COLUMNS,
        rows=tuple(_row(case, took, x) for case, took, x in zip(every, by_case, beside, strict=True)),
        targets=targets(ratios[0], ratios[1]),
        lost=sum(took.lost for each in rounds for took in each),
        data={case.name: [asdict(each) for each in took] for case, took in zip(every, by_case, strict=True)},
        plot=lambda figure: draw(figure, every, by_case),
    )


def draw(figure: Figure, every: Sequence[Case], by_case: Sequence[Sequence[Took]]) -> None:
    """The others' p95 under each load."""
    p95 = {case.name: middle(each.p95 for each in took) for case, took in zip(every, by_case, strict=True)}
    bars(figure.subplots(), p95, "the other apps' p95 from XADD to arrival, ms", (every[1].name, every[3].name))


def slower(mine: Sequence[Took], base: Sequence[Took]) -> float:
    """How many times the base's p95: the median of the ratios within each round."""
    return middle(ratio(a.p95, b.p95) for a, b in zip(mine, base, strict=True))


def targets(hanging: float, greedy: float) -> tuple[Target, ...]:
    """What is aimed at, for the others' p95."""
    return (
        at_most("others' p95, one destination in 20 hangs", MOST_HANGING, "x without", hanging),
        at_most(f"others' p95, one app sends {TIMES_MORE} x each of them", MOST_GREEDY, "x without", greedy),
    )


def _row(case: Case, took: Sequence[Took], x: str) -> tuple[str, ...]:
    rate = sum(stream.per_s for stream in case.streams)
    p50, p95 = middle(one.p50 for one in took), middle(one.p95 for one in took)
    return case.name, f"{rate:.0f}", f"{p50:.1f} ms", f"{p95:.1f} ms", x


def one(bench: Bench, case: Case) -> Took:
    """Run one load and say what the others had of it."""
    bench.reset()
    bench.sink("/keep")
    sinks = {case.others: bench.sink_url, case.neighbours: f"{bench.sink_url}{'/hang' if case.hang else ''}"}
    save(bench.redis_url, (with_rooms(app, sink) for stream, sink in sinks.items() for app in stream.apps))
    due, run_name = schedule(case.streams, case.seconds), uuid.uuid4().hex[:8]
    awaited = len(due) + case.burst - (sum(mine.number >= NEIGHBOUR for mine in due) if case.hang else 0)
    with start_worker(bench) as child:
        for number in range(WARM_UPS):
            _add(bench, run_name, number + WARMING, case.others.apps[number % len(case.others.apps)])
        until(bench, child, "warming up", WARM_UPS)
        sent = send(bench, run_name, due, _meanwhile(bench, case, run_name))
        until(bench, child, case.name, WARM_UPS + awaited)
        arrived = arrivals(bench)
    return took_by_others(due, sent, arrived, BURST_AT_S if case.burst else WARM_S)


def took_by_others(due: Sequence[Due], sent: dict[int, float], arrived: dict[int, float], since_s: float) -> Took:
    """The percentiles of the others' events that were due from `since_s` on."""
    numbers = [mine.number for mine in due if mine.number < NEIGHBOUR]
    counted = [mine.number for mine in due if mine.number < NEIGHBOUR and mine.at_s >= since_s]
    took = took_ms(sent, arrived, counted)
    return Took(percentile(took, 0.5), percentile(took, 0.95), sum(number not in arrived for number in numbers))


def _meanwhile(bench: Bench, case: Case, run_name: str) -> Callable[[float], None]:
    """Shows the time, and sends the case's burst when it is due."""
    left = [case.burst] if case.burst else []

    def tell(late_s: float) -> None:
        if left and late_s >= BURST_AT_S:
            _burst(bench, run_name, left.pop(), case.neighbours.apps[0])
        bench.show(case.name, int(late_s), int(case.seconds))

    return tell


def _burst(bench: Bench, run_name: str, count: int, app: str) -> None:
    pipe = bench.redis.pipeline(transaction=False)
    for number in range(NEIGHBOUR, NEIGHBOUR + count):
        pipe.xadd(f"{load.PREFIX}:events", {"event": orjson.dumps(load.event(run_name, number) | {"app": app})})
    pipe.execute()


def _add(bench: Bench, run_name: str, number: int, app: str) -> None:
    bench.redis.xadd(f"{load.PREFIX}:events", {"event": orjson.dumps(load.event(run_name, number) | {"app": app})})
