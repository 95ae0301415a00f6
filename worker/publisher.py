"""Celery messages out: wake-ups for deliveries and batches of events, only while the queues are short."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from worker.stores.redis_faults import why

log = structlog.get_logger()

DISPATCH_QUEUE: Final = "celery"
"""Celery's own default, so that a producer's `send_task("bellhop.dispatch", …)` needs no routing."""
DELIVER_QUEUE: Final = "bellhop.deliver"
RETRY_QUEUE: Final = "bellhop.retry"
"""What is delivered again has a lane of its own: workers ask the queues in turn, so that a mass of retries stands in no
first attempt's way, and new alerts in no retry's."""
FRESH: Final = (DISPATCH_QUEUE, DELIVER_QUEUE)
QUEUES: Final = (*FRESH, RETRY_QUEUE)
SHORT_QUEUE: Final = 1
"""How many messages may wait in the queues before no more are published: the backlog stays in stream and ledger."""
LOOK_AGAIN_S: Final = 0.005
TRY_AGAIN_S: Final = 0.5
TRIES: Final = 30
"""How often a batch of events is published while Redis is away; then the stream gives it to whoever is there."""

Envelope = Callable[[str, Sequence[Any], Mapping[str, Any], str, str], bytes]
"""(task name, args, kwargs, what Flower shows as the arguments, queue) to a Celery message for that queue's list."""


class Publisher:
    """Puts messages made by `envelope` into Celery's queues; asks Redis how long those are."""

    def __init__(self, redis: Redis, envelope: Envelope, *, batch: int) -> None:
        self._redis = redis
        self._envelope = envelope
        self._batch = batch
        self._lengths = dict.fromkeys(QUEUES, 0)
        """How many messages each queue held when something was last put into it."""
        self._just_seen_short = False

    async def events(self, entries: list[str]) -> None:
        """One dispatch task for a batch of events from the stream."""
        shown = f"({len(entries)} events: {entries[0]} … {entries[-1]})"
        message = self._envelope("bellhop.dispatch", [], {"entries": entries}, shown, DISPATCH_QUEUE)
        for _ in range(TRIES):
            if await self._put(DISPATCH_QUEUE, [message]):
                # Intake asks for room as soon as this returns; single events need not wait for a second answer.
                self._just_seen_short = sum(self._lengths[queue] for queue in FRESH) <= SHORT_QUEUE
                return
            await asyncio.sleep(TRY_AGAIN_S)

    async def deliveries(self, refs: Sequence[str]) -> None:
        """One deliver task per channel for every `batch` references."""
        await self._deliver(refs, DELIVER_QUEUE)

    async def retries(self, refs: Sequence[str]) -> None:
        """The same for what has come due again."""
        await self._deliver(refs, RETRY_QUEUE)

    async def room(self) -> None:
        """Wait until the queues of what is new are short."""
        if self._just_seen_short:
            self._just_seen_short = False
            return
        await self._until_short(FRESH)

    async def room_for_retries(self) -> None:
        """Wait until the queue of retries is short."""
        await self._until_short((RETRY_QUEUE,))

    async def _deliver(self, refs: Sequence[str], queue: str) -> None:
        by_channel: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_channel[ref.partition("/")[0]].append(ref)
        messages = []
        for channel, mine in by_channel.items():
            for start in range(0, len(mine), self._batch):
                chunk = mine[start : start + self._batch]
                shown = f"({len(chunk)} deliveries: {chunk[0]} …)" if len(chunk) > 1 else f"({chunk[0]})"
                messages.append(self._envelope(f"bellhop.deliver.{channel}", [chunk], {}, shown, queue))
        if messages:
            await self._put(queue, messages)

    async def _until_short(self, queues: Sequence[str]) -> None:
        while await self._depth(queues) > SHORT_QUEUE:  # noqa: ASYNC110 - other processes empty them; no event of ours
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _depth(self, queues: Sequence[str]) -> int:
        """How many messages wait in these queues."""
        pipe = self._redis.pipeline(transaction=False)
        for queue in queues:
            pipe.llen(queue)
        return sum(await pipe.execute())

    async def _put(self, queue: str, messages: Sequence[bytes]) -> bool:
        """Whether they are in the queue, for the workers to take from its other end."""
        try:
            self._lengths[queue] = await self._redis.lpush(queue, *messages)
        except (RedisError, OSError) as error:
            # Nothing is lost: the stream or the ledger has it, and it is published again when its time to wake ends.
            log.warning("publish.failed", queue=queue, error=why(error))
            return False
        return True
