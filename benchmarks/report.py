"""What a run says: tables for people, markdown for pages, JSON for scripts, and whether it failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from benchmarks.table import Table, Target
from worker.commands.output import print_line, print_table

TARGET_COLUMNS = ("target", "aim", "measured", "")
HOLDS, MISSED, UNKNOWN = "holds", "MISSED", "not measured"
COLOURS = {HOLDS: "green", MISSED: "bold red", UNKNOWN: "yellow"}


def verdict(target: Target) -> str:
    """Whether it holds, in a word or two."""
    if target.holds is None:
        return UNKNOWN
    return HOLDS if target.holds else MISSED


def measured(target: Target) -> str:
    """What came out, to three figures."""
    value = target.value
    if value is None:
        return ""
    if math.isnan(value):
        return "nothing came"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - four digits need no exponent


def target_rows(targets: Iterable[Target]) -> list[tuple[str, str, str, str]]:
    """As TARGET_COLUMNS say."""
    return [(each.what, each.aim, measured(each), verdict(each)) for each in targets]


def show(table: Table) -> None:
    """Print one table and its targets."""
    print_line(f"\n{table.title}", "bold")
    print_table(table.columns, table.rows)
    print_line("")
    rows = target_rows(table.targets)
    print_table(TARGET_COLUMNS, [(*row[:-1], Text(row[-1], COLOURS[row[-1]])) for row in rows])


def markdown(table: Table, about: Mapping[str, Any]) -> str:
    """A page of one table."""
    parts = [
        f"# {table.title}",
        sentence(about),
        _grid(table.columns, table.rows),
        _grid(TARGET_COLUMNS, target_rows(table.targets)),
        losses([table]).capitalize() + ".",
    ]
    if table.plot:
        parts.append(f"![{table.title}]({table.name}.png)")
    return "\n\n".join(parts) + "\n"


def sentence(about: Mapping[str, Any]) -> str:
    """What was run, and on what."""
    size = "" if about["scale"] == 1 else f", {about['scale']:g} of the full size"
    rounds = "One round" if about["rounds"] == 1 else f"Medians of {about['rounds']} rounds"
    return (
        f"{rounds}{size}; {about['processors']} processors, Python {about['python']}, "
        f"{about['redis']}; {about['date']}."
    )


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def as_json(table: Table, about: Mapping[str, Any]) -> dict[str, Any]:
    """One table's figures."""
    return {
        "name": table.name,
        "title": table.title,
        "about": dict(about),
        "columns": table.columns,
        "rows": table.rows,
        "targets": [{"what": t.what, "aim": t.aim, "value": t.value, "holds": t.holds} for t in table.targets],
        "lost": table.lost,
        "data": table.data,
    }


def losses(tables: Iterable[Table]) -> str:
    """What counts most: whether everything was delivered."""
    lost = sum(table.lost for table in tables)
    return f"{lost} deliveries were LOST" if lost else "nothing was lost"


def closing(tables: Sequence[Table]) -> str:
    """One sentence on all."""
    verdicts = [verdict(target) for table in tables for target in table.targets]
    words = {HOLDS: "held", MISSED: MISSED, UNKNOWN: UNKNOWN}
    counts = [f"{verdicts.count(each)} {word}" for each, word in words.items() if each in verdicts]
    return f"Of {len(verdicts)} targets: {', '.join(counts)}; {losses(tables)}."


def failed(tables: Iterable[Table], *, strict: bool = False) -> bool:
    """Whether a target is missed or a delivery lost; when strict, also whether a target was not measured."""
    tables = list(tables)
    bad = {MISSED, UNKNOWN} if strict else {MISSED}
    return any(table.lost for table in tables) or any(verdict(each) in bad for one in tables for each in one.targets)
