"""Step 3: claim what is owed, attempt each, and settle it or set when it is due again.

A task waits for its batch only so long: the ledger is the truth, so the slowest deliveries go on under their leases
when the task has returned, and a vendor that hangs holds a lease, not a thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from worker.attempt import Attempted, Carries, attempt
from worker.channels.channel import Channel, Limit
from worker.dispatch import Looks
from worker.events import load_event
from worker.models import (
    App,
    Attempt,
    Delivery,
    DeliveryId,
    Destination,
    Kind,
    Notice,
    OnAmbiguous,
    Outcome,
    Progress,
    Reason,
    Verdict,
)
from worker.results import Fate, Results, load_attempts
from worker.retry import RetryPolicy, asked_until, decide
from worker.stores.ledger import Claim, Ledger

log = structlog.get_logger()

PATIENCE_S: Final = 1.0
"""How long a task waits for its deliveries before it returns and leaves them to their leases."""
LATE_AFTER_S: Final = 60.0
"""From when on a message says how late it is."""
RESOLVED_DEADLINE_S: Final = 86_400.0
"""How long a "resolved" is worth delivering at the least: until it comes an incident stays open."""
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


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """What an operator sets about deliveries. Times in seconds."""

    firing_deadline_s: float = 3600.0
    in_flight: int = 1000
    in_flight_each: int = 100
    """Per destination, so that one that hangs cannot take all the places."""


@dataclass(frozen=True, slots=True)
class Route:
    """A destination with the code that serves it and the limits that bind it."""

    destination: Destination
    channel: Channel
    limits: tuple[Limit, ...]


class Deliverer:
    """Delivers batches of references."""

    def __init__(
        self,
        ledger: Ledger,
        destinations: Looks,
        carrier: Carries,
        results: Results,
        *,
        channels: Mapping[str, Channel],
        rules: DeliveryRules,
        limits_of: Callable[[Destination, Channel], tuple[Limit, ...]],
        jitter: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._carrier = carrier
        self._results = results
        self._channels = channels
        self._rules = rules
        self._limits_of = limits_of
        self._jitter = jitter
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._per_destination: Counter[tuple[str, str]] = Counter()
        self._routes: dict[tuple[str, str], Route] = {}

    @property
    def leases(self) -> list[str]:
        """The leases on what is in flight here."""
        return list(self._in_flight)

    async def deliver(self, refs: Sequence[str]) -> DeliverReport:
        """Deliver one batch; what is not owed any more is passed over in silence."""
        ids = [DeliveryId.parse(ref) for ref in dict.fromkeys(refs)]
        apps = await self._destinations.lookup({each.app for each in ids})
        wanted = self._admit(ids, apps)
        if not wanted:
            return DeliverReport()
        now, claims = await self._ledger.claim(wanted)
        return await self._run(now, claims, apps)

    async def supersede(self, leases: Sequence[str]) -> None:
        """Settle what its own "resolved" has overtaken; the leases are held by this process."""
        now = await self._ledger.now()
        for claim in await self._ledger.load(leases):
            delivery = _delivery(claim, now)
            if delivery is not None:
                await self._settle(_superseded(delivery, delivery.attempts), None, DeliverReport())

    async def drain(self, within_s: float) -> int:
        """Wait for what is in flight, then hand the rest back; returns how many were handed back."""
        if self._in_flight:
            await asyncio.wait(self._in_flight.values(), timeout=within_s)
        left = dict(self._in_flight)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        await self._ledger.release(list(left))
        return len(left)

    def _admit(self, ids: Sequence[DeliveryId], apps: Mapping[str, App]) -> list[tuple[str, tuple[Limit, ...]]]:
        """Those that there is a place for now. The others stay woken, and are woken again."""
        places = self._rules.in_flight - len(self._in_flight)
        taken: Counter[tuple[str, str]] = Counter()
        wanted: list[tuple[str, tuple[Limit, ...]]] = []
        for each in ids:
            key = (each.app, each.destination)
            if len(wanted) >= places:
                break
            if self._per_destination[key] + taken[key] >= self._rules.in_flight_each:
                continue
            taken[key] += 1
            route = self._route(apps, each)
            wanted.append((str(each), route.limits if route else ()))
        return wanted

    def _route(self, apps: Mapping[str, App], each: DeliveryId) -> Route | None:
        app = apps.get(each.app)
        destination = app.destinations.get(each.destination) if app else None
        if destination is None or destination.problem:
            return None
        known = self._routes.get((each.app, each.destination))
        if known is None or known.destination is not destination:
            channel = self._channels[destination.channel]
            known = Route(destination, channel, self._limits_of(destination, channel))
            if len(self._routes) > 50_000:  # noqa: PLR2004 - more than the settings' own cache holds
                self._routes.clear()
            self._routes[each.app, each.destination] = known
        return known

    async def _run(self, now: float, claims: Sequence[Claim], apps: Mapping[str, App]) -> DeliverReport:
        report = DeliverReport()
        deliveries = [delivery for claim in claims if (delivery := _delivery(claim, now)) is not None]
        threads = await self._threads(deliveries, apps)
        tasks = [self._start(delivery, apps, threads.get(delivery.lease), report) for delivery in deliveries]
        if tasks:
            _, slow = await asyncio.wait(tasks, timeout=PATIENCE_S)
            if slow:
                report.counts["still under way"] = len(slow)
        return report

    async def _threads(self, deliveries: Sequence[Delivery], apps: Mapping[str, App]) -> dict[str, str | None]:
        wanted = [each for each in deliveries if (route := self._route(apps, each.id)) and route.channel.keeps_thread]
        found = await self._ledger.threads([(each.id.app, each.id.destination, each.event) for each in wanted])
        return {each.lease: ref for each, ref in zip(wanted, found, strict=True)}

    def _start(
        self, delivery: Delivery, apps: Mapping[str, App], thread: str | None, report: DeliverReport
    ) -> asyncio.Task[None]:
        key = (delivery.id.app, delivery.id.destination)
        task = asyncio.create_task(self._deliver(delivery, apps, thread, report))
        self._in_flight[delivery.lease] = task
        self._per_destination[key] += 1

        def ended(_: asyncio.Task[None]) -> None:
            self._in_flight.pop(delivery.lease, None)
            self._per_destination[key] -= 1
            if not self._per_destination[key]:
                del self._per_destination[key]

        task.add_done_callback(ended)
        return task

    async def _deliver(
        self, delivery: Delivery, apps: Mapping[str, App], thread: str | None, report: DeliverReport
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        route = self._route(apps, delivery.id)
        progress = refusal(delivery, _destination(apps, delivery.id), route, self._rules)
        attempted = None
        if progress is None and route is not None:
            notice = notice_of(delivery, thread)
            attempted = await self._attempt(route, notice)
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
            progress = _superseded(progress.delivery, progress.attempts)
            fate = await self._results.write(progress)
        words = in_words(progress, fate)
        kind = "lost to another worker" if fate is Fate.LOST else progress.outcome or "to be retried"
        report.add(progress.delivery.id, kind, words)
        log_progress(progress, attempted, fate)


def _destination(apps: Mapping[str, App], each: DeliveryId) -> Destination | None:
    app = apps.get(each.app)
    return app.destinations.get(each.destination) if app else None


def _delivery(claim: Claim, now: float) -> Delivery | None:
    """The delivery that a claim is on; None, with a line in the log, where its record is gone."""
    if claim.event is None:
        log.error("delivery.record_gone", delivery=claim.ref)
        return None
    attempts = load_attempts(claim.record)
    for _ in range(claim.deaths):
        attempts = (*attempts, died(attempts, now))
    return Delivery(DeliveryId.parse(claim.ref), claim.lease, load_event(claim.event), attempts, now)


def died(attempts: Sequence[Attempt], now: float) -> Attempt:
    """The attempt during which a worker died: whether it arrived nobody knows."""
    detail = "the worker died or lost its lease while it was under way"
    return Attempt(next_number(attempts), now, 0.0, Kind.AMBIGUOUS, Reason.NO_ANSWER, None, detail)


def next_number(attempts: Sequence[Attempt]) -> int:
    """The number of the attempt that comes next."""
    return attempts[-1].number + 1 if attempts else 1


def deadline_of(delivery: Delivery, channel: Channel, rules: DeliveryRules) -> float:
    """Until when the alert is worth delivering, in epoch seconds."""
    lasts = max(channel.deadline_s, rules.firing_deadline_s) if channel.deadline_s > 3600 else rules.firing_deadline_s  # noqa: PLR2004 - DESIGN section 5
    if not delivery.event.firing:
        lasts = max(lasts, RESOLVED_DEADLINE_S)
    return delivery.event.received_at + lasts


def ambiguous_allowed(route: Route) -> int:
    """How many attempts of unknown fate there may be in all."""
    if route.channel.idempotent:
        return route.channel.retry.attempts
    return 1 if route.destination.on_ambiguous is OnAmbiguous.STOP else route.channel.retry.ambiguous_attempts


def refusal(
    delivery: Delivery, destination: Destination | None, route: Route | None, rules: DeliveryRules
) -> Progress | None:
    """Why this delivery is not attempted, already settled; None where it may be."""

    def settled(outcome: Outcome, reason: Reason, detail: str) -> Progress:
        return Progress(delivery, delivery.attempts, reason, outcome, detail=detail)

    where = f"{delivery.id.app}/{delivery.id.destination}"
    if destination is None:
        return settled(Outcome.FAILED, Reason.NO_DESTINATION, f"{where} was deleted since the event came")
    if route is None:
        return settled(Outcome.FAILED, Reason.BAD_SETTINGS, destination.problem)
    if not destination.enabled:
        return settled(Outcome.SKIPPED, Reason.DISABLED, f"{where} was disabled since the event came")
    if delivery.ambiguous >= ambiguous_allowed(route):
        detail = f"sent {delivery.ambiguous} times without an answer; not sent again, so that nobody sees it more often"
        return settled(Outcome.FAILED, Reason.NO_ANSWER, detail)
    if delivery.claimed_at > deadline_of(delivery, route.channel, rules):
        last = delivery.attempts[-1] if delivery.attempts else None
        detail = f"its deadline passed after {len(delivery.attempts)} attempts"
        return settled(Outcome.FAILED, Reason.EXPIRED, f"{detail}; the last: {last.detail}" if last else detail)
    return None


def notice_of(delivery: Delivery, thread: str | None) -> Notice:
    """What the channel is asked to say."""
    late = delivery.claimed_at - delivery.event.received_at
    return Notice(
        event=delivery.event,
        delivery_id=str(delivery.id),
        attempt=next_number(delivery.attempts),
        now=delivery.claimed_at,
        late_s=late if late > LATE_AFTER_S else 0.0,
        thread_ref=thread,
    )


def policy_of(route: Route) -> RetryPolicy:
    """The channel's retry policy with the destination's word on messages of unknown fate."""
    return replace(route.channel.retry, ambiguous_attempts=ambiguous_allowed(route))


def outcome_of(
    delivery: Delivery, route: Route, attempted: Attempted, *, now: float, rules: DeliveryRules, jitter: float
) -> Progress:
    """Where the delivery stands after this attempt. Pure."""
    verdict = attempted.verdict
    number = next_number(delivery.attempts)
    ambiguous = delivery.ambiguous + (verdict.kind is Kind.AMBIGUOUS)
    due = decide(
        policy_of(route),
        attempt=number,
        ambiguous=ambiguous,
        verdict=verdict,
        now=now,
        deadline=deadline_of(delivery, route.channel, rules),
        jitter=jitter,
    )
    this = Attempt(
        number,
        delivery.claimed_at,
        round(attempted.elapsed_ms, 1),
        verdict.kind,
        verdict.reason,
        verdict.status_code,
        verdict.detail,
        due,
    )
    delivered = verdict.kind is Kind.DELIVERED
    return Progress(
        delivery=delivery,
        attempts=(*delivery.attempts, this),
        reason=verdict.reason,
        outcome=Outcome.DELIVERED if delivered else Outcome.FAILED if due is None else None,
        due_at=due,
        detail=verdict.detail,
        status_code=verdict.status_code,
        provider_ref=verdict.provider_ref,
        hold_until=asked_until(verdict, now) if verdict.kind is not Kind.DELIVERED else None,
        keep_thread=delivered and route.channel.keeps_thread and delivery.event.firing,
    )


def _superseded(delivery: Delivery, attempts: tuple[Attempt, ...]) -> Progress:
    detail = "its condition was resolved while it was still owed; the resolved alert is delivered in its place"
    return Progress(delivery, attempts, Reason.SUPERSEDED, Outcome.SKIPPED, detail=detail)


def in_words(progress: Progress, fate: Fate = Fate.WRITTEN) -> str:
    """`delivered, 204 in 12 ms` or `attempt 2: server_error 503, again in 4 s`."""
    if fate is Fate.LOST:
        return "its lease had ended; another worker has it"
    status = f" {progress.status_code}" if progress.status_code else ""
    if progress.outcome is Outcome.DELIVERED:
        return f"delivered,{status} in {progress.attempts[-1].elapsed_ms:.0f} ms, attempt {len(progress.attempts)}"
    if progress.outcome is not None:
        return f"{progress.outcome}: {progress.reason}{status}; {progress.detail}"[:300]
    wait = (progress.due_at or 0) - progress.attempts[-1].at
    return f"attempt {len(progress.attempts)}: {progress.reason}{status}; again {wait:.1f} s later"


def log_progress(progress: Progress, attempted: Attempted | None, fate: Fate) -> None:
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
