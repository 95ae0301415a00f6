"""What is on record, as the feed compares it with what Redis has. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from worker.web.history_database import Database
from worker.web.history_values import NAME_CHARS, TIE_BITS, Standing, text

IN_SPAN: Final = """
SELECT apps.name, id, arrival FROM events JOIN apps ON apps.no = app WHERE arrival >= ? AND arrival < ?"""
LATEST: Final = """
SELECT apps.name, id, arrival FROM events JOIN apps ON apps.no = app ORDER BY arrival DESC LIMIT ?"""
OLDEST: Final = "SELECT arrival FROM events WHERE arrival < ? ORDER BY arrival LIMIT ?"
FIND: Final = """
SELECT deliveries.arrival, nth, place, state, attempts, finished_at, due_at
FROM events JOIN deliveries ON deliveries.arrival = events.arrival
  JOIN places ON places.no = place JOIN fates ON fates.no = fate
WHERE events.app = (SELECT no FROM apps WHERE name = ?) AND id = ? AND destination = ?"""
OPEN: Final = """
SELECT deliveries.arrival, nth, place, state, attempts, finished_at, due_at, apps.name, destination, id
FROM deliveries INDEXED BY deliveries_open JOIN events ON events.arrival = deliveries.arrival
  JOIN places ON places.no = place JOIN apps ON apps.no = places.app JOIN fates ON fates.no = fate
WHERE open AND (deliveries.arrival, nth) > (?, ?) ORDER BY deliveries.arrival, nth LIMIT ?"""


class Known(NamedTuple):
    """A delivery on record: its event's arrival, its place among that event's, its destination's number, its state."""

    arrival: int
    nth: int
    place: int
    state: str
    attempts: int
    finished_at: float | None
    due_at: float | None

    def stands(self, standing: Standing) -> bool:
        """Whether that is nothing new."""
        told = (standing.state, standing.attempts, standing.finished_at, standing.due_at)
        return told == (self.state, self.attempts, self.finished_at, self.due_at)


def count(database: Database) -> int:
    """How many events are on record."""
    return int(database.one("SELECT coalesce(sum(events), 0) FROM apps"))


def between(database: Database, low_ms: int, high_ms: int) -> dict[str, int]:
    """The arrivals of the events that came from `low_ms` to `high_ms`, both within, by name."""
    return _by_name(database.rows(IN_SPAN, low_ms << TIE_BITS, (high_ms + 1) << TIE_BITS))


def latest(database: Database, at_most: int) -> dict[str, int]:
    """The arrivals of the events that came last, by name."""
    return _by_name(database.rows(LATEST, at_most))


def oldest(database: Database, before_ms: int, at_most: int) -> list[int]:
    """The arrivals of the first events, of those that came before `before_ms`."""
    return [arrival for (arrival,) in database.rows(OLDEST, before_ms << TIE_BITS, at_most)]


def oldest_ms(database: Database) -> int:
    """When the first event on record came; 0 where there is none."""
    return int(database.one("SELECT min(arrival) FROM events") or 0) >> TIE_BITS


def find(database: Database, app: str, destination: str, event_id: str) -> Known | None:
    """A delivery on record."""
    row = database.row(FIND, app, event_id, text(destination, NAME_CHARS))
    return Known(*row) if row else None


def still_open(database: Database, after: tuple[int, int], at_most: int) -> list[tuple[Known, tuple[str, str, str]]]:
    """Deliveries that are not settled, beyond (arrival, nth); with app, destination and event id of each."""
    rows = database.rows(OPEN, *after, at_most)
    return [(Known(*known), (app, destination, event_id)) for *known, app, destination, event_id in rows]


def _by_name(rows: Iterable[tuple[Any, ...]]) -> dict[str, int]:
    return {f"{app}/{event_id}": arrival for app, event_id, arrival in rows}
