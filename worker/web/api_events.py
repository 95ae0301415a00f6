"""Events, by the HTTP API: lists, and one with all that became of it."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from pydantic import Field

from worker.errors import NotFound
from worker.explain import explain
from worker.models import Severity, Status
from worker.stores.records import DeliveryRecord, EventRecord
from worker.stores.troubles import Troubles
from worker.web.api import Answer, Call, Operation, Reply, page_of
from worker.web.api_values import MOST, NUMBER, Moment, Next, Spanned, cursor_like
from worker.web.console import Console
from worker.web.graph import TEXT_CHARS
from worker.web.history_rows import EventRow

AREA: Final = "events"
OneSeverity = Literal["", "info", "warning", "error", "critical"]
OneStatus = Literal["", "firing", "resolved"]


class EventsQuery(Spanned):
    """Which events; times go by when they occurred."""

    cursor: str = cursor_like(NUMBER)
    text: str = Field(
        default="",
        max_length=TEXT_CHARS,
        description="Words to look for in title, message, rule, source, tags and id; the last one may be unfinished.",
    )
    severity: OneSeverity = Field(default="", description="Only of this severity.")
    status: OneStatus = Field(default="", description="Only of this status.")


class EventAnswer(Answer):
    """One event, in short."""

    app: str
    id: str
    at: float = Field(description="When it occurred by its producer's word, in epoch seconds.")
    arrived_at: float = Field(description="When it came, in epoch seconds.")
    severity: Severity
    status: Status
    title: str
    message: str = Field(description="Its beginning.")
    rule: str
    source: str
    tags: dict[str, str]
    metric: str = Field(description="The name of its metric; empty where it has none.")
    unit: str
    value: float | None
    comparator: str
    threshold: float | None


class EventsAnswer(Answer):
    """A page of events, those first that occurred last."""

    items: list[EventAnswer]
    next: Next


class AttemptAnswer(Answer):
    """One try of a delivery."""

    number: int = Field(description="From 1.")
    at: float = Field(description="Epoch seconds.")
    elapsed_ms: float
    kind: str = Field(description="delivered, retryable, rate_limited, permanent or ambiguous.")
    reason: str
    status_code: int | None
    detail: str = Field(description="The vendor's words.")
    retry_at: Moment


class RecordAnswer(Answer):
    """One delivery of the event, with every attempt that is kept."""

    destination: str
    channel: str
    state: str = Field(description="owed, retrying, or how it ended: delivered, failed or skipped.")
    reason: str
    status_code: int | None
    detail: str
    ambiguous: bool = Field(description="Whether it may have been seen twice.")
    provider_ref: str | None = Field(description="The vendor's name for the message.")
    first_attempt_at: Moment
    finished_at: Moment
    due_at: Moment
    elapsed_ms: float | None
    attempts: list[AttemptAnswer]
    before_replay: list[AttemptAnswer] = Field(description="What had been tried before it was last replayed.")


class WholeEventAnswer(Answer):
    """An event, what became of it, and why."""

    event: dict[str, Any] = Field(description="As it was sent, with what was filled in; times are epoch seconds.")
    arrived_at: float = Field(description="Epoch seconds.")
    deliveries: list[RecordAnswer]
    explained: list[str] = Field(description="The same in sentences: one for the event, one for each delivery.")


class ApiEvents:
    """What can be asked of events."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._troubles = Troubles(console.redis, console.prefix)

    async def of_all(self, call: Call) -> Reply:
        """Of every app that may be seen."""
        return self._list(call, None)

    async def of_app(self, call: Call) -> Reply:
        """Of one app, which has settings, or had events when it had some."""
        if not self._console.history.apps({call.app}) and not await self._console.destinations.lookup([call.app]):
            raise NotFound(f"There is no app {call.app}.")
        return self._list(call, call.app)

    async def get(self, call: Call) -> Reply:
        """One, from what Redis keeps of it."""
        try:
            found = await self._console.records.find(call.part("event"), [call.app])
        except ValueError:
            raise NotFound("What is on record of this event cannot be read by this version.") from None
        if not found:
            raise NotFound(f"Nothing is on record of event {call.part('event')[:128]} of app {call.app}.")
        troubles = await self._troubles.all()
        return Reply(_whole(found[0], explain(found[0], troubles, self._console.now())))

    def _list(self, call: Call, app: str | None) -> Reply:
        asked: EventsQuery = call.query
        found = self._console.history.events(
            app,
            *asked.span,
            visible=call.who.visible,
            text=asked.text,
            severity=asked.severity,
            status=asked.status,
            limit=asked.limit + 1,
            before=min(int(asked.cursor), MOST) if asked.cursor else None,
        )
        shown, cursor = page_of(found, asked.limit, lambda row: str(row.cursor))
        return Reply(EventsAnswer(items=[_short(row) for row in shown], next=cursor))


def _short(row: EventRow) -> EventAnswer:
    return EventAnswer(
        app=row.app,
        id=row.id,
        at=row.at,
        arrived_at=row.arrived_at,
        severity=Severity(row.severity),
        status=Status(row.status),
        title=row.title,
        message=row.message,
        rule=row.rule,
        source=row.source,
        tags=dict(row.tags),
        metric=row.metric,
        unit=row.unit,
        value=row.value,
        comparator=row.comparator,
        threshold=row.threshold,
    )


def _whole(record: EventRecord, explained: list[str]) -> WholeEventAnswer:
    return WholeEventAnswer(
        event=msgspec.to_builtins(record.event),
        arrived_at=record.at,
        deliveries=[_record(each) for each in record.deliveries],
        explained=explained,
    )


def _record(delivery: DeliveryRecord) -> RecordAnswer:
    told = delivery.details
    return RecordAnswer(
        destination=delivery.destination,
        channel=delivery.channel,
        state=delivery.state,
        reason=told.get("reason", ""),
        status_code=told.get("status_code"),
        detail=told.get("detail", ""),
        ambiguous=told.get("ambiguous", False),
        provider_ref=told.get("provider_ref"),
        first_attempt_at=told.get("first_attempt_at"),
        finished_at=told.get("finished_at"),
        due_at=told.get("due_at"),
        elapsed_ms=told.get("elapsed_ms"),
        attempts=[AttemptAnswer(**each) for each in delivery.attempts],
        before_replay=[AttemptAnswer(**each) for each in delivery.before_replay],
    )


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api, one = ApiEvents(console), "/apps/{app}/events/{event}"
    every, mine = "The events of all apps that you may see, the latest first.", "An app's events, the latest first."
    whole = "One event with its deliveries, their attempts, and what was decided and why, in sentences."
    return [
        Operation(AREA, "listEvents", "GET", "/events", every, api.of_all, EventsAnswer, query=EventsQuery),
        Operation(
            AREA, "listEventsOfApp", "GET", "/apps/{app}/events", mine, api.of_app, EventsAnswer, query=EventsQuery,
            fails=(404,),
        ),
        Operation(AREA, "getEvent", "GET", one, whole, api.get, WholeEventAnswer, fails=(404,)),
    ]  # fmt: skip
