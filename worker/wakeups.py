"""Every worker's timers: what is due is published again, and what is in flight and the worker give a sign of life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from redis.exceptions import RedisError

from worker.stores.key_register import HELD_S, KeyRegister
from worker.stores.ledger import Ledger
from worker.stores.redis_faults import why

log = structlog.get_logger()

EVERY_S: Final = 0.25
RENEWALS_PER_LEASE: Final = 3
TELLINGS: Final = 3
"""How often a worker's word on its keys is given within the time that it holds."""


class Wakeups:
    """Publishes what the ledger says is due, while there is room in Celery's queues."""

    def __init__(
        self,
        ledger: Ledger,
        publish: Callable[[list[str]], Awaitable[None]],
        room: Callable[[], Awaitable[None]],
        *,
        batch: int,
    ) -> None:
        self._ledger = ledger
        self._publish = publish
        self._room = room
        self._batch = batch

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            try:
                await self._room()
                full = await self.step() >= self._batch
            except (RedisError, OSError) as error:
                log.warning("wakeups.waiting", error=why(error))
                full = False
            except Exception:
                # A defect of ours must not end the timer for good: without it nothing is retried.
                log.exception("wakeups.crashed")
                full = False
            if not full:
                await asyncio.sleep(EVERY_S)

    async def step(self) -> int:
        """Publish one batch of what is due; returns how many were due."""
        woken = await self._ledger.wake(self._batch)
        if woken.ended:
            log.warning("lease.ended", deliveries=len(woken.ended), examples=woken.ended[:3])
        if woken.refs:
            await self._publish(woken.refs)
        return woken.due


async def keep_leases(ledger: Ledger, leases: Callable[[], list[str]], lease_s: float) -> None:
    """Renew what is in flight, three times within a lease, until cancelled."""
    while True:
        await asyncio.sleep(lease_s / RENEWALS_PER_LEASE)
        held = leases()
        if not held:
            continue
        try:
            await ledger.renew(held)
        except (RedisError, OSError) as error:
            log.warning("lease.not_renewed", deliveries=len(held), error=why(error))


async def keep_telling(register: KeyRegister, worker: str, keys: Sequence[str]) -> None:
    """Tell the ids of this worker's master keys, until cancelled: whoever rotates them asks who could still read."""
    try:
        while True:
            with suppress(RedisError, OSError):
                await register.tell(worker, keys)
            await asyncio.sleep(HELD_S / TELLINGS)
    finally:
        with suppress(RedisError, OSError):
            await register.withdraw(worker, keys)
