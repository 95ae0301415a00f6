"""Which events the history holds: those that Redis lists by arrival (`recent`), and no others.

A span of that list is compared with the same span of the history: what is missing is read, what is no longer listed is
forgotten. Spans are taken downward from the latest event: once to read the past, and then on and on, to find what was
missed or forgotten meanwhile. The span from the latest event upward is what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Final

import structlog

from worker.web import history_known as known
from worker.web.history_database import Database
from worker.web.history_slices import in_slices
from worker.web.history_source import SPAN, Source, Span
from worker.web.history_values import LAST_MS, TIE_BITS, Loaded, found_of
from worker.web.history_writing import forget, write_event

log = structlog.get_logger()

CHUNK_BYTES: Final = 500_000
LEAST, MOST = 5, 100
"""How many events are read in one go: about as many as have so many bytes."""
REST: Final = 0.5
"""While the past is read, the console has half as much time to itself as that takes."""
FORGOTTEN: Final = 200
"""How many are forgotten in one go."""


class Arrivals:
    """Keeps the events of the history those of Redis; of more than `most` it holds the latest."""

    def __init__(self, source: Source, database: Database, most: int) -> None:
        self._source = source
        self._database = database
        self._most = most
        self.begin(0)

    def begin(self, newest_ms: int) -> None:
        """Anew, from what arrived last."""
        self._top, self._below = newest_ms, newest_ms + 1
        self._fresh: dict[str, int] = {}
        self._past: dict[str, int] = {}
        self._chunk = LEAST
        self._swept = False

    @property
    def reading(self) -> bool:
        """Whether it is known of an event that it is missing."""
        return bool(self._fresh or self._past)

    @property
    def complete(self) -> bool:
        """Whether all of the past is read."""
        return self._swept and not self._past

    async def follow(self) -> None:
        """Note what arrived since the last time.

        The latest millisecond is looked at again each time, since more may have come within it.
        """
        full = True
        while full:
            span = await self._source.since(self._top)
            full = len(span.names) >= SPAN
            self._fresh |= await self._compared(span)
            # A millisecond that fills a span by itself was read to its end.
            self._top = span.high + (full and span.high == self._top)

    async def sweep(self) -> None:
        """Compare the next span downward; after the last it begins again at the top."""
        span = await self._source.before(self._below)
        self._below = span.low
        if self._is_full() and span.high < known.oldest_ms(self._database):
            self._below = 0
        else:
            self._past |= self._fitting(await self._compared(span))
        if self._below <= 0:
            self._below = LAST_MS + 1
            self._swept = True

    async def read(self) -> None:
        """Read some of what is missing, the latest first."""
        names = dict(islice(chain(self._fresh.items(), self._past.items()), self._chunk))
        loaded = await self._source.load(names)
        for name in names:
            self._fresh.pop(name, None)
            self._past.pop(name, None)
        await in_slices(self._database, self._write(loaded), REST)
        size = sum(len(each.raw) for each in loaded)
        self._chunk = max(LEAST, self._chunk // 2) if size > CHUNK_BYTES else min(MOST, self._chunk * 2)

    async def forget_before(self, moment_ms: int) -> None:
        """Let go of what Redis has no more, and of what is too much."""
        while arrivals := known.oldest(self._database, moment_ms, FORGOTTEN):
            await self._forget(arrivals)
        while (over := known.count(self._database) - self._most) > 0:
            await self._forget(known.oldest(self._database, LAST_MS, min(over, FORGOTTEN)))

    def _is_full(self) -> bool:
        return self._room() <= 0

    def _room(self) -> int:
        return self._most - known.count(self._database) - len(self._past)

    def _fitting(self, missing: dict[str, int]) -> dict[str, int]:
        """What is missing between what there is, and of what is older as much as there is room for."""
        oldest = known.oldest_ms(self._database)
        between = {name: ms for name, ms in missing.items() if 0 < oldest < ms}
        older = sorted(missing.keys() - between.keys(), key=missing.__getitem__, reverse=True)
        return between | {name: missing[name] for name in older[: max(0, self._room())]}

    async def _compared(self, span: Span) -> dict[str, int]:
        """Forget what is not in Redis; returns what is not in the history."""
        here = known.between(self._database, span.low, span.high)
        there = {name for name, arrival in here.items() if span.names.get(name) == arrival >> TIE_BITS}
        gone = set(here) - there | set(await self._source.gone(there))
        await self._forget([here[name] for name in gone])
        expected = self._fresh.keys() | self._past.keys()
        return {name: ms for name, ms in span.names.items() if name not in there and name not in expected}

    async def _forget(self, arrivals: list[int]) -> None:
        await in_slices(self._database, map(partial(forget, self._database), arrivals), REST)

    def _write(self, loaded: list[Loaded]) -> Iterator[None]:
        for each in loaded:
            found = found_of(each)
            if found is None:
                log.debug("history.unreadable", event_key=each.name[:200])
            else:
                write_event(self._database, found)
            yield
