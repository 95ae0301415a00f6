"""What is kept of events and their deliveries, for people and programs that ask later. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from worker.events import load_event
from worker.models import Event

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as it stands. `state` is an outcome, `retrying` or `owed`; `attempts` are plain objects."""

    app: str
    event_id: str
    destination: str
    channel: str
    state: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt that is kept, oldest first."""
        return list(self.details.get("attempts", []))

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        head = {"event_id": self.event_id, "app": self.app, "destination": self.destination, "channel": self.channel}
        return {**head, "state": self.state, **self.details}


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event, when it came (epoch seconds), and its deliveries by destination."""

    event: Event
    at: float
    deliveries: tuple[DeliveryRecord, ...]


class Records:
    """Reads event records and results."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    async def find(self, event_id: str, apps: Iterable[str]) -> list[EventRecord]:
        """The records of an event's id, which may have been used by several of `apps`."""
        names = list(apps)
        found = await self._load([f"{name}/{event_id}".encode() for name in names])
        return [record for record in found if record is not None]

    async def latest(self, app: str | None = None) -> AsyncIterator[EventRecord]:
        """Records, newest first; those of one app where it is named."""
        start = 0
        while names := await self._page(start):
            start += PAGE
            wanted = [name for name in names if app is None or name.startswith(f"{app}/".encode())]
            for record in await self._load(wanted):
                if record is not None:
                    yield record

    async def results(self, after: str, block_ms: int, at_most: int = 500) -> list[tuple[str, dict[str, Any]]]:
        """(entry id, result) of what was settled after entry `after`, as soon as there is any."""
        found: Any = await self._redis.xread({f"{self._prefix}:results": after}, count=at_most, block=block_ms or None)
        rows = found[0][1] if found else []
        return [(entry.decode(), orjson.loads(fields[b"result"])) for entry, fields in rows]

    async def last_result(self) -> str:
        """The newest entry's id, from where on `results` can follow."""
        newest: Any = await self._redis.xrevrange(f"{self._prefix}:results", count=1)
        return newest[0][0].decode() if newest else "0-0"

    async def rejected(self, at_most: int) -> list[dict[str, str]]:
        """What could not be read, newest first."""
        rows: Any = await self._redis.xrevrange(f"{self._prefix}:rejected", count=at_most)
        return [
            {"rejected": entry.decode()} | {k.decode(): v.decode("utf-8", "replace") for k, v in fields.items()}
            for entry, fields in rows
        ]

    async def kept(self) -> dict[str, int]:
        """How many events, results and rejected events are kept."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.zcard(f"{self._prefix}:recent")
        pipe.xlen(f"{self._prefix}:results")
        pipe.xlen(f"{self._prefix}:rejected")
        pipe.zcard(f"{self._prefix}:dead")
        return dict(zip(("events", "results", "rejected", "dead_letters"), await pipe.execute(), strict=True))

    async def _page(self, start: int) -> list[bytes]:
        found: Any = await self._redis.zrevrange(f"{self._prefix}:recent", start, start + PAGE - 1)
        return list(found)

    async def _load(self, names: Sequence[bytes]) -> list[EventRecord | None]:
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(f"{self._prefix}:event:".encode() + name)
        return [_record(fields) for fields in await pipe.execute()]


def _record(fields: dict[bytes, bytes]) -> EventRecord | None:
    if b"event" not in fields:
        return None
    event = load_event(fields[b"event"])
    # In the settings' order: whom it is owed to, then who was skipped.
    to = dict(pair.split("=", 1) for pair in fields.get(b"to", b"").decode().split())
    told = {key[2:].decode(): orjson.loads(value) for key, value in fields.items() if key.startswith(b"d:")}
    names = [*to, *(name for name in told if name not in to)]
    deliveries = tuple(_delivery(event, name, to.get(name, ""), told.get(name)) for name in names)
    return EventRecord(event, float(fields[b"at"]) / 1000, deliveries)


def _delivery(event: Event, name: str, channel: str, told: dict[str, Any] | None) -> DeliveryRecord:
    if told is None:
        return DeliveryRecord(event.app, event.id, name, channel, "owed")
    state = told.get("outcome") or "retrying"
    return DeliveryRecord(event.app, event.id, name, told.get("channel", channel), state, told)
