"""What a run says: a table for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chaos.row import Measured, Row

COLUMNS = ("fault", "load", "lost", "duplicates", "goes on", "must hold", "holds?", "seconds")


@dataclass(frozen=True, slots=True)
class Done:
    """A row that ran: what it found, or why it could not be measured."""

    row: Row
    seconds: float
    measured: Measured | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return self.measured is not None and self.measured.holds


def as_json(done: Sequence[Done]) -> list[dict[str, Any]]:
    """Every row with its checks and figures."""
    return [
        {
            "name": each.row.name,
            "fault": each.row.fault,
            "must_hold": each.row.must_hold,
            "holds": each.holds,
            "seconds": round(each.seconds, 1),
            "problem": each.problem,
            "measured": asdict(each.measured) if each.measured else None,
        }
        for each in done
    ]


def show(done: Sequence[Done]) -> None:
    """The table, and below it whatever does not hold."""
    console = Console()
    table = Table(*COLUMNS, title="Chaos", title_justify="left", show_lines=True)
    for each in done:
        table.add_row(*_cells(each))
    (console if console.is_terminal else Console(width=200)).print(table)
    for each in done:
        for line in broken(each):
            console.print(Text(line, style="red"), soft_wrap=True)
    held = sum(each.holds for each in done)
    console.print(Text(f"{held} of {len(done)} rows hold", style="green" if held == len(done) else "red"))


def broken(done: Done, *, timing: bool = True) -> list[str]:
    """What does not hold, and what was found instead; without `timing` whatever a slow machine may cause."""
    if done.measured is None:
        return [f"{done.row.name}: {done.problem}"]
    wrong = [check for check in done.measured.checks if not check.holds]
    return [f"{done.row.name}: {check.what}: {check.found}" for check in wrong if timing or not check.timing]


def line(done: Done) -> str:
    """One row in a line, for those who wait."""
    if done.measured is None:
        return f"{done.row.name}: {done.problem}"
    found = done.measured
    figures = ", ".join(f"{name} {value}" for name, value in found.figures.items())
    return (
        f"{done.row.name}: {'holds' if found.holds else 'DOES NOT HOLD'} in {done.seconds:.0f} s; {found.deliveries} "
        f"deliveries, {found.lost} lost, {found.duplicates} duplicates ({found.marked} marked); {figures}"
    )


def _cells(done: Done) -> list[Text]:
    verdict = Text("yes", "green") if done.holds else Text("NO", "bold red")
    found = done.measured
    if found is None:
        middle = ["", "?", "?", ""]
    else:
        doubled = f"{found.duplicates} ({found.marked} marked)" if found.duplicates else "0"
        resumed = "" if found.resumed_s is None else f"{found.resumed_s:.1f} s"
        middle = [f"{found.events:,} events, {found.deliveries:,} deliveries", str(found.lost), doubled, resumed]
    cells = [done.row.fault, *middle, done.row.must_hold]
    return [*map(Text, cells), verdict, Text(f"{done.seconds:.0f}")]
