"""What each measure comes to: a table, what it aims at, and the plot of it. Values only; who shows them is another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at, what came out, and whether that holds; None where it was not measured."""

    what: str
    aim: str
    value: float | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """One measure's figures as people read them; `data` has them as JSON can hold them, `lost` counts deliveries."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    targets: tuple[Target, ...]
    lost: int = 0
    data: Any = None
    plot: Callable[[Figure], None] | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How long a run may take: its rounds, and the share (0 to 1) of the full size."""

    rounds: int
    scale: float = 1.0

    def of(self, full: int, least: int = 1) -> int:
        """`full` scaled, but no less than `least`."""
        return max(least, round(full * self.scale))


def at_least(what: str, least: float, unit: str, value: float | None) -> Target:
    """More is better."""
    return Target(what, f">= {least:g} {unit}", value, None if value is None else value >= least)


def at_most(what: str, most: float, unit: str, value: float | None) -> Target:
    """Less is better; what is no number does not hold."""
    return Target(what, f"<= {most:g} {unit}", value, None if value is None else value <= most)
