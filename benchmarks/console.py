"""`python -m benchmarks.console`: how soon the console knows what Redis has, and how quickly it answers.

Exit code 1 where a target is missed.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from benchmarks import report
from benchmarks.console_load import PREFIX, Load
from benchmarks.console_queries import QUERIES, Asker, Timing, timed
from benchmarks.figures import percentile
from benchmarks.memory import mib, process_bytes, redis_bytes
from benchmarks.processes import process_s
from benchmarks.table import Table, Target, at_most
from worker.cancelling import ended
from worker.commands.output import print_json, print_line
from worker.embedded_redis import EmbeddedRedis
from worker.stores.connection import async_redis, sync_redis
from worker.stores.ledger import Ledger
from worker.web.history import History
from worker.web.history_feed import HistoryFeed

TIMES = 100
QUERY_MS, HELD_UP_MS = 20, 20
BEAT_S = 0.001
IDLE_S = 10.0
MOMENT_S = 0.01


@dataclass(slots=True)
class Fed:
    """What reading the past took: seconds until the first page was full and until all was read, and memory in bytes."""

    events: int
    first_page_s: float = 0.0
    all_s: float = 0.0
    console_cpu_s: float = 0.0
    redis_cpu_s: float = 0.0
    held_up_ms: list[float] = field(default_factory=list)
    """By how much the event loop was late, time and again."""
    console_bytes: int = 0
    database_bytes: int = 0
    redis_bytes: int = 0
    idle_console: float = 0.0
    idle_redis: float = 0.0
    """The share of a processor that the console and Redis take while nothing new happens."""
    later_s: list[float] = field(default_factory=list)
    """How long after its dispatch each of some new events was there."""

    def held_up(self, share: float) -> float:
        """A percentile of how late the event loop was."""
        return percentile(self.held_up_ms, share)


def main(
    events: Annotated[int, typer.Option(min=500, help="How many events Redis has on record.")] = 100_000,
    *,
    as_data: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """How soon the console knows what Redis has, and how quickly it answers."""
    with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder, EmbeddedRedis(Path(folder)) as server:
        load = Load(events, time.time())
        filled_s = fill(server.url, load)
        fed, timings = uvloop.run(measure(server.url, server.pid, load))
        about = surroundings(server.url, filled_s)
    shown = table(fed, timings)
    if as_data:
        print_json([report.as_json(shown, about)])
    else:
        print_line(f"{about['processors']} processors, Python {about['python']}, {about['redis']}; {about['date']}.")
        report.show(shown)
    sys.exit(1 if report.failed([shown]) else 0)


def fill(url: str, load: Load) -> float:
    """Write the load; how long that took, in seconds."""
    began = time.monotonic()
    with sync_redis(url) as redis:
        redis.config_set("auto-aof-rewrite-percentage", 0)
        for done in load.fill(redis):
            sys.stderr.write(f"\r{done:,} of {load.count:,} events written")
    sys.stderr.write("\n")
    return time.monotonic() - began


async def measure(url: str, redis_pid: int, load: Load, idle_s: float = IDLE_S) -> tuple[Fed, dict[str, Timing]]:
    """Feed a history, follow some new events, and ask."""
    fed, before = Fed(load.count), process_bytes(os.getpid())
    client, history = async_redis(url), History(now=lambda: load.now)
    async with fed_by(HistoryFeed(client, PREFIX, history, most=2 * load.count)):
        await _read_all(fed, history, redis_pid)
        fed.console_bytes = process_bytes(os.getpid()) - before
        fed.database_bytes = history.database.size()
        await _idle(fed, redis_pid, idle_s)
        for number in range(20):
            fed.later_s.append(await _follow(Ledger(client, PREFIX), history, load, load.count + number))
    await client.aclose()
    with sync_redis(url) as redis:
        fed.redis_bytes = redis_bytes(redis)
    asker = Asker(history, load.now, random.Random(2))  # noqa: S311 - no secrets
    return fed, {name: timed(asker, ask, TIMES) for name, ask in QUERIES.items()}


@asynccontextmanager
async def fed_by(feed: HistoryFeed) -> AsyncIterator[None]:
    """As long as this lasts the feed runs."""
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        await ended([task])


async def _read_all(fed: Fed, history: History, redis_pid: int) -> None:
    began, cpu, redis_cpu = time.monotonic(), time.process_time(), process_s(redis_pid)
    while not history.feeding.complete:
        moment = time.perf_counter()
        await asyncio.sleep(BEAT_S)
        fed.held_up_ms.append((time.perf_counter() - moment - BEAT_S) * 1000)
        if not fed.first_page_s and len(history.events(None, 0, 1e11, limit=100)) == 100:  # noqa: PLR2004 - a page
            fed.first_page_s = time.monotonic() - began
    fed.all_s = time.monotonic() - began
    fed.console_cpu_s, fed.redis_cpu_s = time.process_time() - cpu, process_s(redis_pid) - redis_cpu


async def _idle(fed: Fed, redis_pid: int, idle_s: float) -> None:
    """Everything is read: only what is not settled is looked at again, and the past compared span by span."""
    cpu, redis_cpu = time.process_time(), process_s(redis_pid)
    await asyncio.sleep(idle_s)
    fed.idle_console = (time.process_time() - cpu) / idle_s
    fed.idle_redis = (process_s(redis_pid) - redis_cpu) / idle_s


async def _follow(ledger: Ledger, history: History, load: Load, number: int) -> float:
    """Dispatch one more event; after how many seconds it is there."""
    began, name = time.monotonic(), f"e{number}"
    await load.dispatch(ledger, number)
    while not any(row.id == name for row in history.events(None, load.now, 1e11, limit=5)):  # noqa: ASYNC110 - as a page
        await asyncio.sleep(MOMENT_S)
    return time.monotonic() - began


def table(fed: Fed, timings: dict[str, Timing]) -> Table:
    """The figures as they are shown."""
    sizes = (fed.console_bytes, fed.database_bytes, fed.redis_bytes)
    rows = [
        ("until the first page is full", f"{fed.first_page_s:.2f} s", "", "", ""),
        ("until all of it is read", f"{fed.all_s:.1f} s", "", "", f"{fed.events / fed.all_s:,.0f} events/s"),
        ("processor time: console, Redis", f"{fed.console_cpu_s:.1f} s", f"{fed.redis_cpu_s:.1f} s", "", ""),
        ("the same, of a processor, once it is read", f"{fed.idle_console:.1%}", f"{fed.idle_redis:.1%}", "", ""),
        ("event loop held up, ms", *_three(fed.held_up(0.5), fed.held_up(0.95), max(fed.held_up_ms)), ""),
        ("memory: console, its database, Redis", *map(mib, sizes), ""),
        ("a new event is there, s", *_three(*(percentile(fed.later_s, share) for share in (0.5, 0.95, 1.0))), ""),
    ]
    rows += [(name, *_three(each.p50_ms, each.p95_ms, each.worst_ms), str(each.rows)) for name, each in timings.items()]
    return Table(
        name="console",
        title=f"The console's history of {fed.events:,} events with three deliveries each (queries: ms)",
        columns=("what", "p50", "p95", "worst", "rows"),
        rows=tuple(rows),
        targets=(*(_target(name, each) for name, each in timings.items()), *_held_up(fed)),
        data={
            "fed": asdict(fed) | {"held_up_ms": max(fed.held_up_ms)},
            "queries": {k: asdict(v) for k, v in timings.items()},
        },
    )


def _target(name: str, timing: Timing) -> Target:
    return at_most(f"p95, {name}", QUERY_MS, "ms", timing.p95_ms)


def _held_up(fed: Fed) -> tuple[Target, ...]:
    return (at_most("p99, event loop held up while the past is read", HELD_UP_MS, "ms", fed.held_up(0.99)),)


def _three(*values: float) -> tuple[str, str, str]:
    first, second, third = (f"{value:.2f}" for value in values)
    return first, second, third


def surroundings(url: str, filled_s: float) -> dict[str, Any]:
    """What the figures depend on besides Bellhop."""
    with sync_redis(url) as redis:
        info = redis.info("server")
    return {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "redis": f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "filled_s": round(filled_s, 1),
    }


if __name__ == "__main__":
    typer.run(main)
