"""The growth measures' figures as they are shown, and whether what is aimed at holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from matplotlib.figure import Figure

from benchmarks.growth_apps import FEW
from benchmarks.growth_figures import Growth, backlog_cpu, backlog_memory, delivery_cpu, lookup_cpu
from benchmarks.growth_records import HOURS, KEPT, REJECTED_KEPT, Left, Records, says_weight
from benchmarks.growth_retries import Waiting
from benchmarks.memory import Weight, mib
from benchmarks.plots import bars
from benchmarks.ratios import middle, times
from benchmarks.table import Table, Target, at_most

COLUMNS = ("what", "with few", "with many", "comes to")
MOST_CPU, MOST_MEMORY, MOST_LOOKUP, KIB = 1.1, 1.2, 1.2, 1024
NOTHING = 4 * 2**20
"""A worker's memory grows by nothing where it is no more than so many bytes in all, since the allocator takes and gives
back by the megabyte, whatever the worker does. With 100,000 that wait it is 46 bytes each: less than the smallest
object of Python's that could stand for one, its reference as a str."""
FIXED = 20
"""More than there are keys that all deliveries share, such as the streams and the lists, and fewer than deliveries."""
SLACK = 1.2
"""Redis trims streams by whole nodes of about a hundred entries, so a cap of a thousand is not met to the entry."""


def table(found: Growth) -> Table:
    """The figures as they are shown."""
    return Table(
        name="growth",
        title="Growth: little beside much",
        columns=COLUMNS,
        rows=tuple(_rows(found)),
        targets=targets(found),
        lost=found.lost,
        data=asdict(found),
        plot=lambda figure: draw(figure, found),
    )


def draw(figure: Figure, found: Growth) -> None:
    """Processor time per delivery with little and with much, and what is kept on Redis."""
    few, many = found.backlogs[0]
    us = {
        f"{few.waiting:,} events wait": middle(each.us_each for each, _ in found.backlogs),
        f"{many.waiting:,} events wait": middle(each.us_each for _, each in found.backlogs),
        f"{FEW} apps": middle(each.few_us for each in found.apps),
        f"{found.many_apps:,} apps": middle(each.many_us for each in found.apps),
    }
    kept = {"waits for a retry": found.waiting.redis_each, "settled": found.records.beside_text}
    left, right = figure.subplots(1, 2)
    bars(left, us, "processor time per delivery, us", [name for place, name in enumerate(us) if place % 2])
    bars(right, kept, "bytes on Redis beside the text, each", list(kept))


def targets(found: Growth) -> tuple[Target, ...]:
    """What is aimed at, and whether this run holds it."""
    few, many = found.backlogs[0]
    waits, left = f"{found.waiting.many:,} wait for a retry", found.left
    backlog = f"{many.waiting:,} events wait, beside {few.waiting:,}"
    apps = f"{found.many_apps:,} apps configured, beside {FEW}"
    weighs = says_weight(found.records.status)
    return (
        at_most(f"CPU per delivery, {backlog}", MOST_CPU, "x", backlog_cpu(found)),
        at_most(f"worker memory, {backlog}", MOST_MEMORY, "x", backlog_memory(found)),
        at_most(f"worker memory, {waits}", round(nothing_each(found.waiting)), "B each", found.waiting.worker_each),
        at_most(f"Redis beside the text, {waits}", KIB, "B each", found.waiting.redis_each),
        at_most(f"settings lookup, {apps}", MOST_LOOKUP, "x", lookup_cpu(found)),
        at_most(f"CPU per delivery, {apps}", MOST_LOOKUP, "x", delivery_cpu(found)),
        at_most("Redis beside the text, a settled record", KIB, "B each", found.records.beside_text),
        at_most(f"longest life of a key, {HOURS} h set", HOURS, "h", left.longest_hours),
        at_most(f"keys without an end, {left.settled:,} settled", FIXED, "keys", left.endless),
        at_most("records listed that are too old", 1, "entries", left.aged),
        at_most(f"results kept, {KEPT:,} set", KEPT * SLACK, "entries", left.results),
        at_most(f"rejected events kept, {REJECTED_KEPT} set", REJECTED_KEPT * 2, "entries", left.rejected_kept),
        at_most("events left on the stream", 0, "entries", left.events),
        Target("status says what is kept and what it weighs", "yes", float(weighs), weighs),
    )


