"""Keeps the history true to Redis, in the background: the latest first, then the past, and always what is new."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from worker.models import DeliveryId
from worker.web import history_known as known
from worker.web.history import History
from worker.web.history_arrivals import Arrivals
from worker.web.history_news import News
from worker.web.history_rows import Feeding
from worker.web.history_source import Kept, Source
from worker.web.history_values import TIE_BITS

log = structlog.get_logger()

TICK_S: Final = 0.5
"""How often there is a look at what is new."""
ANCHORS: Final = 5
"""Where none of so many of the latest events is listed as it was, this is not the Redis that was read."""
AWAY_S: Final = 2.0
"""How long Redis is left alone when it is away."""


class HistoryFeed:
    """Feeds a history from Redis; `most` is how many events it holds, the latest ones."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        history: History,
        *,
        most: int = 250_000,
        tick_s: float = TICK_S,
        away_s: float = AWAY_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._history = history
        self._source = Source(redis, prefix)
        self._arrivals = Arrivals(self._source, history.database, most)
        self._news = News(self._source, history.database)
        self._tick_s = tick_s
        self._away_s = away_s
        self._now = now
        self._begun = False
        self._away_since: float | None = None

    async def run(self) -> None:
        """Feed until cancelled; while Redis is away, wait and go on."""
        while True:
            try:
                await self.tick()
            except (RedisError, OSError) as error:
                await self._wait(error)
            except Exception:
                # A defect of ours, or something in Redis that nobody thought of: the rest is not to suffer from it.
                log.exception("history.crashed")
                await asyncio.sleep(self._away_s)

    async def tick(self) -> None:
        """One look at what is new, then reading what is missing until it is time for the next."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._tick_s
        kept = await self._source.kept()
        await self._begin_anew_if_need_be(kept)
        await self._arrivals.forget_before(kept.oldest_ms)
        await self._arrivals.follow()
        await self._news.results(kept.last_result)
        await self._news.look_again()
        if self._arrivals.complete:
            await self._arrivals.sweep()
        await self._read(lambda: loop.time() < until)
        self._tell(kept)
        await asyncio.sleep(until - loop.time())

    def look_again(self, deliveries: Iterable[DeliveryId]) -> None:
        """Look at these with the next tick: somebody has just changed them."""
        self._news.ask((each.app, each.destination, each.event_id) for each in deliveries)

    async def _read(self, is_time: Callable[[], bool]) -> None:
        """Read some of what is missing, and more while there is time; look for it where the past is not complete."""
        while self._arrivals.reading or not self._arrivals.complete:
            if not self._arrivals.reading:
                await self._arrivals.sweep()
            await self._arrivals.read()
            if not is_time():
                return

    async def _begin_anew_if_need_be(self, kept: Kept) -> None:
        if self._begun and not await self._is_another():
            return
        if self._begun:
            log.warning("history.began_anew", events=known.count(self._history.database))
            self._history.database.clear()
        self._arrivals.begin(kept.newest_ms)
        self._news.begin(kept.last_result)
        self._begun = True

    async def _is_another(self) -> bool:
        """Whether Redis was emptied, or another one answers."""
        anchors = known.latest(self._history.database, ANCHORS)
        arrived = await self._source.arrived(list(anchors))
        rows = zip(anchors.values(), arrived, strict=True)
        return bool(anchors) and all(at >> TIE_BITS != now for at, now in rows)

    async def _wait(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = self._now()
            log.warning("history.waiting", error=str(error)[:300])
        self._history.feeding = Feeding(
            self._history.feeding.events, self._history.feeding.kept, self._history.feeding.complete, self._away_since
        )
        await asyncio.sleep(self._away_s)

    def _tell(self, kept: Kept) -> None:
        if self._away_since is not None:
            log.info("history.went_on", after_s=round(self._now() - self._away_since, 1))
            self._away_since = None
        self._history.feeding = Feeding(known.count(self._history.database), kept.events, self._arrivals.complete)
