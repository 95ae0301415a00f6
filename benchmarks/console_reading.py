"""What it takes a console to know what Redis has: the past, and then what is new."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.console_load import PREFIX, Load
from benchmarks.console_pages import loads_until
from benchmarks.figures import percentile
from benchmarks.memory import process_bytes
from worker.stores.ledger import Ledger
from worker.web.console import Console

BEAT_S = 0.001
MOMENT_S = 0.01
PAGE = 100


@dataclass(frozen=True, slots=True)
class Meter:
    """What Redis has used so far: processor time in seconds, and bytes in memory."""

    cpu_s: Callable[[], float]
    size: Callable[[], int]


@dataclass(slots=True)
class Fed:
    """What reading the past took: seconds until the first page was full and until all was read, and memory in bytes."""

    events: int
    missing: int = 0
    """Of the events on Redis, how many the console does not have at the end."""
    first_page_s: float = 0.0
    all_s: float = 0.0
    console_cpu_s: float = 0.0
    redis_cpu_s: float = 0.0
    held_up_ms: list[float] = field(default_factory=list)
    """By how much the event loop was late, time and again."""
    pages_ms: list[float] = field(default_factory=list)
    """How long somebody waited for the event graph and its JSON meanwhile."""
    console_bytes: int = 0
    database_bytes: int = 0
    redis_before_bytes: int = 0
    redis_bytes: int = 0
    """Before the console came, and when it had read all."""
    idle_console: float = 0.0
    idle_redis: float = 0.0
    """The share of a processor that the console and Redis take while nothing new happens."""
    later_s: list[float] = field(default_factory=list)
    """How long after its dispatch each of some new events was there."""

    def held_up(self, share: float) -> float:
        """A percentile of how late the event loop was."""
        return percentile(self.held_up_ms, share)


async def read(console: Console, url: str, meter: Meter, fed: Fed) -> None:
    """From the moment at which the console was started until it has read all, while somebody looks at a page."""
    history, enough = console.history, threading.Event()
    began, cpu, redis_cpu = time.monotonic(), time.process_time(), meter.cpu_s()
    somebody = asyncio.create_task(asyncio.to_thread(loads_until, url, enough))
    while not history.feeding.complete:
        moment = time.perf_counter()
        await asyncio.sleep(BEAT_S)
        fed.held_up_ms.append((time.perf_counter() - moment - BEAT_S) * 1000)
        if not fed.first_page_s and len(history.events(None, 0, 1e11, limit=PAGE)) == PAGE:
            fed.first_page_s = time.monotonic() - began
    fed.all_s = time.monotonic() - began
    fed.console_cpu_s, fed.redis_cpu_s = time.process_time() - cpu, meter.cpu_s() - redis_cpu
    enough.set()
    fed.pages_ms = await somebody


async def idle(meter: Meter, fed: Fed, idle_s: float) -> None:
    """Everything is read: only what is not settled is looked at again, and the past compared span by span."""
    cpu, redis_cpu = time.process_time(), meter.cpu_s()
    await asyncio.sleep(idle_s)
    fed.idle_console = (time.process_time() - cpu) / idle_s
    fed.idle_redis = (meter.cpu_s() - redis_cpu) / idle_s


def weigh(console: Console, meter: Meter, fed: Fed, before: int) -> None:
    """Memory, now that all is read; `before` is what this process had at first."""
    fed.console_bytes = process_bytes(os.getpid()) - before
    fed.database_bytes = console.history.database.size()
    fed.redis_bytes = meter.size()
    fed.missing = max(0, fed.events - console.history.feeding.events)


async def follow(console: Console, load: Load, number: int) -> float:
    """Dispatch one more event; after how many seconds it is there."""
    began, name = time.monotonic(), f"e{number}"
    await load.dispatch(Ledger(console.redis, PREFIX), number)
    while not any(row.id == name for row in console.history.events(None, load.now, 1e11, limit=5)):  # noqa: ASYNC110 - as a page
        await asyncio.sleep(MOMENT_S)
    return time.monotonic() - began
