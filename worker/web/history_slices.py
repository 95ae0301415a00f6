"""Long work on the history in short transactions, so that the console's event loop is nobody's for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from worker.web.history_database import Database

SLICE_S: Final = 0.005
"""How long a transaction goes on; committing it takes about as long again, now and then twice."""


async def in_slices(database: Database, pieces: Iterator[object], rest: float = 0.0) -> None:
    """Run `pieces` to their end; in between others have their turn.

    `rest` is how long they have it at the least, as a share of what the slice took.
    """
    more = True
    while more:
        began = time.perf_counter()
        with database.transaction():
            more = _goes_on(pieces, began + SLICE_S)
        await asyncio.sleep((time.perf_counter() - began) * rest)


def _goes_on(pieces: Iterator[object], until: float) -> bool:
    return any(time.perf_counter() > until for _ in pieces)
