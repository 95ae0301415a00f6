"""Step 3: claim what is owed, attempt each, and settle it or set when it is due again.

A task waits for its batch only so long: the ledger is the truth, so the slowest deliveries go on under their leases
when the task has returned, and a vendor that hangs holds a lease, not a thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from worker.attempt import Attempted, Carries, attempt
from worker.cancelling import ended
from worker.channels.channel import Limit
from worker.dispatch import Looks
from worker.events import load_event
from worker.in_flight import InFlight
from worker.models import App, Delivery, DeliveryId, Kind, Notice, Progress, Reason, Verdict
from worker.progress import DeliveryRules, died, in_words, notice_of, outcome_of, refusal, superseded
from worker.results import Fate, Results, load_attempts
from worker.routes import Route, Routes, destination_of
from worker.stores.ledger import Claim, Ledger

log = structlog.get_logger()

PATIENCE_S: Final = 1.0
"""How long a task waits for its deliveries before it returns and leaves them to their leases."""
PATIENT: Final = 2
"""How many tasks of a process may wait so at a time; the others return at once, so that a vendor that hangs leaves
Celery's threads to those that do not."""
PLACE_S: Final = 5.0
"""How long it waits for a place at a destination that moves: well within the time after which the ledger would publish
the delivery again."""
SOON_MS, LATER_MS = 250, 3000
"""When a delivery that found no place is woken again: where its destination moves, and where it seems to hang."""
SHOWN: Final = 30
"""How many deliveries a task's result spells out; the counts are of all."""


@dataclass(slots=True)
class DeliverReport:
    """What a deliver task did, in words that a developer reads in Flower."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def add(self, delivery: DeliveryId, kind: str, words: str) -> None:
        """Count one delivery, and say in words what became of it."""
        self.counts[kind] += 1
        if len(self.lines) < SHOWN:
            self.lines.append(f"{delivery.app}/{delivery.destination}/{delivery.event_id}: {words}")

    def as_result(self) -> dict[str, Any]:
        """The task's return value."""
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        return {"summary": counts or "nothing was owed any more", "deliveries": list(self.lines)}


