"""Writes what a run found to `benchmarks/results/`: for each table its page, its figures and its plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from benchmarks import plots
from benchmarks.report import as_json, markdown
from benchmarks.table import Table

FOLDER = Path(__file__).resolve().parent / "results"
QUICK = FOLDER / "quick"
"""Where a run of less than full size goes, so that it does not pass for one."""


def folder(scale: float) -> Path:
    """Where the results of a run of that size belong."""
    return FOLDER if scale >= 1 else QUICK


def write(table: Table, about: Mapping[str, Any], into: Path) -> None:
    """Replace this table's files; those of other tables stay."""
    into.mkdir(parents=True, exist_ok=True)
    data = orjson.dumps(as_json(table, about), option=orjson.OPT_INDENT_2, default=str)
    _replace(into / f"{table.name}.json", lambda path: path.write_bytes(data + b"\n"))
    _replace(into / f"{table.name}.md", lambda path: path.write_text(markdown(table, about), encoding="utf-8"))
    if table.plot:
        _replace(into / f"{table.name}.png", lambda path: plots.save(table, path))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"{path.name}.tmp")
    write(fresh)
    fresh.replace(path)
