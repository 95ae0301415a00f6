"""What a deliver task waits for and then says, in words that a developer reads in Flower."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any, Final

from worker.models import Progress
from worker.progress import in_words
from worker.results import Fate

SHOWN: Final = 30
"""How many deliveries a task's result spells out; the counts are of all."""


class DeliverReport:
    """The deliveries of one task: how many are still under way, and what became of the others."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lines: list[str] = []
        self._under_way = 0
        self._none_left = asyncio.Event()
        self._none_left.set()

    def begun(self, deliveries: int) -> None:
        """So many more are under way."""
        self._under_way += deliveries
        if self._under_way:
            self._none_left.clear()

    def ended(self, progress: Progress, fate: Fate) -> None:
        """One has come to where it stands now."""
        kind = "lost to another worker" if fate is Fate.LOST else progress.outcome or "to be retried"
        self.counts[kind] += 1
        if len(self._lines) < SHOWN:
            delivery = progress.delivery.id
            self._lines.append(f"{delivery.app}/{delivery.destination}/{delivery.event_id}: {in_words(progress, fate)}")
        self._under_way -= 1
        if self._under_way <= 0:
            self._none_left.set()

    async def wait(self, within_s: float) -> None:
        """Until none is under way any more, but no longer than this."""
        if self._under_way and within_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._none_left.wait()
        if self._under_way:
            self.counts["still under way"] = self._under_way

    def as_result(self) -> dict[str, Any]:
        """The task's return value."""
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        return {"summary": counts or "nothing was owed any more", "deliveries": list(self._lines)}
