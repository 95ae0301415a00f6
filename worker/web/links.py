"""Addresses of the console's own pages that others link to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from worker.web.paths import path_of
from worker.web.spans import Span

BEFORE_MS: Final = 50 * 60_000
"""How much of the past the link of an alert shows."""


def event_link(public_url: str, app: str, at: float) -> str:
    """The graph of the 50 minutes up to an alert of `app` that was triggered at epoch second `at`."""
    return public_url.rstrip("/") + graph_path(app, up_to(at).fixed())


def up_to(at: float) -> Span:
    """The 50 minutes up to the epoch second `at`."""
    at_ms = max(1, round(at * 1000))
    return Span(max(0, at_ms - BEFORE_MS), at_ms)


def graph_path(app: str, query: Mapping[str, str] | None = None) -> str:
    """An app's event graph, with what of it is asked for."""
    path = path_of("apps", app, "events")
    return f"{path}?{urlencode(query, safe=':')}" if query else path


def timeline_path(app: str, event_id: str) -> str:
    """What became of one event."""
    return path_of("events", app, event_id)
