"""What the console's history answers with, and what it is asked by. Plain values; times are epoch seconds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from worker.models import DeliveryId

Apps = Collection[str] | None
"""The apps that whoever asks may see; None for all."""


def only(app: str | None, visible: Apps) -> Apps:
    """The apps that are asked for and may be seen."""
    if app is None:
        return visible
    return {app} if visible is None or app in visible else set()


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event. `at` is when it occurred by its producer's word, `arrived_at` when it was dispatched."""

    app: str
    id: str
    at: float
    arrived_at: float
    severity: str
    status: str
    title: str
    message: str
    """Its beginning; `bellhop deliveries show` has all of it."""
    rule: str
    source: str
    tags: Mapping[str, str]
    condition: str
    """The digest of its dedup key: the same on firing and resolved."""
    metric: str
    """The name of its metric; empty where it has none."""
    unit: str
    value: float | None
    comparator: str
    threshold: float | None
    cursor: int
    """For `before`: where the next page begins."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A bar of the histogram: from `at` for `width_s` seconds, `counts` by (severity, status) of what there is."""

    at: float
    width_s: float
    counts: Mapping[tuple[str, str], int]

    @property
    def total(self) -> int:
        """All events of the slot."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment on a metric's chart: its alarm is `firing` or `resolved`, or a destination was `told` of it."""

    at: float
    kind: str
    event_id: str
    title: str
    severity: str
    value: float | None = None
    destination: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of an app within a span: points and markers, oldest first."""

    name: str
    unit: str
    aggregation: str
    comparator: str
    window_s: float | None
    thresholds: tuple[float, ...]
    """Of the alerts that are marked, each once."""
    points: tuple[tuple[float, float], ...]
    markers: tuple[Marker, ...]
    thinned: bool = False
    """Whether there are more points than these, which then are the lowest and highest of each stretch."""
    more_markers: bool = False
    """Whether older alerts of the span are not marked."""


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries; what is empty does not filter. `since` and `until` go by when their event arrived."""

    visible: Apps = None
    app: str = ""
    destination: str = ""
    channel: str = ""
    state: str = ""
    """`owed`, `retrying`, or an outcome: `delivered`, `failed`, `skipped`."""
    reason: str = ""
    since: float = 0.0
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery as it stands. `elapsed_ms` is from its first attempt's beginning to its last one's end."""

    app: str
    event_id: str
    title: str
    severity: str
    status: str
    arrived_at: float
    destination: str
    channel: str
    state: str
    reason: str
    attempts: int
    status_code: int | None
    first_attempt_at: float | None
    finished_at: float | None
    due_at: float | None
    elapsed_ms: float | None
    ambiguous: bool
    detail: str
    cursor: tuple[int, int]
    """For `before`: where the next page begins."""

    @property
    def reference(self) -> DeliveryId:
        """As replay and the ledger name it."""
        return DeliveryId(self.channel, self.app, self.destination, self.event_id)


@dataclass(frozen=True, slots=True)
class AppCounts:
    """What is on record of an app: its events, when the latest occurred, and its deliveries by state."""

    app: str
    events: int
    latest_at: float
    deliveries: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Health:
    """How a destination does: deliveries by reason of events that arrived in the last hour and day, and how quick."""

    last_success_at: float | None = None
    p95_ms: float | None = None
    """Of the day's latest deliveries that arrived; None where none did."""
    owed: int = 0
    last_hour: Mapping[str, int] = field(default_factory=dict)
    last_day: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feeding:
    """How far the history is: it has `events` of the `kept` on Redis, which has been away since `away_since`."""

    events: int = 0
    kept: int = 0
    complete: bool = False
    away_since: float | None = None
