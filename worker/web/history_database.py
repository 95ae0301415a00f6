"""The history's SQLite database: its tables, its transactions, and the numbers that stand for names.

Events and deliveries are found by keys that sort by time (`history_values.key_of`), so that every list is read from
an index, newest first, and every page of it begins where the one before ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from worker.web.history_values import NAME_CHARS, text

SCHEMA: Final = """
PRAGMA journal_mode = MEMORY;
PRAGMA secure_delete = OFF;
PRAGMA temp_store = MEMORY;

CREATE TABLE apps (no INTEGER PRIMARY KEY, name TEXT UNIQUE, events INTEGER DEFAULT 0,
  latest INTEGER DEFAULT 0);
CREATE TABLE places (no INTEGER PRIMARY KEY, app INTEGER, destination TEXT, channel TEXT, last_success REAL,
  UNIQUE (app, destination, channel));
CREATE TABLE fates (no INTEGER PRIMARY KEY, state TEXT, reason TEXT, UNIQUE (state, reason));
CREATE TABLE metrics (no INTEGER PRIMARY KEY, app INTEGER, name TEXT, unit TEXT, aggregation TEXT, comparator TEXT,
  window_s REAL, newest INTEGER DEFAULT 0, UNIQUE (app, name));
CREATE INDEX metrics_by_age ON metrics (app, newest);

CREATE TABLE events (key INTEGER PRIMARY KEY, arrival INTEGER UNIQUE, app INTEGER, kind INTEGER, id TEXT, title TEXT,
  message TEXT, rule TEXT, source TEXT, tags TEXT, condition TEXT, metric INTEGER, value REAL, comparator TEXT,
  threshold REAL, points_from INTEGER, UNIQUE (app, id));
CREATE INDEX events_by_app ON events (app, kind, key);
CREATE INDEX events_by_kind ON events (kind, key, app);
CREATE INDEX events_by_metric ON events (metric, key) WHERE metric IS NOT NULL;
CREATE INDEX events_by_points ON events (metric, points_from) WHERE points_from IS NOT NULL;
CREATE TRIGGER events_more AFTER INSERT ON events BEGIN
  UPDATE apps SET events = events + 1, latest = max(latest, new.key) WHERE no = new.app; END;
CREATE TRIGGER events_fewer AFTER DELETE ON events BEGIN
  UPDATE apps SET events = events - 1 WHERE no = old.app;
  DELETE FROM deliveries WHERE arrival = old.arrival; END;

CREATE TABLE points (metric INTEGER, at INTEGER, value REAL, PRIMARY KEY (metric, at)) WITHOUT ROWID;

CREATE TABLE deliveries (arrival INTEGER, nth INTEGER, place INTEGER, fate INTEGER, open INTEGER, attempts INTEGER,
  status_code INTEGER, first_attempt_at REAL, finished_at REAL, due_at REAL, elapsed_ms REAL, ambiguous INTEGER,
  detail TEXT, PRIMARY KEY (arrival, nth)) WITHOUT ROWID;
