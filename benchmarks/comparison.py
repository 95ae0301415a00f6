"""What the rounds of throughput come to beside the limit and the peers: rows and targets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.figures import Round, Throughput, cpu_ratio, machine_note, median_of, median_ratio, rate_ratio
from benchmarks.scaling import Scaling, scaling
from benchmarks.table import Table, Target, at_least, at_most

BARE, PREPARED = "bare aiohttp + uvloop", "the same, prepared"
BELLHOP, TWO = "Bellhop", "Bellhop, two processes"
BULLMQ, ALERTMANAGER, PLAIN = "BullMQ", "Alertmanager", "plain Celery"
LEAST_X_BARE, LEAST_X_PLAIN, LEAST_X_ONE = 0.6, 10.0, 1.7
COLUMNS = ("what", "deliveries/s", "x bare", "CPU us each", "x bare's", "Redis us", "sink us", "notes")


@dataclass(frozen=True, slots=True)
class Compared:
    """All rounds; why a peer is absent, by its name; the processors, and whether two workers share them with Redis."""

    rounds: Sequence[Round]
    absent: Mapping[str, str]
    processors: int
    shared: bool


def table(found: Compared) -> Table:
    """The first table."""
    return Table(
        "throughput",
        "Throughput: from a filled stream to settled results, one worker process on one processor",
        COLUMNS,
        tuple(rows(found)),
        tuple(targets(found)),
        lost(found.rounds),
        {"rounds": [{name: asdict(each) for name, each in one.items()} for one in found.rounds]} | _scaling_data(found),
    )


def rows(found: Compared) -> list[tuple[str, ...]]:
    """A row for what was measured, and for each peer that was not, why."""
    names = dict.fromkeys(name for each in found.rounds for name in each)
    measured = [_row(found, name) for name in names]
    return measured + [(name, "", "", "", "", "", "", f"not measured: {why}") for name, why in found.absent.items()]


def _row(found: Compared, name: str) -> tuple[str, ...]:
    def figure(which: str, unit: str = ",.0f") -> str:
        value = median_of(found.rounds, name, lambda each: float(getattr(each, which)))
        return "" if value is None else format(value, unit)

    def times(compare: Callable[[Throughput, Throughput], float | None]) -> str:
        ratio = median_ratio(found.rounds, name, BARE, compare)
        return "" if ratio is None else f"{ratio:.2f}"

    rate, cpu = (figure("per_s"), times(rate_ratio)), (figure("cpu_us"), times(cpu_ratio))
    return name, *rate, *cpu, figure("redis_us"), figure("sink_us"), _note(found, name)


def _note(found: Compared, name: str) -> str:
    missing = sum(each[name].lost for each in found.rounds if name in each)
    busy = machine_note(median_of(found.rounds, name, lambda each: each.others) or 0.0)
    notes = list(filter(None, [f"{missing} lost" if missing else "", busy]))
    if name == TWO and (two := scalings(found)):
        notes.append(
            f"{median(each.raw for each in two):.2f} x one; Redis, sink and benchmark left "
            f"{median(each.left for each in two):.2f} of {found.processors} processors; "
            f"most that these can give: {median(each.most_per_s for each in two):,.0f}/s"
        )
    return "; ".join(notes)


def targets(found: Compared) -> list[Target]:
    """What Bellhop aims at, and whether this run holds it."""
    rounds, two = found.rounds, scalings(found)
    return [
        at_most("CPU per delivery", 1.0, "x BullMQ's", median_ratio(rounds, BELLHOP, BULLMQ, cpu_ratio)),
        at_most("CPU per delivery", 1.0, "x Alertmanager's", median_ratio(rounds, BELLHOP, ALERTMANAGER, cpu_ratio)),
        at_least("deliveries/s", LEAST_X_BARE, "x bare aiohttp", median_ratio(rounds, BELLHOP, BARE, rate_ratio)),
        at_least("deliveries/s", LEAST_X_PLAIN, "x plain Celery", median_ratio(rounds, BELLHOP, PLAIN, rate_ratio)),
        at_least(
            "two processes, for the processors that Redis and sink leave them",
            LEAST_X_ONE,
            "x one",
            median(each.accounted for each in two) if two else None,
        ),
    ]


def scalings(found: Compared) -> list[Scaling]:
    """Two processes beside one, in each round that has both."""
    pairs = [(each[BELLHOP], each[TWO]) for each in found.rounds if BELLHOP in each and TWO in each]
    taken = [scaling(one, two, found.processors, shared=found.shared) for one, two in pairs]
    return [each for each in taken if each]


def _scaling_data(found: Compared) -> dict[str, Any]:
    return {"two_processes": [asdict(each) for each in scalings(found)], "absent": dict(found.absent)}


def lost(rounds: Sequence[Round]) -> int:
    """How many deliveries of Bellhop's did not come about; what peers lose stands in their rows."""
    return sum(each[name].lost for each in rounds for name in (BELLHOP, TWO) if name in each)


def checked(found: Throughput, count: int, delivered: int) -> Throughput:
    """`found`, with what the results stream does not call delivered as lost."""
    return Throughput(**(asdict(found) | {"lost": max(found.lost, count - delivered)}))
