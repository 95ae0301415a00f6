"""`python -m benchmarks`: the tables beside their targets. Exit code 1 where a target is missed or a delivery lost."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import fanout, growth, isolation, latency, measure, report, results, throughput
from benchmarks.measure import Bench, Show
from benchmarks.table import Options, Table
from worker.commands.output import print_json, print_line

MEASURES: dict[str, Callable[[Bench, Options], Table]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "isolation": isolation.run,
    "growth": growth.run,
    "fanout": fanout.run,
}


def main(
    *,
    only: Annotated[str, typer.Option(help=f"Some of {','.join(MEASURES)}.")] = ",".join(MEASURES),
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the tables have their medians.")] = 3,
    scale: Annotated[float, typer.Option(min=0.01, max=10, help="1 is full size; 0.1 for a quick look.")] = 1.0,
    as_data: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail too where a target could not be measured.")] = False,
) -> None:
    """How fast Bellhop is, beside the limit and the best peers: ratios in one run."""
    if sys.platform != "linux":
        sys.exit("The benchmark needs Linux: it reads processor times from /proc and pins processes to processors.")
    wanted = only.split(",")
    if unknown := set(wanted) - set(MEASURES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(MEASURES)}")
    tables, about = taken(wanted, Options(rounds, scale))
    if as_data:
        print_json([report.as_json(table, about) for table in tables])
    else:
        show(tables, about)
    sys.exit(1 if report.failed(tables, strict=strict) else 0)


def taken(wanted: list[str], options: Options) -> tuple[list[Table], dict[str, Any]]:
    """Each wanted table, written down as soon as it is there; and what was run, on what."""
    tables = []
    with progress(len(wanted)) as (advance, say), measure.bench(say) as bench:
        about = surroundings(bench, options)
        for name in wanted:
            tables.append(MEASURES[name](bench, options))
            results.write(tables[-1], about, results.folder(options.scale))
            advance()
    return tables, about


def surroundings(bench: Bench, options: Options) -> dict[str, Any]:
    """What a figure depends on besides Bellhop."""
    info = bench.redis.info("server")
    return {
        "rounds": options.rounds,
        "scale": options.scale,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "redis": f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def show(tables: list[Table], about: Mapping[str, Any]) -> None:
    """Everything for people."""
    print_line(report.sentence(about))
    for table in tables:
        report.show(table)
    print_line(f"\n{report.closing(tables)}", "bold red" if report.failed(tables) else "bold green")
    print_line(f"Tables, figures and plots: {os.path.relpath(results.folder(about['scale']))}")


@contextmanager
def progress(tables: int) -> Iterator[tuple[Callable[[], None], Show]]:
    """Bars on standard error: one for the tables, one for what is being done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Seldom redrawn: it runs beside what is measured.
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bars:
        whole, part = bars.add_task("tables", total=tables), bars.add_task("starting")
        yield (
            lambda: bars.advance(whole),
            lambda what, done, total: bars.update(part, description=what, completed=done, total=total),
        )


if __name__ == "__main__":
    typer.run(main)
