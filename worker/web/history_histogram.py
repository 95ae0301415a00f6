"""How many events there are in each stretch of time, by severity and status."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from worker.web.history_database import Database
from worker.web.history_events import EventFilter, searched, streams
from worker.web.history_rows import Slot
from worker.web.history_values import KINDS, TIE_BITS

MOST_SLOTS: Final = 500
MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 365 * 86_400
WIDTHS_S: Final[tuple[int, ...]] = (
    *(1, 2, 5, 10, 15, 30),
    *(MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 7 * DAY, 30 * DAY),
    *(YEAR, 3 * YEAR, 10 * YEAR, 30 * YEAR, 100 * YEAR, 200 * YEAR),
)

OF_APP: Final = "SELECT count(*) FROM events WHERE kind = ? AND key >= ? AND key < ? AND app = ?"
OF_KIND: Final = "SELECT count(*) FROM events WHERE kind = ? AND key >= ? AND key < ?"
OF_MANY: Final = "SELECT count(*) FROM events WHERE kind = ? AND key >= ? AND key < ? AND app IN wanted_apps"

Counts = Counter[tuple[int, int]]
"""Events by slot and kind."""


def histogram(database: Database, wanted: EventFilter, slots: int) -> list[Slot]:
    """The whole span in slots that begin at round times, the empty ones too, and no more than `slots` of them."""
    if wanted.low >= wanted.high:
        return []
    width = slot_width(wanted.low >> TIE_BITS, wanted.high >> TIE_BITS, max(1, min(slots, MOST_SLOTS)))
    step = (width * 1000) << TIE_BITS
    first, behind = wanted.low // step, -(-wanted.high // step)
    counted = Counts()
    if not wanted.is_empty:
        count = _count_searched if wanted.text else _count
        counted = count(database, wanted, step)
    by_slot: dict[int, dict[tuple[str, str], int]] = {}
    for (slot, kind), events in counted.items():
        by_slot.setdefault(slot, {})[KINDS[kind]] = events
    return [Slot(float(slot * width), float(width), by_slot.get(slot, {})) for slot in range(first, behind)]


def slot_width(since_ms: int, until_ms: int, slots: int) -> int:
    """The shortest round number of seconds of which `slots` cover the span, as it lies; in years if need be."""
    widths = [width for width in WIDTHS_S if _covering(since_ms, until_ms, width * 1000) <= slots]
    return next(iter(widths), WIDTHS_S[-1])


def _covering(since: int, until: int, width: int) -> int:
    return -(-until // width) - since // width


def _count(database: Database, wanted: EventFilter, step: int) -> Counts:
    """Counting in an index, slot by slot, is much faster than grouping what is in it."""
    counted = Counts()
    low = wanted.low
    while low < wanted.high:
        high = min(wanted.high, (low // step + 1) * step)
        for kind, sql, values in streams(database, replace(wanted, low=low, high=high), (OF_APP, OF_KIND, OF_MANY)):
            if events := database.one(sql, *values):
                counted[low // step, kind] += events
        low = high
    return counted


def _count_searched(database: Database, wanted: EventFilter, step: int) -> Counts:
    return Counts((key // step, kind) for key, kind in searched(database, wanted, -1))
