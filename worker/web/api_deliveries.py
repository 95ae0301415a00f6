"""Deliveries, by the HTTP API: lists with filters, and replay of dead letters, with a dry run first."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final, Literal

from pydantic import Field

from worker.channels import CHANNELS
from worker.models import Severity, Status
from worker.replays import Letter, LetterFilter, dead_letters
from worker.web.access import allowed
from worker.web.api import Answer, Body, Call, Operation, Reply, page_of
from worker.web.api_values import MOST, NUMBER, Moment, Next, Spanned, Time, cursor_like, epoch_of, undefaulted
from worker.web.console import Console
from worker.web.history_rows import DeliveryFilter, DeliveryRow
from worker.web.replay_desk import AT_ONCE, replay_all
from worker.web.roles import Role

AREA: Final = "deliveries"
SHOWN: Final = 1000
"""Dead letters that an answer names."""
NAME_CHARS: Final = 128
OneState = Literal["", "owed", "retrying", "delivered", "failed", "skipped"]


class DeliveriesQuery(Spanned):
    """Which deliveries; times go by when their event came."""

    cursor: str = cursor_like(rf"{NUMBER}\.{NUMBER}")
    app: str = Field(default="", max_length=NAME_CHARS, description="Only of this app.")
    destination: str = Field(default="", max_length=NAME_CHARS, description="Only to the destination of this name.")
    channel: str = Field(default="", max_length=NAME_CHARS, description=f"Only by this channel: {', '.join(CHANNELS)}.")
    state: OneState = Field(default="", description="Only those that stand so.")
    reason: str = Field(default="", max_length=NAME_CHARS, description="Only with this reason, such as `not_found`.")


class DeliveryAnswer(Answer):
    """An event on its way to one destination, as it stands."""

    app: str
    event_id: str
    title: str
    severity: Severity
    status: Status
    arrived_at: float = Field(description="When the event came, in epoch seconds.")
    destination: str
    channel: str
    state: str = Field(description="owed, retrying, or how it ended: delivered, failed or skipped.")
    reason: str
    attempts: int
    status_code: int | None
    first_attempt_at: Moment
    finished_at: Moment
    due_at: Moment
    elapsed_ms: float | None
    ambiguous: bool = Field(description="Whether it may have been seen twice.")
    detail: str


class DeliveriesAnswer(Answer):
    """A page of deliveries, those of the latest events first."""

    items: list[DeliveryAnswer]
    next: Next


class ReplayBody(Body):
    """Which dead letters to deliver again; what is left out does not filter."""

    dry_run: bool = Field(default=False, description="Only say what would be replayed, and change nothing.")
    app: str = Field(default="", max_length=NAME_CHARS, description="Of this app; left out: of all that you may edit.")
    event: str = Field(default="", max_length=1000, description="Of the event with this id, or `app/id`.")
    destination: str = Field(default="", max_length=NAME_CHARS, description="To the destination of this name.")
    channel: str = Field(default="", max_length=NAME_CHARS, description="By this channel.")
    outcome: Literal["", "failed", "skipped"] = Field(default="", description="How they ended.")
    reason: str = Field(default="", max_length=NAME_CHARS, description="Such as `not_found` or `paused`.")
    since: Time = Field(
        default="", alias="from", description="Dead since this time (RFC 3339).", json_schema_extra=undefaulted
    )
    until: Time = Field(
        default="", alias="to", description="Dead until this time (RFC 3339).", json_schema_extra=undefaulted
    )


class LetterAnswer(Answer):
    """One dead letter."""

    app: str
    event_id: str
    title: str
    destination: str
    channel: str
    outcome: str
    reason: str
    died_at: float = Field(description="Epoch seconds.")


class ReplayAnswer(Answer):
    """What was replayed, or would be."""

    dry_run: bool
    found: int = Field(description=f"How many dead letters fit, of the {AT_ONCE:,} that died first.")
    more: bool = Field(description="Whether there are more; ask again for those once these are replayed.")
    replayed: int = Field(description="How many are owed again; 0 after a dry run.")
    by_app: dict[str, int] = Field(description="How many fit, by app.")
    items: list[LetterAnswer] = Field(
        description=f"The first {SHOWN} of them, those that died first before the others."
    )


class ApiDeliveries:
    """What can be asked of deliveries, and done with dead letters."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def find(self, call: Call) -> Reply:
        """Those of the apps that may be seen."""
        asked: DeliveriesQuery = call.query
        since, until = asked.span
        wanted = DeliveryFilter(
            visible=call.who.visible,
            app=asked.app,
            destination=asked.destination,
            channel=asked.channel,
            state=asked.state,
            reason=asked.reason,
            since=since,
            until=until,
        )
        found = self._console.history.deliveries(wanted, asked.limit + 1, _cursor(asked.cursor))
        shown, cursor = page_of(found, asked.limit, lambda row: "{}.{}".format(*row.cursor))
        return Reply(DeliveriesAnswer(items=[_delivery(row) for row in shown], next=cursor))

    async def replay(self, call: Call) -> Reply:
        """Owe dead letters again: those of apps that whoever asks may edit."""
        console, asked = self._console, call.body
        found = await dead_letters(console.redis, console.prefix, await self._wanted(call), AT_ONCE + 1)
        letters = found[:AT_ONCE]
        counts = Counter(letter.event.app for letter in letters)
        replayed = 0 if asked.dry_run else await replay_all(console, call.who, letters)
        return Reply(
            ReplayAnswer(
                dry_run=asked.dry_run,
                found=len(letters),
                more=len(found) > AT_ONCE,
                replayed=replayed,
                by_app=dict(sorted(counts.items())),
                items=[_letter(letter) for letter in letters[:SHOWN]],
            )
        )

    async def _wanted(self, call: Call) -> LetterFilter:
        asked: ReplayBody = call.body
        if asked.app:
            await allowed(call.request, asked.app, Role.VIEWER)
            await allowed(call.request, asked.app, Role.EDITOR)
        return LetterFilter(
            apps={asked.app} if asked.app else self._editable(call),
            event=asked.event,
            destination=asked.destination,
            channel=asked.channel,
            outcome=asked.outcome,
            reason=asked.reason,
            since=epoch_of(asked.since) if asked.since else 0.0,
            until=epoch_of(asked.until) if asked.until else math.inf,
        )

    def _editable(self, call: Call) -> set[str] | None:
        if call.who.may(None, Role.EDITOR):
            return None
        return {app for app in call.who.roles if call.who.may(app, Role.EDITOR)}


