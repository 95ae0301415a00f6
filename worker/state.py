"""What waits, what is owed, who works, what is kept, what is in trouble: for `status`, the console and the HTTP API."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from worker.keys import NO_KEYS
from worker.publisher import QUEUES
from worker.stores.destinations import RedisDestinations
from worker.stores.events import EventStream
from worker.stores.ledger import Ledger
from worker.stores.records import Records
from worker.stores.roster import Roster, Sign
from worker.stores.troubles import Trouble, Troubles

T = TypeVar("T")
ALIVE_MS: Final = 30_000
"""A worker reads the stream every second; one that has been silent for longer is likely gone."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker process; `idle_ms` since its last sign of life. What only it can tell is empty until it has."""

    name: str
    idle_ms: int
    pending: int = 0
    """Events that it has taken from the stream and not dispatched yet."""
    version: str = ""
    since: float | None = None
    """When it began, in epoch seconds."""
    in_flight: int | None = None
    """Deliveries under way, of at most `places`."""
    places: int | None = None
    celery: str = ""
    """Its name in Flower."""

    @property
    def alive(self) -> bool:
        """Whether it has been heard of lately."""
        return self.idle_ms < ALIVE_MS

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        told = {"name": self.name, "pending": self.pending, "idle": self.idle_ms, "version": self.version}
        busy = {"in_flight": self.in_flight, "places": self.places}
        return {**told, "since": self.since, **busy, "celery": self.celery}


