"""Lists of events, newest first, and how many there are in each stretch of time."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from worker.web.history_database import Database
from worker.web.history_rows import EventRow
from worker.web.history_search import match_of, patterns_of
from worker.web.history_values import KINDS, first_key, seconds

FEW_APPS: Final = 32
"""So many are asked one by one, each by its own index; more are looked for among all."""

KEYS_OF_APP: Final = """
SELECT key FROM events WHERE kind = ? AND key >= ? AND key < ? AND app = ? ORDER BY key DESC LIMIT ?"""
KEYS_OF_KIND: Final = "SELECT key FROM events WHERE kind = ? AND key >= ? AND key < ? ORDER BY key DESC LIMIT ?"
KEYS_OF_MANY: Final = """
SELECT key FROM events WHERE kind = ? AND key >= ? AND key < ? AND app IN wanted_apps ORDER BY key DESC LIMIT ?"""
SEARCHED: Final = """
SELECT key, kind FROM search JOIN events ON key = search.rowid
WHERE search MATCH ? AND search.rowid >= ? AND search.rowid < ? ORDER BY search.rowid DESC LIMIT ?"""
SEARCHED_MANY: Final = """
SELECT key, kind FROM search JOIN events ON key = search.rowid
WHERE search MATCH ? AND search.rowid >= ? AND search.rowid < ? AND app IN wanted_apps
ORDER BY search.rowid DESC LIMIT ?"""
# Where SQLite was built without FTS5.
LOOKED_FOR: Final = """
SELECT key, kind FROM events WHERE key >= ? AND key < ? AND +kind IN (SELECT value FROM json_each(?))
AND (? OR app IN wanted_apps) AND NOT EXISTS (SELECT 1 FROM json_each(?) AS pattern WHERE
  title || ' ' || message || ' ' || rule || ' ' || source || ' ' || tags || ' ' || id NOT LIKE value ESCAPE '!')
ORDER BY key DESC LIMIT ?"""
ROW: Final = """
SELECT key, arrival, apps.name, kind, id, title, message, rule, source, tags, condition, metrics.name, metrics.unit,
  value, events.comparator, threshold
FROM events JOIN apps ON apps.no = events.app LEFT JOIN metrics ON metrics.no = metric WHERE key = ?"""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: of these apps (None for all), within a span of keys, of these kinds, with these words."""

    apps: Sequence[int] | None
    low: int
    high: int
    kinds: Sequence[int]
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it lets nothing through."""
        return self.low >= self.high or not self.kinds or self.apps == []


def event_filter(
    database: Database,
    apps: Collection[str] | None,
    since: float,
    until: float,
    *,
    text: str = "",
    severity: str = "",
    status: str = "",
    before: int | None = None,
) -> EventFilter:
    """A filter from what people say; `since` is within the span and `until` is not, both in epoch seconds."""
    kinds = [kind for kind, of in enumerate(KINDS) if severity in {"", of[0]} and status in {"", of[1]}]
    low, high = first_key(since), first_key(until)
    return EventFilter(database.apps(apps), low, high if before is None else min(high, before), kinds, text.strip())


def find(database: Database, wanted: EventFilter, limit: int) -> list[EventRow]:
    """The newest events that pass."""
    rows = (database.row(ROW, key) for key in _keys(database, wanted, limit))
    return [_event(row) for row in rows if row]


def _keys(database: Database, wanted: EventFilter, limit: int) -> list[int]:
    if wanted.is_empty:
        return []
    if wanted.text:
        return [key for key, _ in searched(database, wanted, limit)]
    queries = (KEYS_OF_APP, KEYS_OF_KIND, KEYS_OF_MANY)
    found = (database.rows(sql, *values, limit) for _, sql, values in streams(database, wanted, queries))
    return heapq.nlargest(limit, (key for rows in found for (key,) in rows))


def streams(
    database: Database, wanted: EventFilter, queries: tuple[str, str, str]
) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """(kind, query, its values) for each index that is to be read: by app and kind, or by kind."""
    of_app, of_kind, of_many = queries
    for kind in wanted.kinds:
        values = (kind, wanted.low, wanted.high)
        if wanted.apps is None:
            yield kind, of_kind, values
        elif len(wanted.apps) <= FEW_APPS:
            yield from ((kind, of_app, (*values, app)) for app in wanted.apps)
        else:
            database.want("wanted_apps", wanted.apps)
            yield kind, of_many, values


def searched(database: Database, wanted: EventFilter, limit: int) -> list[tuple[int, int]]:
    """Key and kind of what has the filter's words, newest first; all of them with a limit of -1."""
    many = wanted.apps is not None and len(wanted.apps) > FEW_APPS
    if wanted.apps is not None and (many or not database.searches):
        database.want("wanted_apps", wanted.apps)
    span = (wanted.low, wanted.high)
    if not database.searches:
        kinds, patterns = orjson.dumps(list(wanted.kinds)), orjson.dumps(patterns_of(wanted.text))
        return database.rows(LOOKED_FOR, *span, kinds, wanted.apps is None, patterns, limit)
    match = match_of(wanted.text, None if many else wanted.apps, wanted.kinds)
    return database.rows(SEARCHED_MANY if many else SEARCHED, match, *span, limit) if match else []


def _event(row: tuple[Any, ...]) -> EventRow:
    key, arrival, app, kind, event_id, title, message, rule, source, tags, condition, metric, unit, *measured = row
    severity, status = KINDS[kind]
    value, comparator, threshold = measured
    return EventRow(
        app=app,
        id=event_id,
        at=seconds(key),
        arrived_at=seconds(arrival),
        severity=severity,
        status=status,
        title=title,
        message=message,
        rule=rule,
        source=source,
        tags=orjson.loads(tags),
        condition=condition,
        metric=metric or "",
        unit=unit or "",
        value=value,
        comparator=comparator,
        threshold=threshold,
        cursor=key,
    )
