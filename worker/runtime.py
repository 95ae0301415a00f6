"""One event loop per worker process, in a thread of its own, and everything that lives on it.

Celery cannot run `async def` tasks: its threads hand a coroutine to `Runtime.run` and wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import structlog
import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.settings import Settings
from worker.cancelling import ended
from worker.channels import CHANNELS
from worker.delivery import Deliverer
from worker.dispatch import Dispatcher
from worker.events import KnownEvents
from worker.intake import Intake
from worker.keys import MasterKeys
from worker.open_files import may_open
from worker.pictures.illustrator import Illustrator, illustrator
from worker.progress import DeliveryRules
from worker.publisher import Envelope, Publisher
from worker.results import Results
from worker.routes import Routes
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations
from worker.stores.events import EventStream
from worker.stores.key_register import KeyRegister
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import LedgerLimits
from worker.stores.redis_address import redis_address
from worker.stores.roster import Roster, Self, keep_in_touch
from worker.transports import Carrier
from worker.version import VERSION
from worker.wakeups import Wakeups, keep_leases, keep_telling

log = structlog.get_logger()

T = TypeVar("T")
MS_PER_HOUR: Final = 3_600_000
SWITCH_S: Final = 0.0005
TRUSTED_S: Final = 0.02
"""Settings that were fresh when an event was dispatched are fresh enough to deliver it a moment later."""


@dataclass(slots=True)
class Parts:
    """What lives on the loop of one worker process."""

    redis: Redis
    carrier: Carrier
    publisher: Publisher
    dispatcher: Dispatcher
    deliverer: Deliverer
    intake: Intake
    wakeups: Wakeups
    ledger: Ledger
    stream: EventStream
    telling: Callable[[], Coroutine[Any, Any, None]]
    """Tells which master keys this worker has."""
    signs: Callable[[str], Coroutine[Any, Any, None]]
    """Gives signs of life, with the worker's name in Celery."""
    illustrator: Illustrator | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


def assemble(settings: Settings, url: str, envelope: Envelope, keys: MasterKeys) -> Parts:
    """Put the parts together; called on the loop."""
    redis = async_redis(url)
    kept = LedgerLimits(
        lease_ms=int(settings.lease_s * 1000),
        retention_ms=int(settings.retention_hours * MS_PER_HOUR),
        results_kept=settings.results_kept,
        rejected_kept=settings.rejected_kept,
        events_kept=settings.events_kept,
        each=settings.in_flight_each,
    )
    ledger = Ledger(redis, settings.prefix, kept)
    name = consumer_name()
    stream = EventStream(redis, settings.prefix, name, rejected_kept=settings.rejected_kept)
    destinations = RedisDestinations(redis, settings.prefix, keys, trusted_s=TRUSTED_S)
    publisher = Publisher(redis, envelope, batch=settings.batch)
    carrier = Carrier(settings)
    results = Results(ledger, publisher.deliveries, settings.results)
    rules = DeliveryRules(
        firing_deadline_s=settings.firing_deadline_s,
        in_flight=settings.in_flight,
        console_url=settings.web_public_url or "",
    )
    events = KnownEvents()
    drawing = illustrator(settings, keys)
    deliverer = Deliverer(
        ledger,
        destinations,
        carrier,
        results,
        publisher.deliveries,
        routes=Routes(CHANNELS),
        rules=rules,
        events=events,
        jitter=random.random,
        illustrator=drawing,
    )
    dispatcher = Dispatcher(
        ledger,
        destinations,
        stream,
        publisher.deliveries,
        deliverer.supersede,
        events=events,
        max_event_bytes=settings.max_event_bytes,
    )
    intake = Intake(
        stream,
        publisher.events,
        publisher.room,
        refresh=destinations.refresh,
        batch=settings.batch,
        max_event_bytes=settings.max_event_bytes,
    )
    wakeups = Wakeups(ledger, publisher.retries, publisher.room_for_retries, batch=settings.batch)
    telling = partial(keep_telling, KeyRegister(redis, settings.prefix), name, keys.ids)

    def signs(celery: str) -> Coroutine[Any, Any, None]:
        me = Self(name, VERSION, settings.in_flight, celery)
        return keep_in_touch(Roster(redis, settings.prefix), me, lambda: len(deliverer.leases))

    return Parts(
        redis, carrier, publisher, dispatcher, deliverer, intake, wakeups, ledger, stream, telling, signs, drawing
    )


