"""`python -m security`: every row of the table, or some. Exit code 1 where a row does not hold."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from security.parts import PARTS, measured
from security.report import as_json, line, show
from security.row import Row, Say
from worker.commands.output import print_json, print_table


def main(
    *,
    only: Annotated[str, typer.Option(help="Some parts' names, separated by commas; --list shows them.")] = "",
    scale: Annotated[float, typer.Option(min=0.001, max=1, help="1 is the full size.")] = 1,
    listed: Annotated[bool, typer.Option("--list", help="Say which parts there are, and end.")] = False,
    as_data: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """Try what an attacker would, and count what passed, leaked, crashed or failed."""
    if listed:
        print_table(("part", "what it tries"), list(PARTS.items()))
        return
    names = _wanted(only)
    rows: list[Row] = []
    with _progress(len(names)) as (say, report):
        for name in names:
            say(name)
            found = measured(name, scale, say)
            rows += found
            report(found)
    if as_data:
        print_json(as_json(rows))
    else:
        show(rows)
    sys.exit(0 if all(row.holds for row in rows) else 1)


def _wanted(only: str) -> list[str]:
    names = only.split(",") if only else list(PARTS)
    if unknown := set(names) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names]


@contextmanager
def _progress(count: int) -> Iterator[tuple[Say, Callable[[list[Row]], None]]]:
    """On standard error: what is being done, and each part's rows as it ends."""
    columns = (SpinnerColumn(), TextColumn("{task.completed}/{task.total} {task.description}"), TimeElapsedColumn())
    console = Console(stderr=True, soft_wrap=True)
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as bars:
        task = bars.add_task("starting", total=count)

        def report(rows: list[Row]) -> None:
            bars.advance(task)
            for row in rows:
                console.print(line(row), style="" if row.holds else "red", markup=False, highlight=False)

        yield lambda text: bars.update(task, description=text), report


if __name__ == "__main__":
    typer.run(main)
