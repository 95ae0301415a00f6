"""How destinations do, and what is on record of each app."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from worker.web.history_database import Database
from worker.web.history_rows import AppCounts, Health
from worker.web.history_values import NAME_CHARS, first_key, seconds, text

HOUR_S, DAY_S = 3600.0, 86_400.0
MOST_TIMED: Final = 1000
"""Of so many of the day's latest deliveries the 95th percentile is taken."""

PLACES: Final = """
SELECT places.no, last_success FROM places JOIN apps ON apps.no = app WHERE name = ? AND destination = ?"""
REASONS: Final = """
SELECT reason, count(*) FROM deliveries INDEXED BY deliveries_by_place JOIN fates ON no = fate
WHERE place = ? AND arrival >= ? AND reason <> '' GROUP BY reason"""
TIMES: Final = """
SELECT arrival, elapsed_ms FROM deliveries INDEXED BY deliveries_by_place
WHERE place = ? AND arrival >= ? AND elapsed_ms IS NOT NULL
  AND fate IN (SELECT no FROM fates WHERE state = 'delivered') ORDER BY arrival DESC LIMIT ?"""
OPEN: Final = """
SELECT coalesce(sum(count), 0) FROM tallies JOIN fates ON no = fate
WHERE place = ? AND state IN ('owed', 'retrying')"""
APPS: Final = "SELECT no, name, events, latest FROM apps WHERE events > 0 ORDER BY name"
STATES: Final = """
SELECT app, state, sum(count) FROM tallies JOIN places ON places.no = place JOIN fates ON fates.no = fate
WHERE count > 0 GROUP BY app, state"""


def destination_health(database: Database, app: str, destination: str, now: float) -> Health:
    """How one destination does; `now` is in epoch seconds."""
    places = database.rows(PLACES, text(app, NAME_CHARS), text(destination, NAME_CHARS))
    numbers = [no for no, _ in places]
    return Health(
        last_success_at=max((at for _, at in places if at is not None), default=None),
        p95_ms=_p95(database, numbers, now - DAY_S),
        owed=sum(database.one(OPEN, no) for no in numbers),
        last_hour=_reasons(database, numbers, now - HOUR_S),
        last_day=_reasons(database, numbers, now - DAY_S),
    )


def apps(database: Database, visible: Collection[str] | None) -> list[AppCounts]:
    """Each app of which an event is on record, by name."""
    states: dict[int, dict[str, int]] = {}
    for app, state, deliveries in database.rows(STATES):
        states.setdefault(app, {})[state] = deliveries
    return [
        AppCounts(name, events, seconds(latest), states.get(no, {}))
        for no, name, events, latest in database.rows(APPS)
        if visible is None or name in visible
    ]


def _reasons(database: Database, places: Sequence[int], since: float) -> Mapping[str, int]:
    counted: Counter[str] = Counter()
    for place in places:
        counted.update(dict(database.rows(REASONS, place, first_key(since))))
    return dict(counted)


def _p95(database: Database, places: Sequence[int], since: float) -> float | None:
    """The smallest time that 95 of 100 do not exceed."""
    low = first_key(since)
    rows = [row for place in places for row in database.rows(TIMES, place, low, MOST_TIMED)]
    times = sorted(elapsed for _, elapsed in sorted(rows, reverse=True)[:MOST_TIMED])
    return times[math.ceil(0.95 * len(times)) - 1] if times else None
