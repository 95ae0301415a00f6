"""Celery messages out: wake-ups for deliveries and batches of events, only while the queues are short.

Publishing blocks (kombu has no asyncio), so it has threads of its own and never holds the event loop up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from redis.asyncio import Redis

log = structlog.get_logger()

DISPATCH_QUEUE: Final = "celery"
"""Celery's own default, so that a producer's `send_task("bellhop.dispatch", …)` needs no routing."""
DELIVER_QUEUE: Final = "bellhop.deliver"
SHORT_QUEUE: Final = 8
"""How many messages may wait in the queues before no more are published: the backlog stays in stream and ledger."""
LOOK_AGAIN_S: Final = 0.005
TRY_AGAIN_S: Final = 0.5
TRIES: Final = 30
"""How often a batch of events is published while Redis is away; then the stream gives it to whoever is there."""

Send = Callable[[str, Sequence[Any], dict[str, Any], str], None]
"""(task name, args, kwargs, what Flower shows as the arguments)"""


class Publisher:
    """Publishes through `send`, which blocks; asks Redis how long the queues are."""

    def __init__(self, redis: Redis, send: Send, *, batch: int) -> None:
        self._redis = redis
        self._send = send
        self._batch = batch
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="publish")

    async def events(self, texts: list[str], entries: list[str]) -> None:
        """One dispatch task for a batch of events from the stream."""
        shown = f"({len(entries)} events: {entries[0]} … {entries[-1]})"
        for _ in range(TRIES):
            if await self._publish("bellhop.dispatch", [texts], {"entries": entries}, shown):
                return
            await asyncio.sleep(TRY_AGAIN_S)

    async def deliveries(self, refs: Sequence[str]) -> None:
        """One deliver task per channel for every `batch` references."""
        by_channel: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_channel[ref.partition("/")[0]].append(ref)
        for channel, mine in by_channel.items():
            for start in range(0, len(mine), self._batch):
                chunk = mine[start : start + self._batch]
                shown = f"({len(chunk)} deliveries: {chunk[0]} …)" if len(chunk) > 1 else f"({chunk[0]})"
                await self._publish(f"bellhop.deliver.{channel}", [chunk], {}, shown)

    async def room(self) -> None:
        """Wait until the queues are short."""
        while await self.depth() > SHORT_QUEUE:  # noqa: ASYNC110 - other processes empty them; no event of ours
            await asyncio.sleep(LOOK_AGAIN_S)

    async def depth(self) -> int:
        """How many messages wait in Celery's queues."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.llen(DISPATCH_QUEUE)
        pipe.llen(DELIVER_QUEUE)
        return sum(await pipe.execute())

    def close(self) -> None:
        """Let what is being published finish."""
        self._threads.shutdown()

    async def _publish(self, task: str, args: Sequence[Any], kwargs: dict[str, Any], shown: str) -> bool:
        """Whether it was published."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._send, task, args, kwargs, shown)
        except Exception as error:  # noqa: BLE001 - kombu raises what its transport raises
            # Nothing is lost: the stream or the ledger has it, and it is published again when its time to wake ends.
            log.warning("publish.failed", task=task, error=str(error))
            return False
        return True
