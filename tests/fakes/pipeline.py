"""The steps on fakes: fakeredis with the real scripts, destinations in memory, a carrier that answers as told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fakeredis import FakeAsyncRedis, FakeServer

from config.settings import ResultsDetail
from worker.channels import CHANNELS
from worker.channels.hipchat import HipChatSettings
from worker.delivery import Deliverer
from worker.dispatch import Dispatcher
from worker.events import KnownEvents
from worker.messages import Reply
from worker.models import App, Destination
from worker.progress import DeliveryRules
from worker.results import Results
from worker.routes import Routes
from worker.stores.events import EventStream
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import LedgerLimits
from worker.stores.memory_destinations import MemoryDestinations
from worker.stores.records import Records


def room(name="ops-room", app="checkout", **options) -> Destination:
    """A HipChat destination."""
    settings = HipChatSettings(token="Canary5ecretTokenOfForty0Characters00000", room="Ops Room")
    return Destination(app, name, "hipchat", settings, **options)


@dataclass
class FakeCarrier:
    """Carries nothing: notes the messages and answers with `replies` in turn, the last one for ever."""

    replies: list[Reply | Callable] = field(default_factory=lambda: [Reply(status=204, elapsed_ms=3.0)])
    carried: list = field(default_factory=list)

    async def carry(self, message):
        self.carried.append(message)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await reply() if callable(reply) else reply


class Pipeline:
    """Dispatch, deliver and results, joined as the runtime joins them, with lists where Celery would be."""

    def __init__(
        self,
        apps,
        *,
        carrier=None,
        limits=None,
        rules=None,
        detail=ResultsDetail.SETTLED,
        bucket=None,
        illustrator=None,
    ):
        self.server = FakeServer()
        self.redis = FakeAsyncRedis(server=self.server)
        hipchat = replace(CHANNELS["hipchat"], limits=lambda _settings: bucket or ())
        channels = {**CHANNELS, "hipchat": hipchat}
        self.published: list[str] = []
        self.destinations = MemoryDestinations(apps)
        self.carrier = carrier or FakeCarrier()
        self.ledger = Ledger(self.redis, "t", limits or LedgerLimits(lease_ms=60_000, wake_ms=60_000, slack_ms=0))
        self.stream = EventStream(self.redis, "t", "me")
        self.records = Records(self.redis, "t")
        self.results = Results(self.ledger, self.publish, detail)
        events = KnownEvents()
        self.deliverer = Deliverer(
            self.ledger,
            self.destinations,
            self.carrier,
            self.results,
            self.publish,
            routes=Routes(channels),
            rules=rules or DeliveryRules(),
            events=events,
            jitter=lambda: 0.0,
            illustrator=illustrator,
        )
        self.dispatcher = Dispatcher(
            self.ledger,
            self.destinations,
            self.stream,
            self.publish,
            self.deliverer.supersede,
            events=events,
            max_event_bytes=262_144,
        )

    async def publish(self, refs):
        self.published += refs

    async def send(self, *events, entries=None):
        """Dispatch events as intake would hand them on."""
        return await self.dispatcher.dispatch(list(events), entries or [f"celery:task-{i}" for i in range(len(events))])

    async def deliver(self):
        """Run one deliver task with all that was published."""
        refs, self.published = self.published, []
        return await self.deliverer.deliver(refs)

    async def all_results(self):
        """The results written so far."""
        return [result for _, result in await self.records.results("0-0", 1)]

    async def hurry(self):
        """Make everything that is owed due at once."""
        for ref, _ in await self.redis.zrange("t:owed", 0, -1, withscores=True):
            await self.redis.zadd("t:owed", {ref: 1})
        woken = await self.ledger.wake(1000)
        self.published += woken.refs
        return woken

    async def enable(self, *, enabled):
        """Switch every destination of checkout."""
        app = (await self.destinations.lookup(["checkout"]))["checkout"]
        changed = {name: replace(each, enabled=enabled) for name, each in app.destinations.items()}
        await self.destinations.save([App("checkout", changed)])

    async def close(self):
        await self.redis.aclose()


def checkout(*destinations) -> App:
    """The app checkout with these destinations, or one room."""
    return App("checkout", {each.name: each for each in destinations or (room(),)})
