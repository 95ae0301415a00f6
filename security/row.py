"""What a part of the figures gives back: lines of the table, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was tried, what must come of it, and what did."""

    what: str
    """`address forms that must not pass`."""
    aim: str
    """`>= 200 tried, 0 pass`."""
    measured: str
    """`341 tried, 0 passed`."""
    holds: bool
    note: str = ""


Measure = Callable[[float, Say], list[Row]]
"""(scale, say) -> rows; blocking. 1 is the full size, 0.01 the short form; `say` shows how it goes."""
