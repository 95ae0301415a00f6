"""Step 2: for each event, decide what is owed to whom, and write it to the ledger in one step."""

from __future__ import annotations

import asyncio
import json
import reprlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog
from redis.exceptions import RedisError

from worker.errors import InvalidEvent
from worker.events import KnownEvents, dump_event, parse_event
from worker.models import App, DeliveryId, Destination, Event, Outcome, Reason
from worker.record import untried_json
from worker.stores.events import EventStream, Rejected
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import Owing
from worker.stores.redis_faults import why

log = structlog.get_logger()

Raw = bytes | str | dict[str, Any]
"""An event as it came: JSON from the stream, or text or an object from a producer that uses Celery."""
CLOCK_SLACK_S = 7 * 86_400.0
AT_ONCE = 400
"""Of a Celery producer's list, how many events are dispatched in one step: a script takes a few thousand values."""
PAUSES_S = (0.2, 0.5, 1.0, *(2.0,) * 30)
"""How long a batch waits for Redis between tries: a minute in all, longer than a failover takes."""


class Looks(Protocol):
    """Where apps' destinations are looked up, a batch at a time."""

    async def lookup(self, apps: Any) -> dict[str, App]:
        """Those of the apps that are configured."""


@dataclass(slots=True)
class DispatchReport:
    """What a dispatch task did, in words and numbers that a developer reads in Flower."""

    events: int = 0
    owed: int = 0
    skipped: int = 0
    repeated: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    def add(self, other: DispatchReport) -> None:
        """What came of another part of the same task."""
        self.events += other.events
        self.owed += other.owed
        self.skipped += other.skipped
        self.repeated += other.repeated
        self.rejected += other.rejected

    def as_result(self) -> dict[str, Any]:
        """The task's return value."""
        words = f"{self.events} events: {self.owed} deliveries owed, {self.skipped} skipped"
        if self.repeated:
            words += f", {len(self.repeated)} seen before"
        if self.rejected:
            words += f", {len(self.rejected)} rejected"
        return {"summary": words, "repeated": self.repeated[:20], "rejected": self.rejected[:20]}


