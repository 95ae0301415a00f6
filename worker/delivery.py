"""Step 3: claim what is owed, attempt each, and settle it or set when it is due again.

A task waits for its batch only so long: the ledger is the truth, so the slowest deliveries go on under their leases
when the task has returned, and a vendor that hangs holds a lease, not a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from traceback import format_exception
from typing import Any, Final, Protocol

import structlog
from redis.exceptions import RedisError

from worker.attempt import Attempted, Carries, attempt
from worker.cancelling import ended
from worker.channels.channel import Channel
from worker.channels.secrecy import without_secrets
from worker.deliver_report import DeliverReport
from worker.dispatch import Looks
from worker.events import KnownEvents
from worker.in_flight import InFlight
from worker.models import App, Delivery, DeliveryId, Event, Kind, Notice, Progress, Reason, Verdict
from worker.progress import DeliveryRules, died, notice_of, outcome_of, refusal, superseded
from worker.record import load_attempts
from worker.results import Fate, Results
from worker.routes import Route, Routes, destination_of
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import Claim
from worker.stores.redis_faults import why

log = structlog.get_logger()

PATIENCE_S: Final = 1.0
"""How long a task waits for its deliveries before it returns and leaves them to their leases."""
PATIENT: Final = 2
"""How many tasks of a process may wait so at a time; the others return at once, so that a vendor that hangs leaves
Celery's threads to those that do not."""
SLICE: Final = 50
"""So many are begun before the loop turns: quick vendors' answers then free their connections for the next ones, where
each of a whole batch would open its own."""
PLACE_S: Final = 5.0
"""How long a task waits for a place in a process that has its fill: well within the time after which the ledger would
publish its deliveries again, which is what happens to those that find none."""


class Illustrates(Protocol):
    """What adds pictures of metrics: `worker.pictures.illustrator.Illustrator`."""

    async def illustrated(self, notice: Notice, channel: Channel, settings: Any) -> Notice:
        """The notice with what its channel can show, soon, whatever happens."""


