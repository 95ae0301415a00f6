"""The deliveries under way in a process, and the places that are left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from worker.models import Delivery, DeliveryId
from worker.progress import DeliveryRules

MOVES_S: Final = 1.0
"""A destination that has answered, or has first been asked, within so long moves."""


class InFlight:
    """The deliveries under way in this process, by lease, and the places that are left."""

    def __init__(self, rules: DeliveryRules) -> None:
        self._rules = rules
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._each: Counter[tuple[str, str]] = Counter()
        self._freed = asyncio.Event()
        self._sign_at: dict[tuple[str, str], float] = {}
        """When a destination last gave a sign of life, or was first asked for one."""
        self._any_sign_at = -MOVES_S

    @property
    def tasks(self) -> dict[str, asyncio.Task[None]]:
        """By lease."""
        return dict(self._tasks)

    def admit(self, ids: Sequence[DeliveryId]) -> tuple[list[DeliveryId], list[DeliveryId]]:
        """Those that there is a place for now, and the others."""
        places = self._rules.in_flight - len(self._tasks)
        taken: Counter[tuple[str, str]] = Counter()
        admitted: list[DeliveryId] = []
        left: list[DeliveryId] = []
        for each in ids:
            key = (each.app, each.destination)
            if len(admitted) < places and self._each[key] + taken[key] < self._rules.in_flight_each:
                taken[key] += 1
                admitted.append(each)
            else:
                left.append(each)
        return admitted, left

    def add(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        """A delivery is under way; its place is free again when `task` ends."""
        key = (delivery.id.app, delivery.id.destination)
        self._tasks[delivery.lease] = task
        self._each[key] += 1
        self._sign_at.setdefault(key, asyncio.get_running_loop().time())

        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[delivery.lease]
            self._each[key] -= 1
            self._sign_at[key] = self._any_sign_at = asyncio.get_running_loop().time()
            if not self._each[key]:
                del self._each[key], self._sign_at[key]
            self._freed.set()

        task.add_done_callback(ended)

    def moves(self, delivery: DeliveryId) -> bool:
        """Whether its destination answers, so that a place will soon be free."""
        at = self._sign_at.get((delivery.app, delivery.destination), self._any_sign_at)
        return asyncio.get_running_loop().time() - at < MOVES_S

    async def until_one_ends(self, within_s: float) -> None:
        """Wait for a place to become free, at most so long."""
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._freed.wait()
