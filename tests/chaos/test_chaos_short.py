"""The chaos suite's rows in their short forms; `make chaos` runs them at full size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chaos.report import broken, line
from chaos.rows import NAMES, ROWS
from chaos.runner import run

pytestmark = pytest.mark.slow

SCALE = 0.02
AT_ONCE = 5
"""Most of a row's time is waiting, for leases to end or for what is owed to come due."""
LONGEST = ("kill-workers", "order", "drop-replies", "over-limits", "choke-redis", "vendor-down")
ALONE = ("due-at-once",)
"""It compares rates, so nothing else may run beside it."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Every row by name as it will be done: all are under way at the same time, each on a Redis of its own."""
    folder = tmp_path_factory.mktemp("chaos")
    first = sorted(ROWS, key=lambda row: row.name not in LONGEST)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {row.name: pool.submit(run, row, folder, SCALE, lambda _: None) for row in first if row.name not in ALONE}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALONE])
def test_a_row_of_the_chaos_suite_holds(rows, name):
    """What breaks loses nothing, and doubles nothing but what is marked, as counted at the receiver."""
    done = rows[name].result()
    assert not broken(done, timing=False), line(done)


@pytest.mark.parametrize("name", ALONE)
def test_a_row_that_measures_rates_holds(rows, name, tmp_path):
    """Very many deliveries that come due at once are settled about as fast as others, each published once."""
    for other in rows.values():
        other.result()
    (row,) = (row for row in ROWS if row.name == name)
    done = run(row, tmp_path, SCALE, lambda _: None)
    assert not broken(done, timing=False), line(done)
