"""Runs rows, each in a folder of its own, and turns whatever goes wrong into a row that does not hold."""

from __future__ import annotations

import time
from pathlib import Path

from chaos.report import Done
from chaos.row import Row, Say, Trial


def run(row: Row, folder: Path, scale: float, say: Say) -> Done:
    """Run one row; what it leaves behind (logs, Redis' data) is in `folder` / its name."""
    place = folder / row.name
    place.mkdir(parents=True)
    began = time.monotonic()
    try:
        found = row.run(Trial(place, scale, lambda text: say(f"{row.name}: {text}")))
    except Exception as error:  # noqa: BLE001 - the other rows are still to be run
        return Done(row, time.monotonic() - began, problem=f"{type(error).__name__}: {error}")
    return Done(row, time.monotonic() - began, found)