def nothing_each(waiting: Waiting) -> float:
    """How many bytes for each that came to wait are none."""
    return NOTHING / max(1, waiting.many - waiting.few)


Row = tuple[str, str, str, str]


def _rows(found: Growth) -> Iterator[Row]:
    yield from _backlog_rows(found)
    yield from _app_rows(found)
    yield from _waiting_rows(found)
    yield from _record_rows(found.records)
    yield from _left_rows(found.left)


def _backlog_rows(found: Growth) -> Iterator[Row]:
    few, many = found.backlogs[0]
    name = f"{few.waiting:,} / {many.waiting:,} events wait"
    us = _both((a.us_each, b.us_each) for a, b in found.backlogs)
    peaks = (mib(middle(side)) for side in zip(*((a.peak_bytes, b.peak_bytes) for a, b in found.backlogs), strict=True))
    yield f"CPU per delivery, {name}", *us, times(backlog_cpu(found))
    few_peak, many_peak = peaks
    yield f"worker memory at its peak, {name}", few_peak, many_peak, times(backlog_memory(found))


def _app_rows(found: Growth) -> Iterator[Row]:
    name, each = f"{FEW} / {found.many_apps:,} apps configured", found.apps
    again = _both((one.few.again_us, one.many.again_us) for one in each)
    same = _both((one.few.same_us, one.many.same_us) for one in each)
    first = _both((one.few.first_us, one.many.first_us) for one in each)
    ten = _both((one.few_us, one.many_us) for one in each)
    yield f"lookup of ten apps seen before, {name}", *again, times(lookup_cpu(found))
    yield f"lookup of always the same ten apps, {name}", *same, ""
    yield f"lookup of ten apps not seen before, {found.many_apps:,} apps configured", "", first[1], ""
    yield f"CPU per delivery to ten apps, {name}", *ten, times(delivery_cpu(found))
    yield "CPU per delivery where each app gets its first event", "", _us(found.waiting.first_us), ""


def _both(pairs: Iterable[tuple[float, float]]) -> tuple[str, str]:
    """The medians of either side."""
    few, many = zip(*pairs, strict=True)
    return _us(middle(few)), _us(middle(many))


def _waiting_rows(found: Growth) -> Iterator[Row]:
    waits = found.waiting
    few, many = mib(waits.few_bytes), mib(waits.many_bytes)
    name, each = f"worker memory, {waits.few:,} / {waits.many:,} wait for a retry", f"{waits.worker_each:.0f} B each"
    yield name, few, many, each
    yield "attempts made of them", "", f"{waits.attempted:,}", ""
    yield "Redis beside the events' texts, the same", "", "", f"{waits.redis_each:,.0f} B each"
    yield from _weights(waits.by_kind, waits.many)


def _record_rows(found: Records) -> Iterator[Row]:
    text, all_of_it = found.text_bytes / found.settled, found.grown_bytes / found.settled
    name, beside = f"settled record, text / all of it, {found.settled:,}", f"{found.beside_text:,.0f} B each"
    yield name, f"{text:,.0f} B", f"{all_of_it:,.0f} B", beside
    yield from _weights(found.weights, found.settled)


def _weights(weights: Mapping[str, Weight], count: int) -> Iterator[Row]:
    """What each kind of key weighs for each delivery: the kinds that weigh anything."""
    for name, weight in weights.items():
        each = weight.size / max(1, count)
        if each >= 1:
            yield f"  of it {name}", "", "", f"{each:,.0f} B each"


def _left_rows(left: Left) -> Iterator[Row]:
    yield f"results kept of {left.settled:,}, {KEPT:,} set", "", "", f"{left.results:,}"
    yield f"rejected events kept of {left.rejected:,}, {REJECTED_KEPT} set", "", "", f"{left.rejected_kept:,}"
    yield f"longest life of a key, {HOURS} h set", "", "", f"{left.longest_hours:.1f} h"
    yield f"keys without an end that came with {left.settled:,} settled", "", "", str(left.endless)


def _us(value: float) -> str:
    return f"{value:,.0f} us"
