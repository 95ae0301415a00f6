"""An app's metrics on the time axis: points, and what was alerted and told when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from worker.web.history_database import Database
from worker.web.history_rows import Marker, Metric
from worker.web.history_values import KINDS, NAME_CHARS, TIE_BITS, first_key, seconds, text

MOST_METRICS, MOST_MARKED = 50, 100
Points = Sequence[tuple[float, float]]

METRICS: Final = """
SELECT no, name, unit, aggregation, comparator, window_s FROM metrics
WHERE app = ? AND newest >= ? AND (? = '' OR name = ?) ORDER BY newest DESC LIMIT ?"""
POINTS: Final = "SELECT at / 1000.0, value FROM points WHERE metric = ? AND at >= ? AND at < ? ORDER BY at"
ANY: Final = """
SELECT 1 WHERE EXISTS (SELECT 1 FROM events WHERE metric = ? AND key >= ? AND key < ?)
  OR EXISTS (SELECT 1 FROM points WHERE metric = ? AND at >= ? AND at < ?)"""
ALERTS: Final = """
SELECT key, kind, id, title, value, threshold FROM events
WHERE metric = ? AND key >= ? AND key < ? ORDER BY key DESC LIMIT ?"""
TOLD: Final = """
SELECT finished_at, id, title, kind, value, destination, channel
FROM events JOIN deliveries ON deliveries.arrival = events.arrival JOIN places ON no = place
WHERE metric = ? AND key >= ? AND key < ? AND finished_at >= ? AND finished_at < ?
  AND fate IN (SELECT no FROM fates WHERE state = 'delivered')"""


def series(
    database: Database, app: str, since: float, until: float, *, name: str = "", most_points: int = 2000
) -> Iterator[Metric]:
    """The app's metrics of which there is anything in the span, the one that was alerted last first."""
    low, high = first_key(since), first_key(until)
    for row in _rows(database, app, low, name):
        metric = _metric(database, row, low, high, most_points)
        if metric.points or metric.markers:
            yield metric


def names(database: Database, app: str, since: float, until: float) -> list[str]:
    """Their names."""
    low, high = first_key(since), first_key(until)
    span = (low >> TIE_BITS, high >> TIE_BITS)
    return [name for no, name, *_ in _rows(database, app, low) if database.row(ANY, no, low, high, no, *span)]


def _rows(database: Database, app: str, low: int, name: str = "") -> list[tuple[Any, ...]]:
    numbers, name = database.apps([app]) or [], text(name, NAME_CHARS)
    return [row for no in numbers for row in database.rows(METRICS, no, low, name, name, MOST_METRICS)]


def thin(points: Points, most: int) -> Points:
    """About `most` points that have the same outline: the lowest and the highest of each stretch, in their order."""
    if len(points) <= most:
        return points
    stretch = -(-len(points) * 2 // most)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        kept += sorted({min(part, key=_value), max(part, key=_value)})
    return kept


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _metric(database: Database, row: tuple[Any, ...], low: int, high: int, most_points: int) -> Metric:
    no, name, unit, aggregation, comparator, window_s = row
    points = database.rows(POINTS, no, low >> TIE_BITS, high >> TIE_BITS)
    alerts = database.rows(ALERTS, no, low, high, MOST_MARKED + 1)
    marked = alerts[:MOST_MARKED]
    told = database.rows(TOLD, no, marked[-1][0], high, seconds(low), seconds(high)) if marked else []
    markers = [*map(_alerted, marked), *map(_told, told)]
    return Metric(
        name=name,
        unit=unit,
        aggregation=aggregation,
        comparator=comparator,
        window_s=window_s,
        thresholds=tuple(sorted({alert[-1] for alert in alerts if alert[-1] is not None})),
        points=tuple(thin(points, max(2, most_points))),
        markers=tuple(sorted(markers, key=lambda marker: marker.at)),
        thinned=len(points) > max(2, most_points),
        more_markers=len(alerts) > MOST_MARKED,
    )


def _alerted(row: tuple[Any, ...]) -> Marker:
    key, kind, event_id, title, value, _ = row
    severity, status = KINDS[kind]
    return Marker(seconds(key), status, event_id, title, severity, value)


def _told(row: tuple[Any, ...]) -> Marker:
    at, event_id, title, kind, value, destination, channel = row
    return Marker(at, "told", event_id, title, KINDS[kind][0], value, destination, channel)
