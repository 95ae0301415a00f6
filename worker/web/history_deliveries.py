"""Lists of deliveries, newest event first, read along whichever index leads to them soonest."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any, Final

from worker.web.history_database import Database
from worker.web.history_rows import DeliveryFilter, DeliveryRow, only
from worker.web.history_values import KINDS, NAME_CHARS, first_key, seconds, text

MOST_DESTINATIONS: Final = 2**31
MOST_STREAMS: Final = 64
"""So many destinations or fates are read one by one and merged; more are looked for among all deliveries."""

PLACES: Final = """
SELECT no FROM places WHERE (? OR app IN wanted_apps) AND (? = '' OR destination = ?) AND (? = '' OR channel = ?)"""
FATES: Final = "SELECT no FROM fates WHERE (? = '' OR state = ?) AND (? = '' OR reason = ?)"
IN_PLACES: Final = "SELECT coalesce(sum(count), 0) FROM tallies WHERE place IN wanted_places"
WITH_FATES: Final = "SELECT coalesce(sum(count), 0) FROM tallies WHERE fate IN wanted_fates"
OF_PLACE: Final = """
SELECT arrival, nth FROM deliveries WHERE place = ? AND arrival >= ? AND (arrival, nth) < (?, ?)
AND (? OR place IN wanted_places) AND (? OR fate IN wanted_fates) ORDER BY arrival DESC, nth DESC LIMIT ?"""
OF_FATE: Final = """
SELECT arrival, nth FROM deliveries WHERE fate = ? AND arrival >= ? AND (arrival, nth) < (?, ?)
AND (? OR place IN wanted_places) AND (? OR fate IN wanted_fates) ORDER BY arrival DESC, nth DESC LIMIT ?"""
OF_ALL: Final = """
SELECT arrival, nth FROM deliveries WHERE ? = 0 AND arrival >= ? AND (arrival, nth) < (?, ?)
AND (? OR place IN wanted_places) AND (? OR fate IN wanted_fates) ORDER BY arrival DESC, nth DESC LIMIT ?"""
ROW: Final = """
SELECT apps.name, id, title, kind, deliveries.arrival, nth, destination, channel, state, reason, attempts, status_code,
  first_attempt_at, finished_at, due_at, elapsed_ms, ambiguous, detail
FROM deliveries JOIN events ON events.arrival = deliveries.arrival JOIN places ON places.no = place
  JOIN apps ON apps.no = places.app JOIN fates ON fates.no = fate
WHERE deliveries.arrival = ? AND nth = ?"""

Numbers = Sequence[int] | None
"""Of destinations or fates; None for all."""


def find(
    database: Database, wanted: DeliveryFilter, limit: int, before: tuple[int, int] | None = None
) -> list[DeliveryRow]:
    """The deliveries that pass, those of the latest event first."""
    places, fates = _places(database, wanted), _fates(database, wanted)
    high = (first_key(wanted.until), 0)
    span = (first_key(wanted.since), *max((0, 0), min(high, _within(before or high))))
    if places == [] or fates == []:
        return []
    values = (*span, places is None, fates is None, limit)
    sql, streams = _along(database, places, fates)
    keys = heapq.nlargest(limit, (key for no in streams for key in database.rows(sql, no, *values)))
    rows = (database.row(ROW, *key) for key in keys)
    return [_delivery(row) for row in rows if row]


def _places(database: Database, wanted: DeliveryFilter) -> Numbers:
    apps = database.apps(only(wanted.app or None, wanted.visible))
    if apps is None and not (wanted.destination or wanted.channel):
        return None
    database.want("wanted_apps", apps or ())
    words = _twice(wanted.destination, wanted.channel)
    return _numbers(database, "wanted_places", database.rows(PLACES, apps is None, *words))


def _fates(database: Database, wanted: DeliveryFilter) -> Numbers:
    if not (wanted.state or wanted.reason):
        return None
    return _numbers(database, "wanted_fates", database.rows(FATES, *_twice(wanted.state, wanted.reason)))


def _twice(*words: str) -> list[str]:
    """As the queries take them: whether there is one, and which."""
    return [text(word, NAME_CHARS) for word in words for _ in range(2)]


def _within(cursor: tuple[int, int]) -> tuple[int, int]:
    """A cursor that anybody may have typed, as numbers that SQLite can bear."""
    arrival, nth = cursor
    return arrival, max(0, min(nth, MOST_DESTINATIONS))


def _numbers(database: Database, table: str, rows: Iterable[tuple[Any, ...]]) -> list[int]:
    found = [no for (no,) in rows]
    database.want(table, found)
    return found


def _along(database: Database, places: Numbers, fates: Numbers) -> tuple[str, Sequence[int]]:
    """The query and whose rows it is to read: of the destinations or of the fates, whichever are fewer, or of all."""
    ways: list[tuple[int, str, Sequence[int]]] = []
    if places is not None and len(places) <= MOST_STREAMS:
        ways.append((database.one(IN_PLACES), OF_PLACE, places))
    if fates is not None and len(fates) <= MOST_STREAMS:
        ways.append((database.one(WITH_FATES), OF_FATE, fates))
    _, sql, streams = min(ways, default=(0, OF_ALL, (0,)))
    return sql, streams


def _delivery(row: tuple[Any, ...]) -> DeliveryRow:
    app, event_id, title, kind, arrival, nth, destination, channel, state, reason, attempts, status_code, *rest = row
    first_attempt_at, finished_at, due_at, elapsed_ms, ambiguous, detail = rest
    severity, status = KINDS[kind]
    return DeliveryRow(
        app=app,
        event_id=event_id,
        title=title,
        severity=severity,
        status=status,
        arrived_at=seconds(arrival),
        destination=destination,
        channel=channel,
        state=state,
        reason=reason,
        attempts=attempts,
        status_code=status_code,
        first_attempt_at=first_attempt_at,
        finished_at=finished_at,
        due_at=due_at,
        elapsed_ms=elapsed_ms,
        ambiguous=bool(ambiguous),
        detail=detail,
        cursor=(arrival, nth),
    )
