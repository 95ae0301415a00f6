"""Medians and ratios that pass on what is no number. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median


def middle(values: Iterable[float]) -> float:
    """The median; not-a-number where there is nothing, or where one of them is none."""
    found = list(values)
    return median(found) if found and not any(map(math.isnan, found)) else math.nan


def ratio(mine: float, other: float) -> float:
    """How many times `other`; not-a-number where that is nothing."""
    return mine / other if other else math.nan


def times(value: float) -> str:
    """`1.06 x`."""
    return f"{value:.2f} x"
