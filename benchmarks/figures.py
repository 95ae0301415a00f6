"""Figures and what they come to: percentiles, medians, ratios within each round. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Throughput:
    """One measure of one round.

    `…_us` is processor time per delivery; `lost` and `doubled` count deliveries. `others` is how many processors'
    worth of time programs took that do not belong to the run: a busy machine gives poor rates.
    """

    name: str
    deliveries: int
    per_s: float
    cpu_us: float
    lost: int = 0
    doubled: int = 0
    redis_us: float = 0.0
    sink_us: float = 0.0
    bench_us: float = 0.0
    others: float = 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long events took, in milliseconds."""

    p50: float
    p95: float
    p99: float
    worst: float
    lost: int = 0


QUIET = 0.15
"""More than that of a processor taken by others is worth a word."""

Round = Mapping[str, Throughput]
"""One round's measures by their names; those that were left out are not in it."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(times_ms: Sequence[float], lost: int) -> Latency:
    """The percentiles of what arrived; not-a-number where nothing did."""
    if not times_ms:
        return Latency(math.nan, math.nan, math.nan, math.nan, lost)
    p50, p95, p99 = (percentile(times_ms, share) for share in (0.5, 0.95, 0.99))
    return Latency(p50, p95, p99, max(times_ms), lost)


def median_latency(found: Sequence[Latency]) -> Latency:
    """Each percentile's median; the losses' sum."""
    return Latency(
        median(each.p50 for each in found),
        median(each.p95 for each in found),
        median(each.p99 for each in found),
        median(each.worst for each in found),
        sum(each.lost for each in found),
    )


def median_of(rounds: Iterable[Round], name: str, figure: Callable[[Throughput], float]) -> float | None:
    """The median of one figure over the rounds that have that measure."""
    found = [figure(each[name]) for each in rounds if name in each]
    return median(found) if found else None


def median_ratio(
    rounds: Iterable[Round], name: str, other: str, compare: Callable[[Throughput, Throughput], float | None]
) -> float | None:
    """The median of `compare(name's, other's)` over the rounds that have both; None where none does."""
    pairs = [(each[name], each[other]) for each in rounds if name in each and other in each]
    found = [value for mine, its in pairs if (value := compare(mine, its)) is not None]
    return median(found) if found else None


def rate_ratio(mine: Throughput, other: Throughput) -> float | None:
    """How many times the other's deliveries per second."""
    return mine.per_s / other.per_s if other.per_s else None


def cpu_ratio(mine: Throughput, other: Throughput) -> float | None:
    """How many times the other's processor time per delivery: less is better."""
    return mine.cpu_us / other.cpu_us if other.cpu_us and mine.cpu_us else None


def machine_note(others: float) -> str:
    """A word on a machine that was busy with something else, by how many processors' worth; none where it was not."""
    return f"other programs took {others:.1f} processors" if others > QUIET else ""
