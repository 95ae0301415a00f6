"""Growth: what a backlog, deliveries that wait, configured apps and settled records cost as they become many."""

from __future__ import annotations

from benchmarks import growth_apps, growth_backlog, growth_records, growth_retries
from benchmarks.growth_apps import FEW, FEW_PREFIX, MANY_PREFIX
from benchmarks.growth_backlog import Backlog
from benchmarks.growth_figures import Apps, Growth
from benchmarks.growth_table import table
from benchmarks.measure import Bench
from benchmarks.table import Options, Table

FEW_EVENTS, MANY_EVENTS, COUNTED = 10_000, 1_000_000, 10_000
MANY_APPS, TO_TEN, SETTLED, LEAVING = 100_000, 5_000, 20_000, 5_000


def run(bench: Bench, options: Options) -> Table:
    """Backlog and apps once a round, few and many in turn; what only counts bytes is taken once."""
    few, many = options.of(FEW_EVENTS, 1000), options.of(MANY_EVENTS, 10_000)
    counted, many_apps = options.of(COUNTED, 3000), options.of(MANY_APPS, 1000)
    backlogs = [_backlogs(bench, counted, few, many) for _ in range(options.rounds)]
    bench.reset()
    growth_apps.configure(bench, many_apps)
    apps = [_apps(bench, many_apps, options.of(TO_TEN, 1000)) for _ in range(options.rounds)]
    waiting = growth_retries.measure(bench, many_apps)
    records = growth_records.measure(bench, options.of(SETTLED, 2000))
    return table(Growth(backlogs, many_apps, apps, waiting, records, growth_records.leave(bench, LEAVING)))


def _backlogs(bench: Bench, counted: int, few: int, many: int) -> tuple[Backlog, Backlog]:
    return (
        growth_backlog.measure(bench, counted, few, filled=many),
        growth_backlog.measure(bench, counted, many, filled=many),
    )


def _apps(bench: Bench, many: int, deliveries: int) -> Apps:
    return Apps(
        growth_apps.lookup(bench, FEW_PREFIX, FEW),
        growth_apps.lookup(bench, MANY_PREFIX, many),
        growth_apps.deliver_to_ten(bench, FEW_PREFIX, deliveries),
        growth_apps.deliver_to_ten(bench, MANY_PREFIX, deliveries),
    )
