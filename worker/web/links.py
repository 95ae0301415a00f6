"""Addresses of the console's own pages that others link to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from worker.graph_link import minutes_before
from worker.web.paths import path_of
from worker.web.spans import Span


def up_to(at: float) -> Span:
    """The 50 minutes up to the epoch second `at`, as an alert's own link has them."""
    return Span(*minutes_before(at))


def graph_path(app: str, query: Mapping[str, str] | None = None) -> str:
    """An app's event graph, with what of it is asked for."""
    path = path_of("apps", app, "events")
    return f"{path}?{urlencode(query, safe=':')}" if query else path


def timeline_path(app: str, event_id: str) -> str:
    """What became of one event."""
    return path_of("events", app, event_id)