class Dispatcher:
    """Dispatches batches of events; `publish` hands references of what is owed to the deliver tasks."""

    def __init__(
        self,
        ledger: Ledger,
        destinations: Looks,
        stream: EventStream,
        publish: Callable[[list[str]], Awaitable[None]],
        supersede: Callable[[list[str]], Awaitable[None]],
        *,
        events: KnownEvents,
        max_event_bytes: int,
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._stream = stream
        self._publish = publish
        self._supersede = supersede
        self._events = events
        self._max_event_bytes = max_event_bytes

    async def dispatch(self, raws: Sequence[Raw], entries: Sequence[str]) -> DispatchReport:
        """Dispatch one batch. `entries` names each event's stream entry, or Celery task and place in it.

        While Redis is away it waits: a batch from a Celery producer is nowhere else. Doing it twice does nothing twice.
        """
        report = DispatchReport()
        for start in range(0, len(raws), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            report.add(await _patiently(partial(self._dispatch, raws[part], entries[part]), len(raws[part])))
        return report

    async def dispatch_entries(self, entries: Sequence[str]) -> DispatchReport:
        """Dispatch one batch of the stream's; those that are not there any more were dispatched already."""

        async def work() -> DispatchReport:
            found = await self._stream.fetch(entries)
            return await self._dispatch(list(found.values()), list(found))

        return await _patiently(work, len(entries))

    async def _dispatch(self, raws: Sequence[Raw], entries: Sequence[str]) -> DispatchReport:
        now = await self._ledger.now()
        events, rejected = self._parse(raws, entries, now)
        apps = await self._destinations.lookup({event.app for _, event in events})
        owings = []
        for entry, event in events:
            if event.app in apps:
                owings.append(plan(entry, event, apps[event.app], now, self._events.dump))
            else:
                rejected.append(Rejected(entry, as_bytes(raws[entries.index(entry)]), _unknown(event.app)))
        return await self._write(owings, rejected)

    async def _write(self, owings: list[Owing], rejected: list[Rejected]) -> DispatchReport:
        report = DispatchReport(events=len(owings) + len(rejected))
        if owings:
            done = await self._ledger.dispatch(owings)
            report.repeated = done.repeated
            report.owed = sum(owing.owed for owing in owings)
            report.skipped = sum(len(owing.skipped) for owing in owings)
            if done.woken:
                await self._publish(done.woken)
            if done.superseded:
                await self._supersede(done.superseded)
        if rejected:
            await self._stream.reject(rejected)
            report.rejected = [f"{one.entry}: {one.error}" for one in rejected]
            for one in rejected:
                log.warning("event.rejected", entry=one.entry, error=one.error)
        return report

    def _parse(
        self, raws: Sequence[Raw], entries: Sequence[str], now: float
    ) -> tuple[list[tuple[str, Event]], list[Rejected]]:
        events: list[tuple[str, Event]] = []
        rejected: list[Rejected] = []
        for raw, entry in zip(raws, entries, strict=True):
            try:
                event = parse_event(
                    _readable(raw),
                    default_id=entry.removeprefix("celery:"),
                    received_at=arrival(entry, now),
                    max_bytes=self._max_event_bytes,
                )
                events.append((entry, event))
            except InvalidEvent as error:
                rejected.append(Rejected(entry, as_bytes(raw), str(error)))
        return events, rejected


async def _patiently(work: Callable[[], Awaitable[DispatchReport]], events: int) -> DispatchReport:
    for pause in (*PAUSES_S, None):
        try:
            return await work()
        except (RedisError, OSError) as error:
            if pause is None:
                raise
            log.warning("dispatch.waiting", events=events, error=why(error))
            await asyncio.sleep(pause)
    raise AssertionError("the last round returns or raises")


def arrival(entry: str, now: float) -> float:
    """When an event came, in epoch seconds: the stream entry's own time, where it is one of Redis' making."""
    milliseconds = entry.partition("-")[0]
    at = int(milliseconds) / 1000 if milliseconds.isdigit() else now
    return at if abs(now - at) < CLOCK_SLACK_S else now


def _readable(raw: object) -> Raw:
    """`raw` itself: Celery lets producers put anything into a list, and one mistake must not fail the others."""
    if isinstance(raw, bytes):
        return raw
    if not isinstance(raw, str | dict):
        raise InvalidEvent("event", "must be a JSON object, or the text of one")
    try:
        if isinstance(raw, str) and not raw.isascii():
            raw.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidEvent("event", "must be valid Unicode; it holds half a surrogate pair") from None
    return raw


def as_bytes(raw: Any) -> bytes:
    """What a producer sent, as near as it can be kept beside the error."""
    if isinstance(raw, bytes):
        return raw
    text = raw if isinstance(raw, str) else _text_of(raw)
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _text_of(raw: Any) -> str:
    try:
        return json.dumps(raw, default=repr)
    except (ValueError, TypeError, RecursionError):
        return _CLIPPED.repr(raw)  # nested so deep, for one, that nothing writes it whole


_CLIPPED = reprlib.Repr()
_CLIPPED.maxlevel, _CLIPPED.maxdict, _CLIPPED.maxlist, _CLIPPED.maxstring = 50, 1000, 1000, 10_000


def _unknown(app: str) -> str:
    return f"app: {app!r} is not configured; set it up with `bellhop apps apply`, then send the event again"


def why_not(destination: Destination) -> tuple[Outcome, Reason, str] | None:
    """Why nothing is owed to a destination, in words; None where it is."""
    where = f"{destination.app}/{destination.name}"
    if not destination.enabled:
        command = f"bellhop destinations enable {destination.app} {destination.name}"
        return Outcome.SKIPPED, Reason.DISABLED, f"{where} is disabled; `{command}` enables it"
    if destination.problem and not destination.locked:
        return Outcome.FAILED, Reason.BAD_SETTINGS, destination.problem
    return None


def plan(entry: str, event: Event, app: App, now: float, dump: Callable[[Event], bytes] = dump_event) -> Owing:
    """What is owed for one event to each enabled destination, and a result at once for each that is skipped."""
    to: list[str] = []
    skipped: list[tuple[str, bytes, bytes]] = []
    for name, destination in app.destinations.items():
        untried = why_not(destination)
        if untried is None:
            to.append(f"{name}={destination.channel}")
            continue
        to.append(f"-{name}={destination.channel}")
        delivery = DeliveryId(destination.channel, app.name, name, event.id)
        skipped.append((name, *untried_json(delivery, *untried, at=now)))
        log.info("delivery.settled", delivery=str(delivery), outcome=untried[0], reason=untried[1])
    return Owing(entry, event, dump(event), " ".join(to), len(to) - len(skipped), tuple(skipped))
