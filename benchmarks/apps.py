"""Apps for the measures that need others than `benchmarks.load` has: any number of them, with any destinations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from benchmarks import load
from worker.channels import CHANNELS
from worker.models import App, Destination
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations

AT_ONCE = 1000


def room(app: str, name: str, sink: str) -> Destination:
    """A HipChat room at the sink, with no limit: the server is one's own."""
    return destination(app, name, "hipchat", {"room": f"{app} {name}", "token": load.TOKEN, "base_url": sink})


def destination(app: str, name: str, channel: str, settings: dict[str, Any]) -> Destination:
    """A destination of any channel, without a limit."""
    return Destination(app, name, channel, CHANNELS[channel].settings.model_validate(settings), rate_limit="off")


def with_rooms(app: str, sink: str, rooms: int = 1) -> App:
    """An app with so many HipChat rooms."""
    return App(app, {name: room(app, name, sink) for name in (f"room-{number}" for number in range(rooms))})


def save(redis_url: str, apps: Iterable[App], prefix: str = load.PREFIX) -> None:
    """Set the apps up as the settings file would."""
    asyncio.run(_save(redis_url, iter(apps), prefix))


async def _save(redis_url: str, apps: Iterator[App], prefix: str) -> None:
    client = async_redis(redis_url)
    store = RedisDestinations(client, prefix, load.KEYS)
    try:
        while some := list(islice(apps, AT_ONCE)):
            await store.save(some)
    finally:
        await client.aclose()
