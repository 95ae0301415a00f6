"""The event graph as JSON: lists of values, and no key that comes from outside. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from worker.models import Status
from worker.pictures.numbers import scale_for
from worker.web import graph_words
from worker.web.graph import Graph
from worker.web.graph_lines import broken
from worker.web.history_rows import EventRow, Marker, Metric, Slot
from worker.web.history_values import KINDS
from worker.web.links import graph_path, timeline_path, up_to
from worker.web.spans import Span

NOT_SAID: Final = "NA"
"""An alert has neither a priority nor a creator: it is made by a rule."""


def span_json(span: Span) -> dict[str, Any]:
    """From when to when."""
    return {"from_ms": span.since_ms, "to_ms": span.until_ms, "shown": graph_words.shown(span)}


def graph_json(app: str, graph: Graph) -> dict[str, Any]:
    """All that the page draws."""
    return {
        **span_json(graph.asked.span),
        "summary": graph_words.summary(graph),
        "slots": _slots(graph.slots),
        "metrics": [_metric(app, metric) for metric in graph.metrics],
        "metric_names": graph.names,
        "events": [row_json(row) for row in graph.rows],
        "older": graph.rows[-1].cursor if graph.more else None,
        "nothing": graph_words.nothing(graph),
        "latest": latest(app, graph),
    }


def row_json(row: EventRow) -> dict[str, Any]:
    """One event, with the columns of the table."""
    return {
        "id": row.id,
        "at_ms": _ms(row.at),
        "event": "alert",
        "severity": row.severity,
        "status": row.status,
        "message": row.message or row.title,
        "priority": NOT_SAID,
        "creator": NOT_SAID,
        "name": graph_words.name_of(row),
        "href": timeline_path(row.app, row.id),
    }


def latest(app: str, graph: Graph) -> str:
    """Where the latest event of the app is to be seen, if it is not among the rows; empty where there is none."""
    if graph.latest_at is None or graph.rows:
        return ""
    return graph_path(app, up_to(graph.latest_at).fixed())


def _slots(slots: Sequence[Slot]) -> dict[str, Any]:
    kinds = [(severity, status) for status in Status for severity in graph_words.SEVERITIES]
    bars = [(kind, [slot.counts.get(kind, 0) for slot in slots]) for kind in kinds if kind in KINDS]
    return {
        "width_ms": _ms(slots[0].width_s) if slots else 0,
        "at_ms": [_ms(slot.at) for slot in slots],
        "bars": [{"severity": kind[0], "status": kind[1], "counts": counts} for kind, counts in bars if any(counts)],
    }


def _metric(app: str, metric: Metric) -> dict[str, Any]:
    times, values = broken(metric.points)
    marked = (marker.value for marker in metric.markers)
    seen = [abs(value) for value in (*values, *metric.thresholds, *marked) if value is not None]
    scale = scale_for(max(seen, default=0.0), metric.unit)
    return {
        "label": graph_words.label(metric),
        "name": metric.name,
        "factor": scale.factor,
        "suffix": scale.suffix,
        "comparator": metric.comparator,
        "window_s": metric.window_s,
        "thresholds": metric.thresholds,
        "times_ms": times,
        "values": values,
        "thinned": metric.thinned,
        "more_markers": metric.more_markers,
        "markers": [_marker(app, marker) for marker in metric.markers],
    }


def _marker(app: str, marker: Marker) -> dict[str, Any]:
    return {
        "at_ms": _ms(marker.at),
        "kind": marker.kind,
        "title": marker.title,
        "severity": marker.severity,
        "value": marker.value,
        "destination": marker.destination,
        "channel": marker.channel,
        "href": timeline_path(app, marker.event_id),
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
