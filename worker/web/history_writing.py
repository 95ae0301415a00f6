"""What goes into the history: events with their points and deliveries, what becomes of them, and what is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from worker.models import Event, Metric
from worker.web.history_database import Database
from worker.web.history_known import Known
from worker.web.history_values import (
    LAST_MS,
    NAME_CHARS,
    OPEN,
    TIES,
    Found,
    Standing,
    event_columns,
    key_of,
    milliseconds,
    next_key,
    number,
    points_of,
    text,
)

ADD_EVENT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ADD_DELIVERY: Final = "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
CHANGE_DELIVERY: Final = """
UPDATE deliveries SET fate = ?, open = ?, attempts = ?, status_code = ?, first_attempt_at = ?, finished_at = ?,
  due_at = ?, elapsed_ms = ?, ambiguous = ?, detail = ? WHERE arrival = ? AND nth = ?"""
KNOWN: Final = "SELECT arrival FROM events WHERE app = ? AND id = ?"
NEWER_POINT: Final = "INSERT INTO points VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
OLDER_POINT: Final = "INSERT INTO points VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
ABOUT_METRIC: Final = """
UPDATE metrics SET unit = ?, aggregation = ?, comparator = ?, window_s = ?, newest = ? WHERE no = ?"""
SUCCESS: Final = "UPDATE places SET last_success = max(coalesce(last_success, 0), ?) WHERE no = ?"


def write_event(database: Database, found: Found) -> None:
    """An event and its deliveries, in the place of what was known under its name."""
    app = database.app(found.event.app)
    before = database.one(KNOWN, app, found.event.id)
    if before is not None:
        forget(database, before)
    arrival = _add_event(database, app, found)
    rows = []
    for nth, ((destination, channel), standing) in enumerate(zip(found.to, found.standings, strict=True)):
        place = database.place(app, text(destination, NAME_CHARS), text(channel, NAME_CHARS))
        rows.append((arrival, nth, place, *_standing(database, standing)))
        _note_success(database, place, standing)
    database.run_each(ADD_DELIVERY, rows)


def write_standing(database: Database, known: Known, standing: Standing) -> None:
    """What became of a delivery that is on record."""
    database.run(CHANGE_DELIVERY, *_standing(database, standing), known.arrival, known.nth)
    _note_success(database, known.place, standing)


def forget(database: Database, arrival: int) -> None:
    """An event that Redis has forgotten, with its deliveries, and the points of which nobody speaks any more."""
    metric = database.one("SELECT metric FROM events WHERE arrival = ?", arrival)
    database.run("DELETE FROM events WHERE arrival = ?", arrival)
    if metric is not None:
        _trim(database, metric)


def _add_event(database: Database, app: int, found: Found) -> int:
    event = found.event
    key, arrival = (key_of(ms, event.app, event.id) for ms in (milliseconds(event.occurred_at), found.arrived_ms))
    points = points_of(event)
    metric = _metric(database, app, event.metric, key, points) if event.metric else None
    about = (*event_columns(event), metric, *_measured(event), min((at for at, _ in points), default=None))
    # As many as there can be in a millisecond: then there is no number left, and SQLite's own error is the truth.
    for _ in range(TIES):
        try:
            database.run(ADD_EVENT, key, arrival, app, *about)
        except sqlite3.IntegrityError:
            key, arrival = next_key(key), next_key(arrival)
        else:
            break
    return arrival


def _measured(event: Event) -> tuple[float | None, str, float | None]:
    if event.metric is None:
        return None, "", None
    return number(event.metric.value), text(event.metric.comparator, NAME_CHARS), number(event.metric.threshold)


def _metric(database: Database, app: int, metric: Metric, key: int, points: Sequence[tuple[int, float]]) -> int:
    """Write a metric's points; where two events differ about one, the newer event is right."""
    no = database.metric(app, text(metric.name, NAME_CHARS))
    newer = key >= database.one("SELECT newest FROM metrics WHERE no = ?", no)
    if newer:
        words = (text(word, NAME_CHARS) for word in (metric.unit, metric.aggregation, metric.comparator))
        database.run(ABOUT_METRIC, *words, number(metric.window_s), key, no)
    database.run_each(NEWER_POINT if newer else OLDER_POINT, ((no, at, value) for at, value in points))
    return no


def _trim(database: Database, metric: int) -> None:
    """Take away the points from before those that an event on record brought."""
    if database.one("SELECT 1 FROM events WHERE metric = ? LIMIT 1", metric) is None:
        database.forget_metric(metric)
        return
    since = database.one("SELECT min(points_from) FROM events WHERE metric = ? AND points_from IS NOT NULL", metric)
    database.run("DELETE FROM points WHERE metric = ? AND at < ?", metric, LAST_MS + 1 if since is None else since)


def _standing(database: Database, standing: Standing) -> tuple[object, ...]:
    state, reason, *told = standing
    return (database.fate(state, reason), state in OPEN, *told)


def _note_success(database: Database, place: int, standing: Standing) -> None:
    at = standing.finished_at
    if standing.state == "delivered" and at is not None and at > database.successes.get(place, 0.0):
        database.successes[place] = at
        database.run(SUCCESS, at, place)
