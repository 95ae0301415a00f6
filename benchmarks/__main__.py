"""`python -m benchmarks`: every measure in each round, then a table. Exit code 1 only where a delivery was lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import measure
from benchmarks.figures import Round, lost
from benchmarks.measure import Show
from benchmarks.report import as_json, show
from worker.commands.output import print_json

MEASURES = ("bare", "bellhop", "plain", "idle")


def main(
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=100, help="Deliveries in a round.")] = 20_000,
    plain_count: Annotated[int, typer.Option(min=100, help="Deliveries in a round for plain Celery.")] = 5_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the table has their medians.")] = 3,
    only: Annotated[str, typer.Option(help="Some of bare,bellhop,plain,idle.")] = ",".join(MEASURES),
    as_data: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """How fast Bellhop is: one worker process on one processor, real Redis, an HTTP sink; ratios in one run."""
    if sys.platform != "linux":
        sys.exit("The benchmark needs Linux: it reads processor times from /proc and pins processes to processors.")
    wanted = only.split(",")
    if unknown := set(wanted) - set(MEASURES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(MEASURES)}")
    with progress(rounds) as (next_round, say), measure.bench(say) as bench:
        info = bench.redis.info("server")
        redis = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"
        done = []
        for _ in range(rounds):
            done.append(one_round(bench, wanted, count, plain_count))
            next_round()
    if as_data:
        print_json(as_json(done, redis))
    else:
        show(done, redis)
    sys.exit(1 if lost(done) else 0)


def one_round(bench: measure.Bench, wanted: list[str], count: int, plain_count: int) -> Round:
    """Each wanted measure once, in an order that is always the same."""
    throughputs = []
    if "bare" in wanted:
        throughputs.append(measure.bare(bench, count))
    if "bellhop" in wanted:
        throughputs.append(measure.bellhop(bench, count))
    if "plain" in wanted:
        throughputs.append(measure.plain(bench, plain_count))
    return Round(tuple(throughputs), measure.idle(bench) if "idle" in wanted else None)


@contextmanager
def progress(rounds: int) -> Iterator[tuple[Callable[[], None], Show]]:
    """Bars on standard error: one for the rounds, one for what is being done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Seldom redrawn: it runs beside what is measured.
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bars:
        whole, part = bars.add_task("rounds", total=rounds), bars.add_task("starting")
        yield (
            lambda: bars.advance(whole),
            lambda what, done, total: bars.update(part, description=what, completed=done, total=total),
        )


if __name__ == "__main__":
    typer.run(main)
