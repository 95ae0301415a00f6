"""The event graph's JSON as the document has it; `graph_pages.py` serves it, and `graph_json.py` makes it."""

from __future__ import annotations

from typing import Final

from pydantic import ConfigDict, Field

from worker.web.api import Answer, Operation, Query
from worker.web.api_events import OneSeverity, OneStatus
from worker.web.console import Console
from worker.web.graph import TEXT_CHARS
from worker.web.spans import LASTS

ABOUT: Final = (
    "An app's alerts over the metrics that triggered them: events per slot, metrics, and the latest events. "
    "Filters choose among events; metrics are whole. Times are in epoch milliseconds."
)


class GraphQuery(Query):
    """Which part of an app's events."""

    last: str = Field(
        default="", description=f"A stretch that ends now: {', '.join(LASTS)}; the first, where nothing is said."
    )
    since: str = Field(default="", alias="from", description="From this time: RFC 3339, or epoch seconds.")
    until: str = Field(default="", alias="to", description="Until this time, which is within.")
    text: str = Field(default="", description=f"Words to look for; of more than {TEXT_CHARS} characters the first.")
    severity: OneSeverity = Field(default="", description="Only of this severity.")
    status: OneStatus = Field(default="", description="Only of this status.")
    metric: str = Field(default="", description="This metric alone; else the three that were alerted last.")
    before: str = Field(default="", pattern="^[0-9]*$", description="`older` of the page before.")
    position: str = Field(default="", description="`position` of the answer before: short where nothing has changed.")


class Bars(Answer):
    """Of one severity and status, how many events each slot has."""

    severity: str
    status: str
    counts: list[int]


class Slots(Answer):
    """Stretches of the same width."""

    width_ms: int
    at_ms: list[int] = Field(description="Where each begins.")
    bars: list[Bars]


class GraphMarker(Answer):
    """A moment on a metric's chart."""

    at_ms: int
    kind: str = Field(description="firing, resolved, or told: a destination had it.")
    title: str
    severity: str
    value: float | None
    destination: str
    channel: str
    href: str


class GraphMetric(Answer):
    """One metric within the span."""

    label: str
    name: str
    factor: float = Field(description="What a value is divided by to be shown with `suffix`.")
    suffix: str
    comparator: str
    window_s: float | None
    thresholds: list[float]
    times_ms: list[int]
    values: list[float | None]
    thinned: bool
    more_markers: bool
    markers: list[GraphMarker]


class GraphEvent(Answer):
    """One event, with the columns of the page's table."""

    id: str
    at_ms: int
    event: str
    severity: str
    status: str
    message: str
    priority: str
    creator: str
    name: str
    href: str


class GraphAnswer(Answer):
    """The graph; where it is `unchanged` since `position`, without all that would be the same."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    from_ms: int
    to_ms: int
    shown: str = Field(description="The span in words.")
    position: str
    unchanged: bool
    now_ms: int
    notice: str = Field(description="What to know of the answer: what is still being read. May be empty.")
    summary: list[str] = Field(default_factory=list, description="The same in sentences.")
    nothing: str = Field(default="", description="What to say where there is nothing to show.")
    slots: Slots | None = None
    metrics: list[GraphMetric] = Field(default_factory=list)
    metric_names: list[str] = Field(default_factory=list)
    events: list[GraphEvent] = Field(default_factory=list)
    older: int | None = None
    latest: str = Field(default="", description="Where the latest event is to be seen, if it is not among these.")


def operations(_console: Console) -> list[Operation]:
    """The one."""
    return [
        Operation(
            "events", "getGraph", "GET", "/apps/{app}/graph", ABOUT, answer=GraphAnswer, query=GraphQuery, fails=(404,),
        ),
    ]  # fmt: skip