def _cursor(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    arrival, _, nth = text.partition(".")
    return min(int(arrival), MOST), min(int(nth), MOST)


def _delivery(row: DeliveryRow) -> DeliveryAnswer:
    return DeliveryAnswer(
        app=row.app,
        event_id=row.event_id,
        title=row.title,
        severity=Severity(row.severity),
        status=Status(row.status),
        arrived_at=row.arrived_at,
        destination=row.destination,
        channel=row.channel,
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        status_code=row.status_code,
        first_attempt_at=row.first_attempt_at,
        finished_at=row.finished_at,
        due_at=row.due_at,
        elapsed_ms=row.elapsed_ms,
        ambiguous=row.ambiguous,
        detail=row.detail,
    )


def _letter(letter: Letter) -> LetterAnswer:
    return LetterAnswer(
        app=letter.event.app,
        event_id=letter.event.id,
        title=letter.event.title,
        destination=letter.record.destination,
        channel=letter.record.channel,
        outcome=letter.record.state,
        reason=str(letter.record.details.get("reason") or ""),
        died_at=letter.died_at,
    )


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api = ApiDeliveries(console)
    listed = "Deliveries of all apps that you may see, those of the latest events first."
    replayed = (
        "Deliver dead letters again: from attempt 1, with a deadline that counts from now. "
        "Of apps that you may edit; with `dry_run` it only says which."
    )
    return [
        Operation(
            AREA, "listDeliveries", "GET", "/deliveries", listed, api.find, DeliveriesAnswer, query=DeliveriesQuery,
        ),
        Operation(
            AREA, "replay", "POST", "/replays", replayed, api.replay, ReplayAnswer, body=ReplayBody, fails=(404,),
        ),
    ]  # fmt: skip
