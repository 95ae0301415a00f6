"""What the growth measures found, and the ratios that it comes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.growth_apps import Lookup
from benchmarks.growth_backlog import Backlog
from benchmarks.growth_records import Left, Records
from benchmarks.growth_retries import Waiting
from benchmarks.ratios import middle, ratio


@dataclass(frozen=True, slots=True)
class Apps:
    """A round: lookups of ten apps, and deliveries to the same ten, where few and where many are configured."""

    few: Lookup
    many: Lookup
    few_us: float
    many_us: float


@dataclass(frozen=True, slots=True)
class Growth:
    """All figures of a run; `backlogs` and `apps` by round."""

    backlogs: Sequence[tuple[Backlog, Backlog]]
    many_apps: int
    apps: Sequence[Apps]
    waiting: Waiting
    records: Records
    left: Left

    @property
    def lost(self) -> int:
        """Deliveries that should have come about, or should wait, and did not and do not."""
        return self.records.lost + self.left.lost + max(0, self.many_apps - self.waiting.many)


def backlog_cpu(found: Growth) -> float:
    """Processor time per delivery with many waiting beside that with few: the median of the rounds' ratios."""
    return middle(ratio(many.us_each, few.us_each) for few, many in found.backlogs)


def backlog_memory(found: Growth) -> float:
    """The worker's peak with many waiting beside that with few."""
    return middle(ratio(many.peak_bytes, few.peak_bytes) for few, many in found.backlogs)


def lookup_cpu(found: Growth) -> float:
    """A lookup with many apps configured beside one with few; each app was seen before."""
    return middle(ratio(each.many.again_us, each.few.again_us) for each in found.apps)


def delivery_cpu(found: Growth) -> float:
    """A delivery to one of ten apps with many configured beside one with only those."""
    return middle(ratio(each.many_us, each.few_us) for each in found.apps)
