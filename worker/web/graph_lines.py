"""A metric's points as a line that does not claim to know what nobody measured. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

GAP: Final = 5
"""Where the next point is so many times later than usual, the line ends and another begins."""

Points = Sequence[tuple[float, float]]
"""(Epoch seconds, value) pairs, oldest first."""


def broken(points: Points) -> tuple[list[int], list[float | None]]:
    """Times in epoch milliseconds and values, with a value of None within each gap."""
    longest = _longest_step(points)
    times: list[int] = []
    values: list[float | None] = []
    for at, value in points:
        at_ms = round(at * 1000)
        if times and at_ms - times[-1] > longest:
            times.append((times[-1] + at_ms) // 2)
            values.append(None)
        times.append(at_ms)
        values.append(value)
    return times, values


def bounds(points: Points) -> tuple[float, float]:
    """The lowest and the highest value; ValueError where there is no point."""
    values = [value for _, value in points]
    return min(values), max(values)


def _longest_step(points: Points) -> float:
    steps = [(later[0] - earlier[0]) * 1000 for earlier, later in pairwise(points)]
    return median(steps) * GAP if steps else 0.0
