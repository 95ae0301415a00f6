"""The console's figures as people read them, beside what they aim at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Final

from matplotlib.figure import Figure

from benchmarks.console_pages import OFTEN, PageTiming, timing
from benchmarks.console_queries import Timing
from benchmarks.console_reading import Fed
from benchmarks.figures import percentile
from benchmarks.memory import mib
from benchmarks.plots import bars
from benchmarks.table import Table, Target, at_most

PAGE_MS: Final = 200
QUERY_MS, HELD_UP_MS = 20, 20
COLUMNS: Final = ("what", "p50", "p95", "worst", "rows or size")

Pages = Mapping[str, PageTiming]
Queries = Mapping[str, Timing]
Row = tuple[str, str, str, str, str]


def table(fed: Fed, pages: Pages, queries: Queries) -> Table:
    """Pages first, then what the past took, then the questions that pages are made of."""
    often = timing(fed.pages_ms)
    rows = [_row(name, each.timing, f"{each.size / 1000:,.1f} kB") for name, each in pages.items()]
    rows += [_row(OFTEN, often, f"{often.rows} loads"), *_reading(fed)]
    rows += [_row(name, each, f"{each.rows} rows") for name, each in queries.items()]
    return Table(
        name="console",
        title=f"The console with {fed.events:,} events on record, three deliveries each (pages, queries: ms)",
        columns=COLUMNS,
        rows=tuple(rows),
        targets=(
            *(at_most(f"p95, {name}", PAGE_MS, "ms", each.timing.p95_ms) for name, each in pages.items()),
            at_most(f"p95, {OFTEN}", PAGE_MS, "ms", often.p95_ms if often.rows else None),
            at_most("p99, event loop held up while the past is read", HELD_UP_MS, "ms", fed.held_up(0.99)),
            *_slowest(queries),
        ),
        lost=fed.missing,
        data={
            "pages": {name: asdict(each) for name, each in pages.items()},
            "fed": asdict(fed) | {"held_up_ms": max(fed.held_up_ms), "pages_ms": asdict(often)},
            "queries": {name: asdict(each) for name, each in queries.items()},
        },
        plot=partial(_plot, pages=pages),
    )


def _slowest(queries: Queries) -> tuple[Target, ...]:
    """One target for all questions: a page asks several of them."""
    name, found = max(queries.items(), key=lambda each: each[1].p95_ms)
    return (at_most(f"p95 of the slowest query ({name})", QUERY_MS, "ms", found.p95_ms),)


def _reading(fed: Fed) -> list[Row]:
    later = (percentile(fed.later_s, share) for share in (0.5, 0.95, 1.0))
    held_up = (fed.held_up(0.5), fed.held_up(0.95), max(fed.held_up_ms))
    grown = mib(fed.redis_bytes - fed.redis_before_bytes)
    return [
        ("reading the past: until the first list is full", f"{fed.first_page_s:.2f} s", "", "", ""),
        ("until all of it is read", f"{fed.all_s:.1f} s", "", "", f"{fed.events / fed.all_s:,.0f} events/s"),
        ("processor time: console, Redis", f"{fed.console_cpu_s:.1f} s", f"{fed.redis_cpu_s:.1f} s", "", ""),
        ("event loop held up meanwhile, ms", *_three(*held_up), ""),
        ("share of a processor after that: console, Redis", f"{fed.idle_console:.1%}", f"{fed.idle_redis:.1%}", "", ""),
        ("a new event is there, s", *_three(*later), ""),
        ("memory: what the console gained, its database", mib(fed.console_bytes), mib(fed.database_bytes), "", ""),
        ("memory: Redis without a console, what it gained", mib(fed.redis_before_bytes), grown, "", ""),
    ]


def _row(name: str, found: Timing, note: str) -> Row:
    first, second, third = _three(found.p50_ms, found.p95_ms, found.worst_ms)
    return name, first, second, third, note


def _three(*values: float) -> tuple[str, str, str]:
    first, second, third = (f"{value:.2f}" for value in values)
    return first, second, third


def _plot(figure: Figure, pages: Pages) -> None:
    """Each page's 95th percentile."""
    axes = figure.subplots()
    bars(
        axes,
        {name: each.timing.p95_ms for name, each in pages.items()},
        f"p95 in ms; the aim is {PAGE_MS}",
        tuple(pages),
    )
