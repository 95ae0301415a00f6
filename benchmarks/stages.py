"""Where a delivery's processor time goes, stage by stage: `python -m benchmarks.stages`.

The worker's own functions, called in order on one event loop over whole batches, against the real Redis and the sink.
What a real worker takes beyond the sum is Celery's messages, the threads, and a task and a future per delivery.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import structlog
import typer
import uvloop

from benchmarks import load, measure
from benchmarks.processes import exact_s
from config.logging import configure
from config.settings import Settings, read_settings
from worker.attempt import Attempted
from worker.channels import CHANNELS
from worker.commands.output import print_table
from worker.delivery import delivery_of
from worker.dispatch import arrival, plan
from worker.events import KnownEvents, parse_event
from worker.messages import Message, Reply
from worker.models import Progress
from worker.progress import DeliveryRules, notice_of, outcome_of, refusal
from worker.record import record_and_result
from worker.routes import Routes, destination_of
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations
from worker.stores.events import Entry, EventStream
from worker.stores.ledger import Ledger, line_of
from worker.stores.ledger_values import Settlement
from worker.transports import Carrier

CONCURRENT = 50
log = structlog.get_logger()


class Clock:
    """Sums by stage this thread's processor time, and that of Redis, process `redis_pid`, meanwhile."""

    def __init__(self, redis_pid: int) -> None:
        self.spent_s: dict[str, float] = defaultdict(float)
        self.redis_s: dict[str, float] = defaultdict(float)
        self._redis_pid = redis_pid

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs inside is counted to `name`."""
        redis, began = exact_s(self._redis_pid), time.thread_time()
        yield
        self.spent_s[name] += time.thread_time() - began
        self.redis_s[name] += exact_s(self._redis_pid) - redis


class Stages:
    """The parts of a worker, one after another."""

    def __init__(self, bench: measure.Bench, settings: Settings) -> None:
        self._clock = Clock(bench.redis_pid)
        self._redis = async_redis(bench.redis_url)
        self._stream = EventStream(self._redis, load.PREFIX, "stages")
        self._ledger = Ledger(self._redis, load.PREFIX)
        self._destinations = RedisDestinations(self._redis, load.PREFIX, load.KEYS)
        self._routes = Routes(CHANNELS)
        self._carrier = Carrier(settings)
        self._rules = DeliveryRules()
        self._events = KnownEvents()

    async def run(self, batch: int) -> Clock:
        """Take everything off the stream; what each stage took."""
        await self._stream.read(1, 1)  # makes the consumer group
        while entries := await self._read(batch):
            refs = await self._dispatch(entries)
            progress = await self._deliver(refs)
            await self._settle(progress)
        await self._carrier.close()
        await self._redis.aclose()
        return self._clock

    async def _read(self, batch: int) -> list[Entry]:
        with self._clock.stage("intake: read the stream"):
            return await self._stream.read(batch, 10)

    async def _dispatch(self, entries: list[Entry]) -> list[str]:
        stage = self._clock.stage
        now = await self._ledger.now()
        with stage("dispatch: parse and check"):
            events = [
                parse_event(each.raw or b"", default_id=each.id, received_at=arrival(each.id, now), max_bytes=262_144)
                for each in entries
            ]
        with stage("dispatch, deliver: look the apps up"):
            apps = await self._destinations.lookup({event.app for event in events})
        with stage("dispatch: plan, event as JSON"):
            owings = [
                plan(entry.id, event, apps[event.app], now, self._events.dump)
                for entry, event in zip(entries, events, strict=True)
            ]
        with stage("dispatch: script call"):
            return (await self._ledger.dispatch(owings)).woken

    async def _deliver(self, refs: list[str]) -> list[Progress]:
        stage = self._clock.stage
        with stage("deliver: claim, script call"):
            now, claims, _ = await self._ledger.claim([(ref, ()) for ref in refs])
        with stage("deliver: load the events"):
            deliveries = [delivery_of(claim, self._events.load(claim.event or b""), now) for claim in claims]
        with stage("dispatch, deliver: look the apps up"):
            apps = await self._destinations.lookup({each.id.app for each in deliveries})
        with stage("deliver: route, may it be tried"):
            routes = [self._routes.find(apps, each.id) for each in deliveries]
            for each, route in zip(deliveries, routes, strict=True):
                refusal(each, destination_of(apps, each.id), route, self._rules)
        found = [route for route in routes if route is not None]
        with stage("deliver: compose"):
            messages = [
                route.channel.compose(notice_of(each, None), route.destination.settings)
                for each, route in zip(deliveries, found, strict=True)
            ]
        with stage("deliver: post (aiohttp)"):
            replies = await self._post(messages)
        with stage("deliver: judge and decide"):
            return [
                outcome_of(
                    each,
                    route,
                    Attempted(route.channel.judge(reply, route.destination.settings), "", reply),
                    now=now,
                    rules=self._rules,
                    jitter=0.5,
                )
                for each, route, reply in zip(deliveries, found, replies, strict=True)
            ]

    async def _post(self, messages: Sequence[Message]) -> list[Reply]:
        replies: dict[int, Reply] = {}
        waiting = iter(enumerate(messages))

        async def one_after_another() -> None:
            for place, message in waiting:
                replies[place] = await self._carrier.carry(message)

        await asyncio.gather(*(one_after_another() for _ in range(CONCURRENT)))
        return [replies[place] for place in range(len(messages))]

    async def _settle(self, progress: list[Progress]) -> None:
        stage = self._clock.stage
        with stage("settle: record and result as JSON"):
            settlements = [
                Settlement(each.delivery.lease, record, line_of(each.delivery.event), result, health=each.health)
                for each in progress
                for record, result in [record_and_result(each)]
            ]
        with stage("settle: script call"):
            await self._ledger.settle(settlements)
        with stage("settle: the log line, filtered"):
            for each in progress:
                log.info("delivery.settled", delivery=str(each.delivery.id), outcome=each.outcome, reason=each.reason)


def main(
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=100)] = 10_000,
    batch: Annotated[int, typer.Option(min=1)] = 200,
) -> None:
    """Measure each stage over COUNT deliveries and print microseconds of processor time per delivery.

    Redis' are those of the process, whatever it did in that time: what it writes to its log on disk, too.
    """
    settings = read_settings(allowed_addresses="127.0.0.0/8", log_level="warning")
    configure(settings)
    gc.set_threshold(50_000, 20, 100)  # as the worker does
    with measure.bench(lambda *_: None) as bench:
        asyncio.run(load.save_apps(bench.redis_url, bench.sink_url))
        for _ in load.fill(bench.redis, count):
            pass
        os.sched_setaffinity(0, bench.worker_cpus)

        async def work() -> Clock:
            return await Stages(bench, settings).run(batch)

        clock = uvloop.run(work())
        settled = load.settled(bench.redis)
    print_table(("stage", "worker us", "Redis us"), list(_rows(clock, count, f"all of them, {settled} settled")))


def _rows(clock: Clock, count: int, whole: str) -> Iterator[tuple[str, str, str]]:
    def row(name: str, *seconds: float) -> tuple[str, str, str]:
        worker, redis = (f"{each / count * 1e6:.1f}" for each in seconds)
        return name, worker, redis

    for name, seconds in clock.spent_s.items():
        yield row(name, seconds, clock.redis_s[name])
    yield row(whole, sum(clock.spent_s.values()), sum(clock.redis_s.values()))


if __name__ == "__main__":
    typer.run(main)
