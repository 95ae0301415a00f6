"""What the console has read from Redis so far, and quick answers about it.

It belongs to one thread, the console's event loop: each question takes milliseconds, and each change is cut into
pieces of milliseconds (`history_feed.py`), so that nobody waits for anybody. A history begins empty and can be made
anew from Redis at any time; nothing is lost with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from worker.web import history_deliveries, history_events, history_health, history_histogram, history_series
from worker.web.history_database import Database
from worker.web.history_events import event_filter
from worker.web.history_rows import (
    AppCounts,
    Apps,
    DeliveryFilter,
    DeliveryRow,
    EventRow,
    Feeding,
    Health,
    Metric,
    Slot,
    only,
)

MOST_ROWS = 1000


class History:
    """The questions. `until` is not within a span, `since` is; all times are epoch seconds."""

    def __init__(self, *, now: Callable[[], float] = time.time, full_text: bool = True) -> None:
        self.database = Database(full_text=full_text)
        self.feeding = Feeding()
        self._now = now

    @property
    def revision(self) -> str:
        """Changes whenever anything on record has changed."""
        return self.database.revision

    def close(self) -> None:
        """Forget everything."""
        self.database.close()

    def events(
        self,
        app: str | None,
        since: float,
        until: float,
        *,
        visible: Apps = None,
        text: str = "",
        severity: str = "",
        status: str = "",
        limit: int = 100,
        before: int | None = None,
    ) -> list[EventRow]:
        """The latest events by when they occurred; the next page is what comes `before` the last one's cursor.

        `text` is looked for in title, message, rule, source, tags and id: all its words, the last of which may be the
        beginning of one.
        """
        wanted = event_filter(
            self.database,
            only(app, visible),
            since,
            until,
            text=text,
            severity=severity,
            status=status,
            before=before,
        )
        return history_events.find(self.database, wanted, max(1, min(limit, MOST_ROWS)))

    def histogram(
        self,
        app: str | None,
        since: float,
        until: float,
        slots: int = 60,
        *,
        visible: Apps = None,
        text: str = "",
        severity: str = "",
        status: str = "",
    ) -> list[Slot]:
        """The same events counted in slots that begin at round times, `slots` of them at the most."""
        apps = only(app, visible)
        wanted = event_filter(self.database, apps, since, until, text=text, severity=severity, status=status)
        return history_histogram.histogram(self.database, wanted, slots)

    def series(
        self,
        app: str,
        since: float,
        until: float,
        *,
        visible: Apps = None,
        name: str = "",
        most_metrics: int = 50,
        most_points: int = 2000,
    ) -> list[Metric]:
        """The app's metrics (or the one with that name), the one that was alerted last first."""
        if not only(app, visible):
            return []
        found = history_series.series(self.database, app, since, until, name=name, most_points=most_points)
        return list(islice(found, most_metrics))

    def metrics(self, app: str, since: float, until: float, *, visible: Apps = None) -> list[str]:
        """The names of all that `series` has to show."""
        return history_series.names(self.database, app, since, until) if only(app, visible) else []

    def deliveries(
        self, wanted: DeliveryFilter, limit: int = 100, before: tuple[int, int] | None = None
    ) -> list[DeliveryRow]:
        """The deliveries of the events that arrived latest; the next page is `before` the last one's cursor."""
        return history_deliveries.find(self.database, wanted, max(1, min(limit, MOST_ROWS)), before)

    def apps(self, visible: Apps = None) -> list[AppCounts]:
        """What is on record of each app, by name."""
        return history_health.apps(self.database, visible)

    def destination_health(self, app: str, destination: str, *, visible: Apps = None) -> Health:
        """How one destination does; nothing is known of one that never had a delivery."""
        if not only(app, visible):
            return Health()
        return history_health.destination_health(self.database, app, destination, self._now())
