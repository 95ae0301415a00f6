"""What the event graph of an app shows within a span: events per slot, metrics, and the latest events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from worker.errors import InvalidSettings
from worker.models import Severity, Status
from worker.web.history import History
from worker.web.history_rows import EventRow, Metric, Slot
from worker.web.spans import Span, span_of

SLOTS: Final = 75
"""At the most. An hour is shown by the minute then, six hours by five minutes, a day by half an hour."""
ROWS: Final = 50
CHARTS: Final = 3
"""How many metrics are drawn where none is asked for by name."""
POINTS: Final = 2000
"""Per metric, at the most; more are thinned to those that make the same outline."""
TEXT_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of an app's events. Empty filters let everything through."""

    span: Span
    text: str = ""
    severity: str = ""
    status: str = ""
    metric: str = ""
    before: int | None = None
    """The cursor of the last row of the page before."""

    def filters(self) -> dict[str, str]:
        """What is filtered by, as an address has it."""
        told = {"text": self.text, "severity": self.severity, "status": self.status, "metric": self.metric}
        return {name: value for name, value in told.items() if value}

    def query(self) -> dict[str, str]:
        """Span and filters, as an address has them."""
        return self.span.query() | self.filters()


@dataclass(frozen=True, slots=True)
class Graph:
    """The answer. `rows` are the latest events, newest first; the slots count all of them."""

    asked: Asked
    slots: Sequence[Slot]
    metrics: Sequence[Metric]
    names: Sequence[str]
    """Of all metrics of the app that have anything in the span, the one that was alerted last first."""
    rows: Sequence[EventRow]
    more: bool
    """Whether there are older events in the span than the rows."""
    latest_at: float | None
    """When the latest event of the app occurred, whatever is asked for; None where there is none on record."""


def asked_of(query: Mapping[str, str], now: float) -> Asked:
    """What an address asks for; InvalidSettings names the parameter that cannot be read."""
    severity, status, before = query.get("severity", ""), query.get("status", ""), query.get("before", "")
    problems = []
    if severity and severity not in set(Severity):
        problems.append(f"severity: must be one of {', '.join(Severity)}")
    if status and status not in set(Status):
        problems.append(f"status: must be one of {', '.join(Status)}")
    if before and not (before.isascii() and before.isdigit() and int(before) < 1 << 63):
        problems.append("before: must be a cursor that an answer before this one gave")
    if problems:
        raise InvalidSettings(problems)
    text, metric = query.get("text", "").strip()[:TEXT_CHARS], query.get("metric", "")[:TEXT_CHARS]
    return Asked(span_of(query, now), text, severity, status, metric, int(before) if before else None)


def look(history: History, app: str, asked: Asked) -> Graph:
    """Ask the history. Filters choose among events; a metric is shown whole, whatever is looked for."""
    since, behind = asked.span.since, asked.span.behind
    chosen = {"text": asked.text, "severity": asked.severity, "status": asked.status}
    rows = history.events(app, since, behind, limit=ROWS + 1, before=asked.before, **chosen)
    known = history.apps({app})
    return Graph(
        asked,
        slots=history.histogram(app, since, behind, SLOTS, **chosen),
        metrics=history.series(app, since, behind, name=asked.metric, most_metrics=CHARTS, most_points=POINTS),
        names=history.metrics(app, since, behind),
        rows=rows[:ROWS],
        more=len(rows) > ROWS,
        latest_at=known[0].latest_at if known and known[0].events else None,
    )


def position(history: History, asked: Asked) -> str:
    """Changes whenever the answer may have changed; what moves on by itself changes it once a minute."""
    feeding = history.feeding
    minute = asked.span.until_ms // 60_000 if asked.span.last else 0
    return f"{history.revision}.{minute}.{feeding.complete:d}{feeding.away_since is not None:d}"