def consumer_name() -> str:
    """This process' name in the consumer group: host, process and a random part."""
    return f"{socket.gethostname()}-{os.getpid()}-{random.getrandbits(32):08x}"


class Runtime:
    """The loop, its thread and its parts. `start` before anything else, `close` once."""

    def __init__(self, settings: Settings, url: str, envelope: Envelope, keys: MasterKeys) -> None:
        self._settings = settings
        self._url = url
        self._envelope = envelope
        self._keys = keys
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bellhop-loop", daemon=True)
        self.parts: Parts

    def start(self) -> None:
        """Start the loop and what runs on it for tasks: sessions, connections, the renewal of leases."""
        # Batches allocate many small objects that live for a batch; the default thresholds collect hundreds of times
        # a second (measured: a tenth of the processor time).
        gc.set_threshold(50_000, 20, 100)
        # One thread at a time runs Python. Celery's hand a batch on in microseconds, and with the default each would
        # wait 5 ms for the loop to let it, four times an event.
        sys.setswitchinterval(SWITCH_S)
        # A connection each, the idle ones of a few seconds besides, and what a process has open anyway.
        may_open(4 * self._settings.in_flight + 1000)
        for sentence in redis_address(self._url).warnings:
            log.warning("redis.exposed", why=sentence)
        self._thread.start()
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and wait for it. Called from Celery's threads."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin_intake(self, celery: str) -> None:
        """Start to read the stream and to publish what is due; `celery` is what Flower knows this worker by."""
        parts = self.parts
        self.run(self._begin(parts.telling(), parts.signs(celery), parts.intake.run(), parts.wakeups.run()))

    def end_intake(self) -> None:
        """Take nothing new; what is under way goes on."""
        self.run(self._end_intake())

    def close(self) -> None:
        """Finish what is in flight within `shutdown_s`, hand the rest back, and stop the loop."""
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self.parts = assemble(self._settings, self._url, self._envelope, self._keys)
        deliverer = self.parts.deliverer
        await self._begin(keep_leases(self.parts.ledger, lambda: deliverer.leases, self._settings.lease_s))

    async def _begin(self, *work: Coroutine[Any, Any, None]) -> None:
        self.parts.tasks += [asyncio.create_task(each) for each in work]

    async def _end_intake(self) -> None:
        renewal, *rest = self.parts.tasks
        await ended(rest)
        self.parts.tasks = [renewal]

    async def _close(self) -> None:
        parts = self.parts
        handed_back = await parts.deliverer.drain(self._settings.shutdown_s)
        if handed_back:
            log.warning("worker.handed_back", deliveries=handed_back)
        await ended(parts.tasks)
        if parts.illustrator is not None:
            await parts.illustrator.close()
        await parts.carrier.close()
        with suppress(RedisError, OSError):
            await parts.stream.leave()
        await parts.redis.aclose()


_runtimes: dict[int, Runtime] = {}
_lock = threading.Lock()


def runtime(settings: Settings, url: str, envelope: Envelope, keys: MasterKeys) -> Runtime:
    """This process' runtime, started when first asked for; a forked child gets its own."""
    with _lock:
        mine = _runtimes.get(os.getpid())
        if mine is None:
            mine = Runtime(settings, url, envelope, keys)
            mine.start()
            _runtimes[os.getpid()] = mine
        return mine


def close_runtime() -> None:
    """Close this process' runtime, where there is one."""
    with _lock:
        mine = _runtimes.pop(os.getpid(), None)
    if mine is not None:
        mine.close()