@dataclass(frozen=True, slots=True)
class Troubled:
    """A destination in trouble. `kind` is paused, open (its circuit), failing, or limited (told to wait).

    `since` and `until` are epoch seconds, None where there is none.
    """

    app: str
    destination: str
    kind: str
    words: str
    since: float | None = None
    until: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        named = {"app": self.app, "destination": self.destination, "kind": self.kind, "words": self.words}
        return {**named, "since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class Oldest:
    """Since when the oldest waits, and when the next is due; epoch seconds, None where there is none."""

    event: float | None = None
    """In the stream."""
    waiting: float | None = None
    """Of the deliveries behind another of their condition, or for a place at their destination."""
    due: float | None = None
    """When the next attempt of one that waits for it is due; past where it is overdue."""
    dead: float | None = None
    """When the latest dead letter died."""

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        return {
            "oldest_event_at": self.event,
            "oldest_waiting_at": self.waiting,
            "next_due_at": self.due,
            "last_dead_at": self.dead,
        }


@dataclass(frozen=True, slots=True)
class State:
    """One look at all of it, at epoch second `at` by Redis' clock."""

    at: float
    events_waiting: int
    deliveries: Mapping[str, int]
    """How many stand where: waiting, owed, woken, leased."""
    celery_queues: Mapping[str, int]
    workers: tuple[WorkerState, ...]
    """By name; those that are likely gone among them."""
    oldest: Oldest
    kept: Mapping[str, int]
    kept_bytes: Mapping[str, int] | None
    """None where it may not be read."""
    destinations: tuple[Troubled, ...]
    """Those in trouble, the worst first."""
    apps: frozenset[str]
    redis_memory_bytes: int | None
    """None where it may not be read."""

    @property
    def alive(self) -> tuple[WorkerState, ...]:
        """The workers that are there."""
        return tuple(each for each in self.workers if each.alive)

    @property
    def gone(self) -> tuple[WorkerState, ...]:
        """The workers that left without a word."""
        return tuple(each for each in self.workers if not each.alive)

    @property
    def in_trouble(self) -> int:
        """How many destinations fail; one that was told to wait does not."""
        return sum(each.kind != LIMITED for each in self.destinations)

    def seen_by(self, visible: Collection[str] | None) -> State:
        """The same without the names of apps that are not among `visible`; None for all."""
        if visible is None:
            return self
        mine = tuple(each for each in self.destinations if each.app in visible)
        return replace(self, destinations=mine, apps=self.apps & frozenset(visible))

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        return {
            "at": self.at,
            "events_waiting": self.events_waiting,
            "deliveries": dict(self.deliveries),
            "celery_queues": dict(self.celery_queues),
            "workers": [each.as_json() for each in self.alive],
            "workers_gone": [each.as_json() for each in self.gone],
            **self.oldest.as_json(),
            "kept": dict(self.kept),
            "kept_bytes": None if self.kept_bytes is None else dict(self.kept_bytes),
            "in_trouble": self.in_trouble,
            "troubles": [each.as_json() for each in self.destinations],
            "redis_memory_bytes": self.redis_memory_bytes,
            "apps": len(self.apps),
        }


PAUSED, OPEN, FAILING, LIMITED = KINDS = ("paused", "open", "failing", "limited")
"""The worst first."""


async def read_state(redis: Redis, prefix: str) -> State:
    """Look at all of it."""
    records, at = Records(redis, prefix), await Roster(redis, prefix).now()
    queues = [await redis.llen(name) for name in QUEUES]
    memory = await readable_info(redis, "memory")
    return State(
        at=at,
        events_waiting=await EventStream(redis, prefix, "").waiting(),
        deliveries=await Ledger(redis, prefix).counts(),
        celery_queues=dict(zip(QUEUES, queues, strict=True)),
        workers=await read_workers(redis, prefix),
        oldest=await _oldest(redis, prefix),
        kept=await records.kept(),
        kept_bytes=await _readable(records.weights()),
        destinations=await _troubled(redis, prefix, at),
        apps=frozenset(await RedisDestinations(redis, prefix, NO_KEYS).names()),
        redis_memory_bytes=int(memory["used_memory"]) if memory else None,
    )


async def read_workers(redis: Redis, prefix: str) -> tuple[WorkerState, ...]:
    """Each worker that reads the stream or has given a sign of life, by name."""
    rows = await EventStream(redis, prefix, "").consumers()
    roster = Roster(redis, prefix)
    return _workers(rows, await roster.signs(), await roster.now())


async def readable_info(redis: Redis, *sections: str) -> dict[str, Any]:
    """Redis' INFO; nothing where it may not be read."""
    return await _readable(redis.info(*sections)) or {}


async def _readable(asked: Awaitable[T]) -> T | None:
    """What an ACL forbids, or a hosted Redis does not have, is not worth the rest."""
    try:
        return await asked
    except ResponseError:
        return None


def _workers(rows: Iterable[dict[str, Any]], signs: Iterable[Sign], now: float) -> tuple[WorkerState, ...]:
    found = {row["name"]: WorkerState(row["name"], row["idle"], row["pending"]) for row in rows}
    for sign in signs:
        me, seen = sign.worker, found.get(sign.worker.name)
        silent_ms = max(0, round((now - sign.at) * 1000))
        found[me.name] = WorkerState(
            me.name,
            min(silent_ms, seen.idle_ms) if seen else silent_ms,
            seen.pending if seen else 0,
            me.version,
            sign.since,
            sign.in_flight,
            me.places,
            me.celery,
        )
    return tuple(each for _, each in sorted(found.items()))


async def _oldest(redis: Redis, prefix: str) -> Oldest:
    pipe: Any = redis.pipeline(transaction=False)
    pipe.xrange(f"{prefix}:events", count=1)
    for name, place in (("waiting", 0), ("owed", 0), ("dead", -1)):
        pipe.zrange(f"{prefix}:{name}", place, place, withscores=True)
    entries, *rows = await pipe.execute()
    event = int(entries[0][0].partition(b"-")[0]) / 1000 if entries else None
    return Oldest(event, *(found[0][1] / 1000 if found else None for found in rows))


async def _troubled(redis: Redis, prefix: str, now: float) -> tuple[Troubled, ...]:
    troubles = Troubles(redis, prefix)
    found = [_in_trouble(*place, trouble) for place, trouble in (await troubles.all()).items()]
    found += [_limited(*place, until) for place, until in (await troubles.holds()).items() if until > now]
    return tuple(sorted(found, key=lambda each: (KINDS.index(each.kind), each.app, each.destination)))


def _in_trouble(app: str, destination: str, trouble: Trouble) -> Troubled:
    kind = PAUSED if trouble.paused_at else OPEN if trouble.open_until else FAILING
    since, until = trouble.paused_at or None, (trouble.open_until or None) if kind == OPEN else None
    return Troubled(app, destination, kind, trouble.words, since, until)


def _limited(app: str, destination: str, until: float) -> Troubled:
    return Troubled(app, destination, LIMITED, "the vendor asked to be left alone for a while", None, until)