class Deliverer:
    """Delivers batches of references."""

    def __init__(
        self,
        ledger: Ledger,
        destinations: Looks,
        carrier: Carries,
        results: Results,
        *,
        routes: Routes,
        rules: DeliveryRules,
        jitter: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._carrier = carrier
        self._results = results
        self._routes = routes
        self._rules = rules
        self._jitter = jitter
        self._in_flight = InFlight(rules)
        self._patient = 0
        self._turn = asyncio.Lock()

    @property
    def leases(self) -> list[str]:
        """The leases on what is in flight here."""
        return list(self._in_flight.tasks)

    async def deliver(self, refs: Sequence[str]) -> DeliverReport:
        """Deliver one batch; what is not owed any more is passed over in silence."""
        report = DeliverReport()
        patience_s = PATIENCE_S if self._patient < PATIENT else 0.0
        self._patient += 1
        try:
            await self._deliver_within(patience_s, refs, report)
        finally:
            self._patient -= 1
        return report

    async def _deliver_within(self, patience_s: float, refs: Sequence[str], report: DeliverReport) -> None:
        left = [DeliveryId.parse(ref) for ref in dict.fromkeys(refs)]
        apps = await self._destinations.lookup({each.app for each in left})
        tasks, left = await self._begin_some(left, apps, report)
        if left:
            more, left = await self._begin_as_places_come(left, apps, report)
            tasks |= more
        if left:
            report.counts["to be woken again, no place"] = len(left)
            moving = {str(each) for each in left if self._in_flight.moves(each)}
            await self._ledger.defer(sorted(moving), SOON_MS)
            await self._ledger.defer([str(each) for each in left if str(each) not in moving], LATER_MS)
        if tasks:
            _, slow = await asyncio.wait(tasks, timeout=patience_s)
            if slow:
                report.counts["still under way"] = len(slow)

    async def _begin_as_places_come(
        self, left: list[DeliveryId], apps: Mapping[str, App], report: DeliverReport
    ) -> tuple[set[asyncio.Task[None]], list[DeliveryId]]:
        """Begin the rest while the destinations move: (what is under way, what is still without a place)."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PLACE_S
        tasks: set[asyncio.Task[None]] = set()
        # One task at a time: each would look all of its deliveries over whenever a place becomes free.
        async with self._turn:
            while left:
                more, left = await self._begin_some(left, apps, report)
                tasks |= more
                if loop.time() >= until or not any(self._in_flight.moves(each) for each in left):
                    break
                await self._in_flight.until_one_ends(SOON_MS / 1000)
        return tasks, left

    async def _begin_some(
        self, left: list[DeliveryId], apps: Mapping[str, App], report: DeliverReport
    ) -> tuple[set[asyncio.Task[None]], list[DeliveryId]]:
        """Begin those that there is a place for: (what is under way, the others)."""
        admitted, left = self._in_flight.admit(left)
        return await self._begin(admitted, apps, report) if admitted else set(), left

    async def supersede(self, leases: Sequence[str]) -> None:
        """Settle what its own "resolved" has overtaken; the leases are held by this process."""
        now = await self._ledger.now()
        deliveries = await self._loaded(await self._ledger.load(leases), now)
        await asyncio.gather(
            *(self._settle(superseded(each, each.attempts), None, DeliverReport()) for each in deliveries)
        )

    async def drain(self, within_s: float) -> int:
        """Wait for what is in flight, then hand the rest back; returns how many were handed back."""
        if self._in_flight.tasks:
            await asyncio.wait(self._in_flight.tasks.values(), timeout=within_s)
        left = self._in_flight.tasks
        await ended(left.values())
        await self._results.close()
        try:
            await self._ledger.release(list(left))
        except (RedisError, OSError) as error:
            # They come due again when their leases end; a Redis that is away must not keep a worker from stopping.
            log.warning("lease.not_released", deliveries=len(left), error=str(error))
        return len(left)

    async def _begin(
        self, ids: Sequence[DeliveryId], apps: Mapping[str, App], report: DeliverReport
    ) -> set[asyncio.Task[None]]:
        """Claim these and put them under way."""
        now, claims = await self._ledger.claim([(str(each), self._limits(apps, each)) for each in ids])
        deliveries = await self._loaded(claims, now)
        threads = await self._threads(deliveries, apps)
        tasks = set()
        for delivery in deliveries:
            task = asyncio.create_task(self._deliver(delivery, apps, threads.get(delivery.lease), report))
            self._in_flight.add(delivery, task)
            tasks.add(task)
        return tasks

    async def _loaded(self, claims: Sequence[Claim], now: float) -> list[Delivery]:
        """The deliveries that claims are on. One whose event is gone is dropped: nothing is left to deliver."""
        gone = [claim for claim in claims if claim.event is None]
        if gone:
            log.error("delivery.event_gone", deliveries=[claim.ref for claim in gone])
            await self._ledger.drop([claim.lease for claim in gone])
        return [_delivery(claim, claim.event, now) for claim in claims if claim.event is not None]

    def _limits(self, apps: Mapping[str, App], each: DeliveryId) -> tuple[Limit, ...]:
        route = self._routes.find(apps, each)
        return route.limits if route else ()

    async def _threads(self, deliveries: Sequence[Delivery], apps: Mapping[str, App]) -> dict[str, str | None]:
        """By lease: what was remembered of the condition, for channels that keep threads."""
        routes = [(each, self._routes.find(apps, each.id)) for each in deliveries]
        wanted = [each for each, route in routes if route and route.channel.keeps_thread]
        found = await self._ledger.threads([(each.id.app, each.id.destination, each.event) for each in wanted])
        return {each.lease: ref for each, ref in zip(wanted, found, strict=True)}

    async def _deliver(
        self, delivery: Delivery, apps: Mapping[str, App], thread: str | None, report: DeliverReport
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        route = self._routes.find(apps, delivery.id)
        progress = refusal(delivery, destination_of(apps, delivery.id), route, self._rules)
        attempted = None
        if progress is None and route is not None:
            attempted = await self._attempt(route, notice_of(delivery, thread))
            now = delivery.claimed_at + loop.time() - began
            progress = outcome_of(delivery, route, attempted, now=now, rules=self._rules, jitter=self._jitter())
        if progress is not None:
            await self._settle(progress, attempted, report)

    async def _attempt(self, route: Route, notice: Notice) -> Attempted:
        try:
            return await attempt(route.channel, route.destination.settings, notice, self._carrier)
        except Exception:
            # A defect of ours must not cost the alert, nor tell Flower what the settings hold.
            log.exception("delivery.crashed", delivery=notice.delivery_id)
            verdict = Verdict(Kind.RETRYABLE, Reason.INTERNAL, "a defect in Bellhop; its log has the traceback")
            return Attempted(verdict, route.channel.label, None)

    async def _settle(self, progress: Progress, attempted: Attempted | None, report: DeliverReport) -> None:
        fate = await self._results.write(progress)
        if fate is Fate.SUPERSEDED:
            progress = superseded(progress.delivery, progress.attempts)
            fate = await self._results.write(progress)
        kind = "lost to another worker" if fate is Fate.LOST else progress.outcome or "to be retried"
        report.add(progress.delivery.id, kind, in_words(progress, fate))
        _log(progress, attempted, fate)


def _delivery(claim: Claim, event: bytes, now: float) -> Delivery:
    attempts = load_attempts(claim.record)
    for _ in range(claim.deaths + claim.handed_back):
        attempts = (*attempts, died(attempts, now))
    loaded = load_event(event)
    return Delivery(
        id=DeliveryId.parse(claim.ref),
        lease=claim.lease,
        event=loaded,
        attempts=attempts,
        claimed_at=now,
        since=max(loaded.received_at, claim.replayed_ms / 1000),
        deaths=claim.deaths,
        paused=claim.paused,
    )


def _log(progress: Progress, attempted: Attempted | None, fate: Fate) -> None:
    """One wide line per attempt."""
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
