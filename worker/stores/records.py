"""What is kept of events and their deliveries, for people and programs that ask later. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from worker.events import load_event
from worker.models import Event
from worker.record import read_record

PAGE: Final = 200
WEIGHED: Final = 50
"""How many events are weighed for an estimate of all."""
KEPT: Final = ("recent", "results", "rejected", "dead")
KEPT_NAMES: Final = ("events", "results", "rejected", "dead_letters")


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as it stands. `state` is an outcome, `retrying` or `owed`; `attempts` are plain objects."""

    app: str
    event_id: str
    destination: str
    channel: str
    state: str
    details: dict[str, Any] = field(default_factory=dict)
    before_replay: tuple[dict[str, Any], ...] = ()
    """The attempts that had failed before it was last replayed; read by `find` alone."""

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt that is kept, oldest first."""
        return list(self.details.get("attempts", []))

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        head = {"event_id": self.event_id, "app": self.app, "destination": self.destination, "channel": self.channel}
        before = {"before_replay": list(self.before_replay)} if self.before_replay else {}
        return {**head, "state": self.state, **self.details, **before}


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
        """The records of an event's id, which may have been used by several of `apps`, with all that was tried."""
        return [await self._with_earlier(each) for each in await self.named([f"{name}/{event_id}" for name in apps])]

    async def named(self, names: Iterable[str]) -> list[EventRecord]:
        """The records of those of these events, each `<app>/<event id>`, that are kept."""
        return await self._load([name.encode() for name in names])

    async def latest(self, app: str | None = None) -> AsyncIterator[EventRecord]:
        """Records, newest first; those of one app where it is named."""
        start = 0
        while names := await self._page(start):
            start += PAGE
            wanted = [name for name in names if app is None or name.startswith(f"{app}/".encode())]
            for record in await self._load(wanted):
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
        return dict(zip(KEPT_NAMES, await pipe.execute(), strict=True))

    async def weights(self) -> dict[str, int]:
        """What these weigh in Redis, in bytes; events and what was told about them are estimated by the latest."""
        latest: Any = await self._redis.zrevrange(f"{self._prefix}:recent", 0, WEIGHED - 1)
        names = [name.decode() for name in latest]
        keys = [f"event:{name}" for name in names]
        for name, raw in zip(names, await self._stored(names), strict=True):
            to = head_of(raw.partition(b"\n")[0])[1] if raw else ()
            keys += [record_key("", name, destination)[1:] for destination, _ in to]
        pipe = self._redis.pipeline(transaction=False)
        for key in (*KEPT, *keys):
            pipe.memory_usage(f"{self._prefix}:{key}")
        recent, results, rejected, dead, *sampled = [int(size or 0) for size in await pipe.execute()]
        each = sum(sampled) / len(names) if names else 0.0
        events = int(recent + each * (await self.kept())["events"])
        return dict(zip(KEPT_NAMES, (events, results, rejected, dead), strict=True))

    async def _with_earlier(self, record: EventRecord) -> EventRecord:
        """The same, with what worker/stores/scripts/replay.lua laid aside."""
        name = f"{record.event.app}/{record.event.id}"
        keys = [record_key(self._prefix, name, each.destination, "earlier") for each in record.deliveries]
        found: Any = await self._redis.mget(keys) if keys else ()
        deliveries = tuple(
            replace(each, before_replay=tuple(read_record(raw, each.channel)["attempts"])) if raw else each
            for each, raw in zip(record.deliveries, found, strict=True)
        )
        return replace(record, deliveries=deliveries)

    async def _stored(self, names: Sequence[str]) -> list[bytes | None]:
        if not names:
            return []
        stored: Any = await self._redis.mget([f"{self._prefix}:event:{name}" for name in names])
        return list(stored)

    async def _page(self, start: int) -> list[bytes]:
        found: Any = await self._redis.zrevrange(f"{self._prefix}:recent", start, start + PAGE - 1)
        return list(found)

    async def _load(self, names: Sequence[bytes]) -> list[EventRecord]:
        texts = [name.decode() for name in names]
        found = [(name, kept_of(raw)) for name, raw in zip(texts, await self._stored(texts), strict=True) if raw]
        keys = [record_key(self._prefix, name, destination) for name, kept in found for destination, _ in kept.to]
        records: Any = await self._redis.mget(keys) if keys else ()
        told = iter(records)
        return [_record(kept, [next(told) for _ in kept.to]) for _, kept in found]


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as the ledger keeps it: when it came (epoch seconds), and (destination, channel) of whom it went to."""

    event: Event
    at: float
    to: tuple[tuple[str, str], ...]


def kept_of(raw: bytes) -> Kept:
    """Apart again what worker/stores/scripts/dispatch.lua put together; ValueError where it is no such thing."""
    head, _, event = raw.partition(b"\n")
    at, to = head_of(head)
    return Kept(load_event(event), at, to)


def head_of(head: bytes) -> tuple[float, tuple[tuple[str, str], ...]]:
    """When an event came, and (destination, channel) of whom it went to, from the first line of what is kept of it."""
    _, at, _, to = head.decode().split("\t")
    pairs = (pair.removeprefix("-").partition("=") for pair in to.split())
    return float(at) / 1000, tuple((name, channel) for name, _, channel in pairs)


def record_key(prefix: str, name: str, destination: str, kind: str = "record") -> str:
    """Where the record of a delivery stands, or its `earlier` one; `name` is `<app>/<event id>`."""
    app, _, event_id = name.partition("/")
    return f"{prefix}:{kind}:{app}/{destination}/{event_id}"


def _record(kept: Kept, told: Sequence[bytes | None]) -> EventRecord:
    deliveries = tuple(
        _delivery(kept.event, name, channel, read_record(record, channel) if record else None)
        for (name, channel), record in zip(kept.to, told, strict=True)
    )
    return EventRecord(kept.event, kept.at, deliveries)


def _delivery(event: Event, name: str, channel: str, told: dict[str, Any] | None) -> DeliveryRecord:
    if told is None:
        return DeliveryRecord(event.app, event.id, name, channel, "owed")
    state = told.get("outcome") or "retrying"
    return DeliveryRecord(event.app, event.id, name, channel, state, told)
