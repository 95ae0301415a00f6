"""The ledger: what is owed, on Redis, and the only truth about it. A Celery message is a wake-up, no more.

Each method is one script, run by Redis in one step over a whole batch (worker/stores/scripts). Time is Redis' time.
docs/architecture.md draws the states of a delivery.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import secrets
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from worker.channels.channel import Limit
from worker.models import Event, Severity, Status
from worker.stores.ledger_values import Claim, Dispatched, LedgerLimits, Owing, Settled, Settlement, Woken

GROUP = "bellhop"
"""The consumer group on the events stream."""
REPEAT_MS = 24 * 3600 * 1000
"""How long an event's id counts as seen."""
CLOCK_S = 1.0
"""For how long this process' own clock is trusted to run as fast as Redis'."""


def line_of(event: Event) -> str:
    """The name of the line in which deliveries of one condition wait for each other."""
    return _digest(event.dedup_key)


@lru_cache(maxsize=8192)
def _digest(dedup_key: str) -> str:
    return hashlib.blake2b(dedup_key.encode(), digest_size=12).hexdigest()


class Ledger:
    """The ledger on Redis; `redis` must return bytes."""

    def __init__(self, redis: Redis, prefix: str, limits: LedgerLimits | None = None) -> None:
        self._redis = redis
        self._prefix = prefix
        self._limits = limits or LedgerLimits()
        self._worker = secrets.token_hex(6)
        self._claims = itertools.count(1)
        self._clock, self._clock_at = 0.0, -math.inf
        self._scripts = {name: _script(redis, name) for name in _NAMES}

    async def dispatch(self, owings: Sequence[Owing]) -> Dispatched:
        """Write the events and what is owed for them, acknowledge their stream entries: all in one step."""
        kept = self._limits
        args: list[Any] = [REPEAT_MS, self._token(), GROUP, kept.rejected_kept, kept.events_kept, len(owings)]
        for owing in owings:
            event = owing.event
            args += (owing.entry, event.app, event.id, owing.raw, _flag(event) + line_of(event), owing.to)
            args.append(len(owing.skipped))
            args += itertools.chain.from_iterable(owing.skipped)
        woken, superseded, repeated = await self._run("dispatch", args)
        return Dispatched(_texts(woken), _texts(superseded), _texts(repeated))

    async def claim(self, wanted: Sequence[tuple[str, Sequence[Limit]]]) -> tuple[float, list[Claim], list[str]]:
        """Lease each woken delivery that its destination may take now.

        Returns Redis' time in epoch seconds, the claims, and references to publish: who may come where others had to
        step back.
        """
        token = self._token()
        args: list[Any] = [token]
        for ref, limits in wanted:
            args += (ref, len(limits))
            for limit in limits:
                args += (limit.key, limit.count, int(limit.per_s * 1000) + self._limits.slack_ms)
        now, refs, kept, marks, paused, woken = await self._run("claim", args)
        leases = (f"{token}|{ref.decode()}" for ref in refs)
        rows = zip(leases, kept[::2], kept[1::2], marks, paused, strict=True)
        return now / 1000, [_claim(*row) for row in rows], _texts(woken)

    async def load(self, leases: Sequence[str]) -> list[Claim]:
        """What belongs to leases that are held already."""
        if not leases:
            return []
        refs = [lease.split("|", 1)[1] for lease in leases]
        pipe = self._redis.pipeline(transaction=False)
        for ref in refs:
            _, app, destination, event_id = ref.split("/", 3)
            names = (f"event:{app}/{event_id}", f"record:{app}/{destination}/{event_id}")
            pipe.mget([f"{self._prefix}:{name}" for name in names])
        pipe.hmget(f"{self._prefix}:marks", refs)
        *kept, marks = await pipe.execute()
        return [
            _claim(lease, event, record, mark) for lease, (event, record), mark in zip(leases, kept, marks, strict=True)
        ]

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """Write history and take the deliveries off the ledger, or set when they are due again."""
        args: list[Any] = []
        for one in settlements:
            args += (one.lease, one.due_ms, one.record, one.result, one.line, _more(one))
        woken, lost, superseded = await self._run("settle", args)
        return Settled(_texts(woken), frozenset(_texts(lost)), frozenset(_texts(superseded)))

    async def wake(self, at_most: int) -> Woken:
        """Take what is due: retries, lost wake-ups, and the deliveries of workers that died."""
        refs, ended, due = await self._run("wake", [at_most])
        return Woken(_texts(refs), _texts(ended), due)

    async def renew(self, leases: Sequence[str]) -> int:
        """Give a sign of life; returns how many of them are still held."""
        return int(await self._run("renew", leases)) if leases else 0

    async def replay(self, wanted: Sequence[tuple[str, Event]]) -> tuple[list[str], int]:
        """Dead letters are owed again, from attempt 1: (references to publish, how many)."""
        args: list[str] = []
        for ref, event in wanted:
            args += (ref, _flag(event) + line_of(event))
        woken, replayed = await self._run("replay", args)
        return _texts(woken), int(replayed)

    async def dead(self, since_ms: float, until_ms: float) -> list[tuple[str, float]]:
        """(reference, when) of the dead letters of a span, oldest first; epoch milliseconds."""
        rows: Any = await self._redis.zrangebyscore(f"{self._prefix}:dead", since_ms, until_ms, withscores=True)
        return [(ref.decode(), at) for ref, at in rows]

    async def drop(self, leases: Sequence[str]) -> list[str]:
        """Take off the ledger what has no event any more; returns references to publish."""
        return _texts(await self._run("drop", leases)) if leases else []

    async def release(self, leases: Sequence[str]) -> list[str]:
        """Hand back what was not finished, due at once; returns references to publish."""
        return _texts(await self._run("release", leases)) if leases else []

    async def threads(self, wanted: Sequence[tuple[str, str, Event]]) -> list[str | None]:
        """What was remembered for each (app, destination, event)'s condition, where anything was."""
        if not wanted:
            return []
        keys = [f"{self._prefix}:thread:{app}/{name}/{line_of(event)}" for app, name, event in wanted]
        found: list[Any] = await self._redis.mget(keys)
        return [None if value is None else value.decode() for value in found]

    async def counts(self) -> dict[str, int]:
        """How many deliveries stand where: waiting, owed, woken, leased."""
        names = ("waiting", "owed", "woken", "leased")
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.zcard(f"{self._prefix}:{name}")
        return dict(zip(names, await pipe.execute(), strict=True))

    async def now(self) -> float:
        """Redis' time, in epoch seconds; asked for once a second, and counted on in between."""
        time = asyncio.get_running_loop().time()
        if not self._clock_at <= time < self._clock_at + CLOCK_S:
            seconds, microseconds = await self._redis.time()
            self._clock, self._clock_at = float(seconds) + microseconds / 1e6, time
        return self._clock + time - self._clock_at

    def _token(self) -> str:
        return f"{self._worker}-{next(self._claims)}"

    async def _run(self, name: str, args: Sequence[Any]) -> Any:
        kept = self._limits
        head = (self._prefix, kept.each, kept.wake_ms, kept.lease_ms, kept.retention_ms, kept.results_kept)
        return await self._scripts[name](keys=[], args=[*head, *args])


