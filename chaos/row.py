"""What a row is: a fault, a load, what must hold; and what a run of it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Say = Callable[[str], None]
FULL_LEASE_S, SHORT_LEASE_S = 15.0, 2.0
SHORT = 0.5
"""Below this scale leases are short: then recovery is shown, and not how long a default lease takes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, whether it does, and what was found."""

    what: str
    holds: bool
    found: str
    timing: bool = False
    """Whether it is a matter of time, and so of the machine: `make chaos` asks for it, no test does."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of a row found. `resumed_s`: how long until deliveries went on after the fault, in seconds."""

    events: int
    deliveries: int
    lost: int
    duplicates: int
    marked: int
    checks: tuple[Check, ...]
    resumed_s: float | None = None
    figures: dict[str, float | int | str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run: how large, where its files go, and whom to tell how it goes."""

    folder: Path
    scale: float
    say: Say

    @property
    def short(self) -> bool:
        """Whether this is a short form."""
        return self.scale < SHORT

    @property
    def lease_s(self) -> float:
        """How long leases last."""
        return SHORT_LEASE_S if self.short else FULL_LEASE_S

    def count(self, full: int, least: int = 1) -> int:
        """That many at full size, fewer in proportion."""
        return max(least, round(full * self.scale))

    def seconds(self, full: float, least: float) -> float:
        """So long at full size, shorter in proportion."""
        return max(least, full * self.scale) if self.short else full


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    fault: str
    load: str
    must_hold: str
    run: Callable[[Trial], Measured]
