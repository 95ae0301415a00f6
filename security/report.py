"""What a run says: a table for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from security.row import Row

COLUMNS = ("what", "aim", "measured", "holds?")


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every row."""
    return [asdict(row) for row in rows]


def show(rows: Sequence[Row]) -> None:
    """The table, and below it what there is to say of some rows, and how many hold."""
    console = Console()
    table = Table(*COLUMNS, title="Security", title_justify="left", show_lines=True)
    for row in rows:
        table.add_row(Text(row.what), Text(row.aim), Text(row.measured), _verdict(row))
    (console if console.is_terminal else Console(width=160)).print(table)
    for row in rows:
        if row.note:
            console.print(Text(f"{row.what}: {row.note}", style="" if row.holds else "red"), soft_wrap=True)
    held = sum(row.holds for row in rows)
    console.print(Text(f"{held} of {len(rows)} rows hold", style="green" if held == len(rows) else "red"))


def line(row: Row) -> str:
    """One row in a line, for those who wait."""
    return f"{row.what}: {'holds' if row.holds else 'DOES NOT HOLD'}: {row.measured}"


def _verdict(row: Row) -> Text:
    return Text("yes", "green") if row.holds else Text("NO", "bold red")
