"""Histories made by hand, and a Redis whose events and records are written by the ledger's own scripts."""

from __future__ import annotations

import orjson
from fakeredis import FakeAsyncRedis

from worker.events import dump_event, parse_event
from worker.models import DeliveryId, Outcome, Reason
from worker.record import untried_json
from worker.stores.ledger import Ledger, line_of
from worker.stores.ledger_values import LedgerLimits, Owing, Settlement
from worker.web.history import History
from worker.web.history_feed import HistoryFeed
from worker.web.history_rows import DeliveryFilter
from worker.web.history_values import OWED, Found, Standing
from worker.web.history_writing import write_event

NOW = 1_764_000_000.0
"""A round hour, for histories made by hand."""
DELIVERED = Standing("delivered", "ok", 1, 204, NOW, NOW + 0.1, None, 100.0)


def event_of(at=NOW, **fields):
    """An event as dispatch has it."""
    given = {"app": "checkout", "id": "e1", "title": "CPU load above 4", "occurred_at": at} | fields
    return parse_event(given, default_id="", received_at=at, max_bytes=262_144)


def found(at=NOW, *, arrived=None, to=(("room", "hipchat"),), standings=None, **fields):
    """An event as the feed finds it."""
    arrived_ms = round((at if arrived is None else arrived) * 1000)
    return Found(arrived_ms, event_of(at, **fields), tuple(to), tuple(standings or [OWED] * len(to)))


def history_of(*events, **options):
    """A history that holds these."""
    history = History(now=lambda: NOW, **options)
    add(history, *events)
    return history


def add(history, *events):
    """Write these into a history."""
    with history.database.transaction():
        for each in events:
            write_event(history.database, each)


class Fed:
    """A history, its feed, and the Redis that it is fed from."""

    def __init__(self, redis=None, **options):
        self.redis = redis or FakeAsyncRedis()
        self.ledger = Ledger(
            self.redis, "t", LedgerLimits(lease_ms=60_000, wake_ms=60_000, **options.pop("limits", {}))
        )
        self.history = History()
        self.feed = HistoryFeed(self.redis, "t", self.history, tick_s=0.0, **options)

    async def dispatch(self, *ids, to="room=hipchat", skipped=(), **fields):
        """Dispatch events with these ids in one batch, each of a condition of its own; returns references that woke."""
        now = await self.ledger.now()
        events = [event_of(now, id=each, **({"dedup_key": each} | fields)) for each in ids]
        owings = []
        for event in events:
            untried = []
            for name, channel in skipped:
                delivery = DeliveryId(channel, event.app, name, event.id)
                record, result = untried_json(delivery, Outcome.SKIPPED, Reason.DISABLED, "is disabled", at=now)
                untried.append((name, record, result))
            owings.append(Owing(f"celery:{event.id}", event, dump_event(event), to, 1, tuple(untried)))
        return (await self.ledger.dispatch(owings)).woken

    async def settle(self, *refs, outcome="delivered", reason="ok", due_ms=0, dead=False, result=True):
        """Claim these and settle them, or have them wait for another attempt."""
        now, claims, _ = await self.ledger.claim([(ref, ()) for ref in refs])
        await self.ledger.settle(
            [self._settlement(now, each, outcome, reason, due_ms, dead, result) for each in claims]
        )

    def _settlement(self, now, claim, outcome, reason, due_ms, dead, result):
        delivery = DeliveryId.parse(claim.ref)
        attempt = [1, now, 12.5, "delivered" if outcome == "delivered" else "retryable", reason, 204]
        record = {"reason": reason, "status_code": 204, "attempts": [attempt]}
        if not due_ms:
            record |= {"outcome": outcome, "finished_at": now}
        told = {"app": delivery.app, "destination": delivery.destination, "event_id": delivery.event_id}
        return Settlement(
            lease=claim.lease,
            record=orjson.dumps(record),
            line=line_of(event_of(now, id=delivery.event_id, dedup_key=delivery.event_id)),
            result=orjson.dumps(told | {"outcome": outcome}) if result else b"",
            due_ms=due_ms,
            dead=dead,
        )

    async def replay(self, *refs):
        """As `bellhop replay` does."""
        wanted = [(ref, event_of(id=DeliveryId.parse(ref).event_id)) for ref in refs]
        return await self.ledger.replay(wanted)

    async def ticks(self, count=3):
        """Let the feed look a few times."""
        for _ in range(count):
            await self.feed.tick()

    async def until_read(self):
        """Let the feed look until the past is read."""
        await self.feed.tick()
        while not self.history.feeding.complete:
            await self.feed.tick()

    def ids(self, **options):
        """The ids of all events, the latest first."""
        return [each.id for each in self.history.events(None, 0, 1e11, limit=1000, **options)]

    def states(self):
        """Where each delivery stands, by event id and destination."""
        rows = self.history.deliveries(DeliveryFilter(), limit=1000)
        return {(each.event_id, each.destination): each.state for each in rows}

    async def close(self):
        await self.redis.aclose()
        self.history.close()
