"""The address of an alert on the console's event graph, for whoever is told of it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from worker.models import Event, Link

BEFORE_MS: Final = 50 * 60_000
"""How much of the past the link of an alert shows."""
FURTHEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WORDS: Final = "Event graph"


def with_graph_link(event: Event, public_url: str) -> Event:
    """The event with a link of its own behind those that it came with; itself where nobody can reach the console."""
    if not public_url:
        return event
    return replace(event, links=(*event.links, Link(event_link(public_url, event.app, event.occurred_at), WORDS)))


def event_link(public_url: str, app: str, at: float) -> str:
    """The graph of the 50 minutes up to an alert of `app` that was triggered at epoch second `at`."""
    since_ms, until_ms = minutes_before(at)
    query = urlencode({"from": iso(since_ms), "to": iso(until_ms)}, safe=":")
    return f"{public_url.rstrip('/')}/apps/{quote(app, safe='')}/events?{query}"


def minutes_before(at: float) -> tuple[int, int]:
    """From when to when, in epoch milliseconds, both within it: the 50 minutes up to the epoch second `at`."""
    until_ms = max(1, round(at * 1000))
    return max(0, until_ms - BEFORE_MS), until_ms


def iso(epoch_ms: int) -> str:
    """`2014-12-02T17:33:00Z`, with milliseconds where there are any."""
    at = EPOCH + timedelta(milliseconds=min(max(0, epoch_ms), FURTHEST_MS))
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds" if epoch_ms % 1000 else "seconds") + "Z"
