"""The deliveries under way in a process, and the places that are left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress


class InFlight:
    """The deliveries under way in this process, by lease, until where they stand is written."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._freed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def leases(self) -> list[str]:
        """Those on what is under way."""
        return list(self._tasks)

    @property
    def tasks(self) -> Iterable[asyncio.Task[None]]:
        """What carries them; those that only wait to be written have ended."""
        return list(self._tasks.values())

    def add(self, lease: str, task: asyncio.Task[None]) -> None:
        """One more is under way."""
        self._tasks[lease] = task

    def remove(self, lease: str) -> None:
        """Its place is free; one that is not here had none."""
        self._tasks.pop(lease, None)
        self._freed.set()

    async def places(self, until: float) -> int:
        """How many places are free, at least one; 0 where none has become free by `until` (loop time)."""
        while len(self._tasks) >= self._at_most:
            if not await self._one_is_freed(until):
                return 0
        return self._at_most - len(self._tasks)

    async def until_none_is_left(self, within_s: float) -> None:
        """Wait for all of them, but no longer than this."""
        until = asyncio.get_running_loop().time() + within_s
        while self._tasks and await self._one_is_freed(until):
            pass

    async def _one_is_freed(self, until: float) -> bool:
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._freed.wait()
                return True
        return False