_NAMES = ("dispatch", "claim", "settle", "wake", "renew", "release", "drop", "replay")


def _script(redis: Redis, name: str) -> AsyncScript:
    folder = files("worker.stores") / "scripts"
    parts = ("common", "places", "lines", "troubles", name)
    return redis.register_script("".join((folder / f"{part}.lua").read_text("utf-8") for part in parts))


def _claim(lease: str, stored: bytes | None, record: bytes | None, marks: bytes | None, paused: bytes = b"") -> Claim:
    """From what Redis keeps of one delivery; claiming knows besides whether its destination is paused."""
    deaths, handed_back, replayed_ms = (int(mark) for mark in marks.split()) if marks else (0, 0, 0)
    event = stored.partition(b"\n")[2] if stored else None
    ref = lease.partition("|")[2]
    return Claim(ref, lease, event, record, deaths, handed_back, replayed_ms, paused.decode())


def _flag(event: Event) -> str:
    """What the ledger knows of an event: it ends an alarm, is critical, or neither."""
    if event.status is Status.RESOLVED:
        return "r"
    return "c" if event.severity is Severity.CRITICAL else "f"


def _more(one: Settlement) -> bytes:
    """What a usual delivery has nothing of; see settle.lua."""
    if one.health == "ok" and not (one.hold_until_ms or one.thread or one.marks or one.dead):
        return b""
    more = {
        "hold": one.hold_until_ms,
        "thread": one.thread,
        "marks": one.marks,
        "health": one.health,
        "why": one.why,
        "dead": one.dead,
    }
    return orjson.dumps({name: value for name, value in more.items() if value})


def _texts(values: list[bytes]) -> list[str]:
    return [value.decode() for value in values]