class Deliverer:
    """Delivers batches of references; `publish` wakes those that may come where others had to step back."""

    def __init__(
        self,
        ledger: Ledger,
        destinations: Looks,
        carrier: Carries,
        results: Results,
        publish: Callable[[list[str]], Awaitable[None]],
        *,
        routes: Routes,
        rules: DeliveryRules,
        events: KnownEvents,
        jitter: Callable[[], float],
        illustrator: Illustrates | None = None,
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._carrier = carrier
        self._results = results
        self._publish = publish
        self._routes = routes
        self._rules = rules
        self._events = events
        self._jitter = jitter
        self._illustrator = illustrator
        self._in_flight = InFlight(rules.in_flight)
        self._patient = 0

    @property
    def leases(self) -> list[str]:
        """The leases on what is in flight here."""
        return self._in_flight.leases

    async def deliver(self, refs: Sequence[str]) -> DeliverReport:
        """Deliver one batch; what is not owed any more is passed over in silence."""
        report = DeliverReport()
        patience_s = PATIENCE_S if self._patient < PATIENT else 0.0
        self._patient += 1
        try:
            await self._begin_as_places_come(refs, report)
            await report.wait(patience_s)
        finally:
            self._patient -= 1
        return report

    async def supersede(self, leases: Sequence[str]) -> None:
        """Settle what its own "resolved" has overtaken; the leases are held by this process."""
        now = await self._ledger.now()
        deliveries = await self._loaded(await self._ledger.load(leases), now)
        report = DeliverReport()
        report.begun(len(deliveries))
        for each in deliveries:
            self._settle(superseded(each, each.attempts), None, report)
        await report.wait(PATIENCE_S)

    async def drain(self, within_s: float) -> int:
        """Wait for what is in flight, then hand the rest back; returns how many were handed back."""
        await self._in_flight.until_none_is_left(within_s)
        await ended(self._in_flight.tasks)
        await self._results.close()
        left = self._in_flight.leases
        try:
            await self._wake(await self._ledger.release(left))
        except (RedisError, OSError) as error:
            # They come due again when their leases end; a Redis that is away must not keep a worker from stopping.
            log.warning("lease.not_released", deliveries=len(left), error=why(error))
        return len(left)

    async def _begin_as_places_come(self, refs: Sequence[str], report: DeliverReport) -> None:
        until = asyncio.get_running_loop().time() + PLACE_S
        left = [DeliveryId.parse(ref) for ref in dict.fromkeys(refs)]
        apps = await self._destinations.lookup({each.app for each in left})
        while left:
            places = await self._in_flight.places(until)
            if not places:
                report.counts["to be woken again, no place"] = len(left)
                return
            await self._begin(left[:places], apps, report)
            left = left[places:]

    async def _begin(self, ids: Sequence[DeliveryId], apps: Mapping[str, App], report: DeliverReport) -> None:
        """Claim these and put them under way."""
        routes = {str(each): self._routes.find(apps, each) for each in ids}
        now, claims, woken = await self._ledger.claim(
            [(ref, route.limits if route else ()) for ref, route in routes.items()]
        )
        deliveries = await self._loaded(claims, now)
        threads = await self._threads(deliveries, routes)
        report.begun(len(deliveries))
        for number, each in enumerate(deliveries, 1):
            self._put_under_way(each, routes[str(each.id)], apps, threads.get(each.lease), report)
            if number % SLICE == 0:
                await asyncio.sleep(0)  # they are sent
                await asyncio.sleep(0)  # what was answered is read
        await self._wake(woken)

    def _put_under_way(
        self,
        delivery: Delivery,
        route: Route | None,
        apps: Mapping[str, App],
        thread: str | None,
        report: DeliverReport,
    ) -> None:
        progress = refusal(delivery, destination_of(apps, delivery.id), route, self._rules)
        if progress is not None or route is None:
            if progress is not None:
                self._settle(progress, None, report)
            return
        task = asyncio.create_task(self._deliver(delivery, route, thread, report))
        self._in_flight.add(delivery.lease, task)

    async def _deliver(self, delivery: Delivery, route: Route, thread: str | None, report: DeliverReport) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        notice = notice_of(delivery, thread, self._rules.console_url)
        if delivery.event.metric is not None and self._illustrator is not None:
            notice = await self._illustrator.illustrated(notice, route.channel, route.destination.settings)
        attempted = await self._attempt(route, notice)
        now = delivery.claimed_at + loop.time() - began
        progress = outcome_of(delivery, route, attempted, now=now, rules=self._rules, jitter=self._jitter())
        self._settle(progress, attempted, report)

    async def _attempt(self, route: Route, notice: Notice) -> Attempted:
        if route.destination.locked:
            verdict = Verdict(Kind.RETRYABLE, Reason.BAD_SETTINGS, route.destination.problem)
            return Attempted(verdict, route.channel.label, None)
        try:
            return await attempt(route.channel, route.destination.settings, notice, self._carrier)
        except Exception as defect:  # noqa: BLE001
            # A defect of ours must not cost the alert, nor tell Flower or the log what the settings hold.
            traceback = without_secrets("".join(format_exception(defect)), route.destination.settings)
            log.error("delivery.crashed", delivery=notice.delivery_id, exception=traceback)  # noqa: TRY400
            verdict = Verdict(Kind.RETRYABLE, Reason.INTERNAL, "a defect in Bellhop; its log has the traceback")
            return Attempted(verdict, route.channel.label, None)

    def _settle(self, progress: Progress, attempted: Attempted | None, report: DeliverReport) -> None:
        self._results.write(progress, partial(self._settled, attempted, report))

    def _settled(self, attempted: Attempted | None, report: DeliverReport, progress: Progress, fate: Fate) -> None:
        """Where a delivery stands has been written, or it is no longer ours."""
        if fate is Fate.SUPERSEDED:
            self._settle(superseded(progress.delivery, progress.attempts), attempted, report)
            return
        self._in_flight.remove(progress.delivery.lease)
        report.ended(progress, fate)
        _log(progress, attempted, fate)

    async def _loaded(self, claims: Sequence[Claim], now: float) -> list[Delivery]:
        """The deliveries that claims are on. One whose event is gone is dropped: nothing is left to deliver."""
        gone = [claim for claim in claims if claim.event is None]
        if gone:
            log.error("delivery.event_gone", deliveries=[claim.ref for claim in gone])
            await self._wake(await self._ledger.drop([claim.lease for claim in gone]))
        load = self._events.load
        return [delivery_of(claim, load(claim.event), now) for claim in claims if claim.event is not None]

    async def _threads(
        self, deliveries: Sequence[Delivery], routes: Mapping[str, Route | None]
    ) -> dict[str, str | None]:
        """By lease: what was remembered of the condition, for channels that keep threads."""
        wanted = [each for each in deliveries if (route := routes[str(each.id)]) and route.channel.keeps_thread]
        found = await self._ledger.threads([(each.id.app, each.id.destination, each.event) for each in wanted])
        return {each.lease: ref for each, ref in zip(wanted, found, strict=True)}

    async def _wake(self, refs: list[str]) -> None:
        if refs:
            await self._publish(refs)


def delivery_of(claim: Claim, event: Event, now: float) -> Delivery:
    """What is owed by a claim; a worker that died or gave up over it counts as an attempt of unknown fate."""
    attempts = load_attempts(claim.record)
    for _ in range(claim.deaths + claim.handed_back):
        attempts = (*attempts, died(attempts, now))
    return Delivery(
        id=DeliveryId.parse(claim.ref),
        lease=claim.lease,
        event=event,
        attempts=attempts,
        claimed_at=now,
        since=max(event.received_at, claim.replayed_ms / 1000),
        deaths=claim.deaths,
        marks=bool(claim.deaths or claim.handed_back),
        paused=claim.paused,
    )


def _log(progress: Progress, attempted: Attempted | None, fate: Fate) -> None:
    """One wide line per attempt."""
    if not log.is_enabled_for(logging.INFO):
        return
    last = progress.attempts[-1] if progress.attempts else None
    log.info(
        "delivery.attempted" if progress.outcome is None else "delivery.settled",
        delivery=str(progress.delivery.id),
        to=attempted.label if attempted else None,
        attempt=last.number if last else 0,
        outcome=progress.outcome,
        reason=progress.reason,
        status_code=progress.status_code,
        elapsed_ms=last.elapsed_ms if last else None,
        due_at=progress.due_at,
        detail=progress.detail,
        fate=fate.value,
    )