CREATE INDEX deliveries_by_place ON deliveries (place, arrival, nth, fate, elapsed_ms);
CREATE INDEX deliveries_by_fate ON deliveries (fate, arrival, nth, place);
CREATE INDEX deliveries_open ON deliveries (arrival, nth) WHERE open;
CREATE TABLE tallies (place INTEGER, fate INTEGER, count INTEGER, PRIMARY KEY (place, fate)) WITHOUT ROWID;
CREATE TRIGGER deliveries_more AFTER INSERT ON deliveries BEGIN
  INSERT INTO tallies VALUES (new.place, new.fate, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER deliveries_fewer AFTER DELETE ON deliveries BEGIN
  UPDATE tallies SET count = count - 1 WHERE place = old.place AND fate = old.fate; END;
CREATE TRIGGER deliveries_other AFTER UPDATE OF fate ON deliveries WHEN new.fate <> old.fate BEGIN
  UPDATE tallies SET count = count - 1 WHERE place = old.place AND fate = old.fate;
  INSERT INTO tallies VALUES (new.place, new.fate, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;

CREATE TEMP TABLE wanted_apps (no INTEGER PRIMARY KEY);
CREATE TEMP TABLE wanted_places (no INTEGER PRIMARY KEY);
CREATE TEMP TABLE wanted_fates (no INTEGER PRIMARY KEY);
"""

ADD_METRIC: Final = "INSERT INTO metrics (app, name) VALUES (?, ?)"
# What is searched is not kept twice (`content=''`), so what leaves the index is told as it came.
# `facets` lets the search itself pass over other apps' events: `a7 s3 t0`, for app 7, severity 3 and status 0.
# https://www.sqlite.org/fts5.html#contentless_tables
SEARCH: Final = """
CREATE VIRTUAL TABLE search USING fts5 (facets, words, content='', columnsize=0);
CREATE TRIGGER search_more AFTER INSERT ON events BEGIN
  INSERT INTO search (rowid, facets, words) VALUES (new.key,
    'a' || new.app || ' s' || (new.kind / 2) || ' t' || (new.kind % 2),
    new.title || ' ' || new.message || ' ' || new.rule || ' ' || new.source || ' ' || new.tags || ' ' || new.id); END;
CREATE TRIGGER search_fewer AFTER DELETE ON events BEGIN
  INSERT INTO search (search, rowid, facets, words) VALUES ('delete', old.key,
    'a' || old.app || ' s' || (old.kind / 2) || ' t' || (old.kind % 2),
    old.title || ' ' || old.message || ' ' || old.rule || ' ' || old.source || ' ' || old.tags || ' ' || old.id); END;
"""


WANT: Final = {
    "wanted_apps": ("DELETE FROM wanted_apps", "INSERT INTO wanted_apps VALUES (?)"),
    "wanted_places": ("DELETE FROM wanted_places", "INSERT INTO wanted_places VALUES (?)"),
    "wanted_fates": ("DELETE FROM wanted_fates", "INSERT INTO wanted_fates VALUES (?)"),
}


class Database:
    """In memory, for one thread; an event with three deliveries takes about 2 KB.

    Not SQLite's temporary files: with them every commit goes through all that was written since the beginning.
    """

    def __init__(self, *, full_text: bool = True) -> None:
        self._wants_search = full_text
        self._begun = 0
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._wanted: dict[str, list[int]] = {}
        self.successes: dict[int, float] = {}
        """When each destination, by its number, had its last success: what `places` says, as far as it is known."""
        self._open()

    @property
    def revision(self) -> str:
        """Changes with every change."""
        return f"{self._begun}.{self._sql.total_changes}"

    def _open(self) -> None:
        self._begun += 1
        self._sql = sqlite3.connect(":memory:", isolation_level=None)
        self._sql.executescript(SCHEMA)
        self.searches = False
        if self._wants_search:
            with suppress(sqlite3.OperationalError):  # an SQLite that was built without FTS5
                self._sql.executescript(SEARCH)
                self.searches = True

    def close(self) -> None:
        """Forget everything."""
        self._sql.close()

    def clear(self) -> None:
        """Begin anew."""
        self.close()
        self._numbers.clear()
        self._wanted.clear()
        self.successes.clear()
        self._open()

    def size(self) -> int:
        """What it takes, in bytes."""
        return int(self.one("PRAGMA page_count") * self.one("PRAGMA page_size"))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._sql.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """Its first row, where there is one."""
        found: tuple[Any, ...] | None = self._sql.execute(sql, values).fetchone()
        return found

    def one(self, sql: str, *values: Any) -> Any:
        """The first value of its first row; None where there is none."""
        found = self.row(sql, *values)
        return found[0] if found else None

    def run(self, sql: str, *values: Any) -> None:
        """A change."""
        self._sql.execute(sql, values)

    def run_each(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """A change for each row."""
        self._sql.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self._sql.execute("BEGIN")
        try:
            yield
            self._sql.execute("COMMIT")
        except BaseException:
            self._sql.rollback()
            # Some of it may have come with what is taken back.
            self._numbers.clear()
            self.successes.clear()
            raise

    def app(self, name: str) -> int:
        """The number of an app."""
        add, find = "INSERT INTO apps (name) VALUES (?)", "SELECT no FROM apps WHERE name = ?"
        return self._number(add, find, name)

    def place(self, app: int, destination: str, channel: str) -> int:
        """The number of an app's destination as it was reached by that channel."""
        add = "INSERT INTO places (app, destination, channel) VALUES (?, ?, ?)"
        find = "SELECT no FROM places WHERE app = ? AND destination = ? AND channel = ?"
        return self._number(add, find, app, destination, channel)

    def fate(self, state: str, reason: str) -> int:
        """The number of a state with its reason."""
        add = "INSERT INTO fates (state, reason) VALUES (?, ?)"
        find = "SELECT no FROM fates WHERE state = ? AND reason = ?"
        return self._number(add, find, state, reason)

    def metric(self, app: int, name: str) -> int:
        """The number of an app's metric."""
        return self._number(ADD_METRIC, "SELECT no FROM metrics WHERE app = ? AND name = ?", app, name)

    def forget_metric(self, number: int) -> None:
        """A metric of which nothing is on record any more."""
        app, name = self.row("SELECT app, name FROM metrics WHERE no = ?", number) or (0, "")
        self._numbers.pop((ADD_METRIC, app, name), None)
        self.run("DELETE FROM points WHERE metric = ?", number)
        self.run("DELETE FROM metrics WHERE no = ?", number)

    def apps(self, names: Collection[str] | None) -> list[int] | None:
        """The numbers of those apps of which anything is known; None for all of them."""
        if names is None:
            return None
        found = (self.one("SELECT no FROM apps WHERE name = ?", text(name, NAME_CHARS)) for name in names)
        return [no for no in found if no is not None]

    def want(self, table: str, numbers: Iterable[int]) -> None:
        """Let queries find many numbers in one of the tables `wanted_…`."""
        wanted = list(numbers)
        if self._wanted.get(table) == wanted:
            return
        clear, add = WANT[table]
        with self.transaction():
            self.run(clear)
            self.run_each(add, ((number,) for number in wanted))
        self._wanted[table] = wanted

    def _number(self, add: str, find: str, *values: Any) -> int:
        key = (add, *values)
        number = self._numbers.get(key)
        if number is None:
            number = self.one(find, *values)
            if number is None:
                self.run(add, *values)
                number = self.one(find, *values)
            self._numbers[key] = number
        return int(number)
