"""`python -m chaos`: every row of the table, or some. Exit code 1 where a row does not hold."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chaos.report import Done, as_json, line, show
from chaos.row import Row
from chaos.rows import NAMES, ROWS
from chaos.runner import run
from worker.commands.output import print_json, print_table


def main(
    *,
    only: Annotated[str, typer.Option(help="Some rows' names, separated by commas; --list shows them.")] = "",
    scale: Annotated[float, typer.Option(min=0.001, max=1, help="1 is the full size; below 0.5 leases are short.")] = 1,
    listed: Annotated[bool, typer.Option("--list", help="Say which rows there are, and end.")] = False,
    as_data: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and Redis' data under this folder.")] = None,
) -> None:
    """Break workers, Redis and vendors under load, and count at the receiver what was lost and what came twice."""
    if listed:
        print_table(("name", "fault", "must hold"), [(row.name, row.fault, row.must_hold) for row in ROWS])
        return
    rows = _wanted(only)
    with _folder(keep) as folder, _progress(len(rows)) as (say, report):
        done = []
        for row in rows:
            done.append(run(row, folder, scale, say))
            report(done[-1])
    if as_data:
        print_json(as_json(done))
    else:
        show(done)
    sys.exit(0 if all(each.holds for each in done) else 1)


def _wanted(only: str) -> list[Row]:
    names = only.split(",") if only else list(NAMES)
    if unknown := set(names) - set(NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    return [row for row in ROWS if row.name in names]


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the rows' files go; gone afterwards unless they are to be kept."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix="chaos-", dir=keep)).absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="bellhop-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _progress(count: int) -> Iterator[tuple[Callable[[str], None], Callable[[Done], None]]]:
    """On standard error: what is being done, and each row as it ends."""
    columns = (SpinnerColumn(), TextColumn("{task.completed}/{task.total} {task.description}"), TimeElapsedColumn())
    console = Console(stderr=True, soft_wrap=True)
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as bars:
        task = bars.add_task("starting", total=count)

        def report(done: Done) -> None:
            bars.advance(task)
            console.print(line(done), style="" if done.holds else "red", markup=False, highlight=False)

        yield lambda text: bars.update(task, description=text), report


if __name__ == "__main__":
    typer.run(main)
