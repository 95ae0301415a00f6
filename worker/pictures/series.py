"""The points of a metric, put right: whatever a producer sent, what is left can be drawn. Light, and pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

DAY_S: Final = 86_400.0
BEFORE_S, AFTER_S = 400 * DAY_S, 2 * DAY_S
"""Points further from the trigger than this are mistakes (seconds for milliseconds, a clock at 1970)."""
LAST_S: Final = 253_402_300_799.0 - AFTER_S
"""The end of the year 9999 and room for a margin, in epoch seconds."""
LARGEST: Final = 1e300
"""No number that is drawn is larger, so that differences of two stay numbers."""
SHORTEST_S: Final = 120.0
"""The time axis shows two minutes at the least."""
MARGIN: Final = 0.04
ROOM: Final = 0.1
FLAT, FLAT_ROOM = 1e-6, 0.05
"""What moves by less than this part of itself is a straight line, with so much room around it."""
BASE: Final = 0.5
"""Values that go down to less than this part of the highest are shown from zero on."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the axes show."""

    left: float
    """Epoch seconds."""
    right: float
    bottom: float
    top: float


def moment(at: float) -> float:
    """`at` where it lies within the years that calendars have, else the nearest of them."""
    return min(max(0.0, at), LAST_S) if math.isfinite(at) else 0.0


def number(value: float | None) -> float | None:
    """`value`, not larger than can be drawn; None where there is none."""
    if value is None or math.isnan(value):
        return None
    return min(max(value, -LARGEST), LARGEST)


def cleaned(points: Iterable[Point], at: float) -> list[Point]:
    """The points that can be drawn, oldest first, with later ones of the same second kept in their order."""
    sound = [(when, value) for when, value in points if math.isfinite(when) and math.isfinite(value)]
    near = [(when, number(value) or 0.0) for when, value in sound if -BEFORE_S <= when - at <= AFTER_S and when >= 0]
    return sorted(near, key=lambda point: point[0])


def thinned(points: list[Point], columns: int) -> list[Point]:
    """At most `4 * columns` of the points that draw the same line: of each column first, lowest, highest and last."""
    if len(points) <= 4 * columns:
        return points
    first, span = points[0][0], points[-1][0] - points[0][0]
    kept: list[Point] = []
    for _, group in groupby(points, key=lambda point: int((point[0] - first) / span * columns) if span else 0):
        column = list(group)
        numbered = sorted(range(len(column)), key=lambda n: column[n][1])
        kept += [column[n] for n in sorted({0, numbered[0], numbered[-1], len(column) - 1})]
    return kept


def window_of(window_s: float | None, at: float, first: float) -> float | None:
    """From when on was measured what triggered, as far as there are points of it; None where that cannot be shown."""
    if window_s is None or not window_s > 0:
        return None
    begin = max(at - window_s, first)
    return begin if begin < at else None


def frame_of(points: list[Point], at: float, window: float | None, marks: Iterable[float | None]) -> Frame:
    """Axes that hold all points, the trigger, the window and every mark (threshold, value)."""
    left = min(points[0][0], at, at if window is None else window)
    right = max(points[-1][0], at)
    missing = max(0.0, SHORTEST_S - (right - left)) / 2
    left, right = left - missing, right + missing
    margin = (right - left) * MARGIN
    bottom, top = _height([value for _, value in points] + [mark for mark in marks if mark is not None])
    return Frame(left, right + margin, bottom, top)


def _height(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if 0 <= low < BASE * high:
        low = 0.0
    largest = max(abs(low), abs(high))
    room = (high - low) * ROOM if high - low > largest * FLAT else largest * FLAT_ROOM or 1.0
    return (low if low == 0.0 <= high and high > 0 else low - room), high + room
