"""The figures of a run, and what they come to: medians, ratios, targets. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

BARE, BELLHOP, PLAIN = "bare aiohttp + uvloop", "Bellhop", "plain Celery"
LEAST_X_BARE = 0.6
LEAST_X_PLAIN = 10.0
P50_MS, P99_MS = 5.0, 20.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """One measure of one round. `cpu_us` is processor time per delivery; `lost` and `doubled` count deliveries."""

    name: str
    deliveries: int
    per_s: float
    cpu_us: float
    lost: int = 0
    doubled: int = 0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long single events took from XADD to arrival, in milliseconds."""

    p50: float
    p95: float
    p99: float
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """One round's measures; None for those that were left out."""

    throughputs: tuple[Throughput, ...]
    latency: Latency | None = None

    def of(self, name: str) -> Throughput | None:
        """The measure of that name."""
        return next((each for each in self.throughputs if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Summary:
    """A measure over all rounds: medians, of the ratios to bare within each round too."""

    name: str
    deliveries: int
    per_s: float
    cpu_us: float
    x_bare: float | None
    x_bare_by_cpu: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at, what came out, and whether that holds; None where it was not measured."""

    what: str
    aim: str
    value: float | None
    holds: bool | None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(times_ms: Sequence[float], lost: int) -> Latency:
    """The percentiles of what arrived; not-a-number where nothing did."""
    if not times_ms:
        return Latency(math.nan, math.nan, math.nan, lost)
    return Latency(percentile(times_ms, 0.5), percentile(times_ms, 0.95), percentile(times_ms, 0.99), lost)


def summarised(rounds: Sequence[Round]) -> list[Summary]:
    """Every measure over all rounds, in the order in which they were taken."""
    return [_summary(first.name, rounds) for first in rounds[0].throughputs] if rounds else []


def _summary(name: str, rounds: Sequence[Round]) -> Summary:
    mine = [found for each in rounds if (found := each.of(name))]
    return Summary(
        name,
        mine[0].deliveries,
        median(each.per_s for each in mine),
        median(each.cpu_us for each in mine),
        ratio(rounds, name, BARE, by_rate),
        ratio(rounds, name, BARE, by_cpu),
    )


def ratio(
    rounds: Sequence[Round], name: str, other: str, compare: Callable[[Throughput, Throughput], float | None]
) -> float | None:
    """The median of `compare(name's, other's)` over the rounds that have both; None where none does."""
    pairs = [(a, b) for each in rounds if (a := each.of(name)) and (b := each.of(other))]
    found = [value for a, b in pairs if (value := compare(a, b)) is not None]
    return median(found) if found else None


def by_rate(mine: Throughput, other: Throughput) -> float | None:
    """How many times the other's deliveries per second."""
    return mine.per_s / other.per_s if other.per_s else None


def by_cpu(mine: Throughput, other: Throughput) -> float | None:
    """How many times less processor time per delivery than the other."""
    return other.cpu_us / mine.cpu_us if mine.cpu_us else None


def median_latency(rounds: Sequence[Round]) -> Latency | None:
    """Each percentile's median over the rounds."""
    found = [each.latency for each in rounds if each.latency]
    if not found:
        return None
    return Latency(
        median(each.p50 for each in found),
        median(each.p95 for each in found),
        median(each.p99 for each in found),
        sum(each.lost for each in found),
    )


def targets(rounds: Sequence[Round]) -> list[Target]:
    """What Bellhop aims at, and whether this run holds it."""
    idle = median_latency(rounds)
    return [
        _at_least("Bellhop by rate", LEAST_X_BARE, "x bare", ratio(rounds, BELLHOP, BARE, by_rate)),
        _at_least("Bellhop by processor time", LEAST_X_PLAIN, "x plain Celery", ratio(rounds, BELLHOP, PLAIN, by_cpu)),
        _at_most("idle p50", P50_MS, idle.p50 if idle else None),
        _at_most("idle p99", P99_MS, idle.p99 if idle else None),
    ]


def _at_least(what: str, least: float, unit: str, value: float | None) -> Target:
    return Target(what, f">= {least:g} {unit}", value, None if value is None else value >= least)


def _at_most(what: str, most_ms: float, value: float | None) -> Target:
    return Target(what, f"<= {most_ms:g} ms", value, None if value is None else value <= most_ms)


def lost(rounds: Sequence[Round]) -> int:
    """How many deliveries of Bellhop's did not come about."""
    throughputs = sum(mine.lost for each in rounds if (mine := each.of(BELLHOP)))
    return throughputs + sum(each.latency.lost for each in rounds if each.latency)
