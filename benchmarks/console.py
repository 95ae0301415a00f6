"""`python -m benchmarks.console`: how quickly the console's pages are there, and what it takes to know what Redis has.

Redis and the server are real; the console runs in this process, and what asks for its pages in a thread of it.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from redis import Redis

from benchmarks import report, results
from benchmarks.apps import destination, room
from benchmarks.console_load import APPS, PREFIX, Load
from benchmarks.console_pages import loads
from benchmarks.console_queries import QUERIES, Asker, timed
from benchmarks.console_reading import Fed, Meter, follow, idle, read, weigh
from benchmarks.console_table import table
from benchmarks.load import KEYS, TOKEN
from benchmarks.memory import process_bytes, redis_bytes
from benchmarks.processes import process_s
from benchmarks.table import Table
from config.logging import configure
from config.settings import Settings
from worker.commands.output import print_json, print_line
from worker.embedded_redis import EmbeddedRedis
from worker.models import App
from worker.stores.connection import async_redis, sync_redis
from worker.web.console import Console, assemble
from worker.web.hosts import Place
from worker.web.server import Server

FULL = 100_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How often pages are loaded, queries asked and new events sent, and how long it is watched idle, in seconds."""

    pages: int = 50
    queries: int = 100
    news: int = 20
    idle_s: float = 10.0


QUICK_EVENTS = 2000
QUICK = Effort(pages=5, queries=5, news=3, idle_s=0.5)


def main(
    events: Annotated[int, typer.Option(min=500, help="How many events Redis has on record.")] = FULL,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="2,000 events, each thing a few times: to see that it works.")
    ] = False,
    as_data: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """How quickly the console's pages are there, and what it takes to know what Redis has."""
    configure(Settings(_env_file=None, log_level="warning"), sys.stderr)
    events = QUICK_EVENTS if quick else events
    with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder, EmbeddedRedis(Path(folder)) as server:
        load = Load(events, time.time())
        with sync_redis(server.url) as redis:
            fill(redis, load)
            meter = Meter(lambda: process_s(server.pid), lambda: redis_bytes(redis))
            shown = uvloop.run(run(server.url, meter, load, QUICK if quick else Effort()))
            about = surroundings(redis, events / FULL)
    results.write(shown, about, results.folder(about["scale"]))
    if as_data:
        print_json([report.as_json(shown, about)])
    else:
        print_line(report.sentence(about))
        report.show(shown)
    sys.exit(1 if report.failed([shown]) else 0)


def fill(redis: Redis, load: Load) -> None:
    """Write the load."""
    redis.config_set("auto-aof-rewrite-percentage", 0)
    for done in load.fill(redis):
        sys.stderr.write(f"\r{done:,} of {load.count:,} events written")
    sys.stderr.write("\n")


async def run(url: str, meter: Meter, load: Load, effort: Effort) -> Table:
    """A console on that Redis, and all that is measured of it."""
    config = Settings(_env_file=None, prefix=PREFIX)
    client = async_redis(url)
    try:
        return await measure(assemble(config, client, Place("127.0.0.1"), KEYS), meter, load, effort)
    finally:
        await client.aclose()


async def measure(console: Console, meter: Meter, load: Load, effort: Effort) -> Table:
    """Start its server; read the past, be idle, follow some new events, load its pages, and ask its history."""
    await console.destinations.save(map(app, range(APPS)))
    fed = Fed(load.count, redis_before_bytes=meter.size())
    server, before = Server(console, 0), process_bytes(os.getpid())
    await server.start()
    try:
        await read(console, server.url, meter, fed)
        weigh(console, meter, fed, before)
        await idle(meter, fed, effort.idle_s)
        fed.later_s = [await follow(console, load, load.count + number) for number in range(effort.news)]
        pages = await asyncio.to_thread(loads, server.url, effort.pages)
        asker = Asker(console.history, load.now, random.Random(2))  # noqa: S311 - no secrets
        return table(fed, pages, {name: timed(asker, ask, effort.queries) for name, ask in QUERIES.items()})
    finally:
        await server.stop()


def app(number: int) -> App:
    """An app of the load, with the destinations to which its events went; nothing is sent there."""
    name, sink = f"app-{number}", "http://127.0.0.1:9"
    hook, key = {"webhook_url": f"{sink}/services/{name}"}, {"routing_key": TOKEN[:32], "api_url": sink}
    to = (
        room(name, "room", sink),
        destination(name, "team", "slack", hook),
        destination(name, "pager", "pagerduty", key),
    )
    return App(name, {each.name: each for each in to})


def surroundings(redis: Redis, scale: float) -> dict[str, Any]:
    """What the figures depend on besides Bellhop."""
    info: dict[str, Any] = redis.info("server")
    return {
        "rounds": 1,
        "scale": scale,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "redis": f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


if __name__ == "__main__":
    typer.run(main)
