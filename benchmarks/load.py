"""What every measure delivers: 1,000 apps with a HipChat room each, their events, and the message that results."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import orjson
from redis import Redis

from worker.channels.hipchat import CHANNEL, HipChatSettings
from worker.events import parse_event
from worker.keys import MasterKeys, read_key
from worker.messages import HttpPost
from worker.models import App, Destination, Notice
from worker.stores.connection import async_redis
from worker.stores.destinations import RedisDestinations

APPS = 1000
PREFIX = "bellhop"
PIPELINED = 500
MASTER_KEY = "QmVuY2htYXJrLU1hc3Rlci1LZXktMzItQnl0ZXMtSGU="
"""Of the secrets in a Redis that lasts as long as a run."""
KEYS = MasterKeys([read_key(MASTER_KEY)])
TOKEN = "BenchmarkTokenOfNoServer0123456789abcdef"  # noqa: S105 - the sink asks for none


def app_name(number: int) -> str:
    """The app of event number `number`: the apps take turns."""
    return f"app-{number % APPS}"


def room_path(number: int) -> str:
    """Where the sink sees event number `number` arrive."""
    return f"/v2/room/room-{number % APPS}/notification"


def settings(number: int, sink: str) -> HipChatSettings:
    """The room of app number `number`, on the sink."""
    return HipChatSettings.model_validate({"room": f"room-{number % APPS}", "token": TOKEN, "base_url": sink})


def event(run: str, number: int) -> dict[str, object]:
    """An alert as monitoring sends it; no two are of one condition, so that none waits for another."""
    host = f"host-{number}"
    return {
        "app": app_name(number),
        "id": f"{run}-{number}",
        "severity": "critical",
        "rule": "CPU load",
        "source": host,
        "title": f"CPU load above 4 on {host}",
        "message": "The avg(load) > 4 for 300 seconds. Current value is 5.25.",
        "tags": {"host": host, "zone": "eu-1"},
    }


def message(sink: str) -> HttpPost:
    """The request that Bellhop makes of such an event."""
    raw = orjson.dumps(event("bare", 0))
    parsed = parse_event(raw, default_id="0", received_at=0.0, max_bytes=len(raw))
    notice = Notice(event=parsed, delivery_id="hipchat/app-0/room/bare-0", attempt=1, now=0.0)
    composed = CHANNEL.compose(notice, settings(0, sink))
    if not isinstance(composed, HttpPost):
        raise TypeError("HipChat is reached by HTTP")
    return composed


async def save_apps(redis_url: str, sink: str) -> None:
    """Set the apps up as the settings file would, with no limit on the rooms: the server is one's own."""
    client = async_redis(redis_url)
    apps = []
    for number in range(APPS):
        name = app_name(number)
        room = Destination(name, "room", "hipchat", settings(number, sink), rate_limit="off")
        apps.append(App(name, {"room": room}))
    try:
        await RedisDestinations(client, PREFIX, KEYS).save(apps)
    finally:
        await client.aclose()


def fill(redis: Redis, count: int) -> Iterator[int]:
    """Put `count` events on the stream, yielding how many are there by then."""
    run = uuid.uuid4().hex[:8]
    for start in range(0, count, PIPELINED):
        end = min(start + PIPELINED, count)
        pipe = redis.pipeline(transaction=False)
        for number in range(start, end):
            pipe.xadd(f"{PREFIX}:events", {"event": orjson.dumps(event(run, number))})
        pipe.execute()
        yield end


def delivered(redis: Any) -> set[str]:
    """The ids of the events that the results stream calls delivered."""
    found, after = set(), "-"
    while rows := redis.xrange(f"{PREFIX}:results", after, count=PIPELINED):
        results = [orjson.loads(fields[b"result"]) for _, fields in rows]
        found |= {result["event_id"] for result in results if result["outcome"] == "delivered"}
        after = f"({rows[-1][0].decode()}"
    return found


def settled(redis: Redis) -> int:
    """How many results there are."""
    return int(redis.xlen(f"{PREFIX}:results"))
