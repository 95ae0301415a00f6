"""The master key changed: every app's secrets sealed anew, under a fresh data key and the newest master key.

It runs beside the workers, and may be killed and begun again: an app is sealed anew in one step, and those that are
under the newest key already are passed over. Nobody is told: what workers have in memory stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import WatchError

from worker.errors import BellhopError
from worker.keys import MasterKeys
from worker.stores.sealing import KEY_FIELD, master_of, resealed_app

AT_ONCE: Final = 20
"""Apps in one step: some thousand bytes each, and a moment of Redis' time."""
PIPELINED: Final = 1000

Told = Callable[[int, int], None]
"""(apps done, apps to do)"""
Fields = dict[bytes, bytes]


@dataclass(slots=True)
class Rotated:
    """What a rotation did: apps and destinations sealed anew, apps that needed nothing, and what could not be read."""

    apps: int = 0
    destinations: int = 0
    passed_over: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    """By app: why it stays as it is."""


class Rotation:
    """Brings all apps under the newest of `keys`."""

    def __init__(self, redis: Redis, prefix: str, keys: MasterKeys) -> None:
        self._redis: Any = redis
        self._keys = keys
        self._names = f"{prefix}:apps"
        self._app = f"{prefix}:app:"
        self._in_use = f"{prefix}:master-keys"

    async def run(self, told: Told) -> Rotated:
        """Do it; `told` hears how far it is."""
        names = sorted(name.decode() for name in await self._redis.smembers(self._names))
        behind = await self._behind(names)
        rotated = Rotated(passed_over=len(names) - len(behind))
        told(0, len(behind))
        for start in range(0, len(behind), AT_ONCE):
            some = behind[start : start + AT_ONCE]
            while not await self._reseal(some, rotated):
                pass  # somebody saved one of them in between: read them again
            told(start + len(some), len(behind))
        return rotated

    async def _behind(self, names: Sequence[str]) -> list[str]:
        """Those with secrets under another key than the newest."""
        behind: list[str] = []
        for start in range(0, len(names), PIPELINED):
            some = names[start : start + PIPELINED]
            pipe = self._redis.pipeline(transaction=False)
            for name in some:
                pipe.hget(self._app + name, KEY_FIELD)
                pipe.hlen(self._app + name)
            found = iter(await pipe.execute())
            stands = [(name, master_of(next(found)), next(found)) for name in some]
            behind += [name for name, master, fields in stands if fields and master != self._keys.newest]
        return behind

    async def _reseal(self, names: Sequence[str], rotated: Rotated) -> bool:
        """Seal these anew, all in one step; whether nobody came in between."""
        keys = [self._app + name for name in names]
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(*keys)
            anew, problems = self._sealed_anew(dict(zip(names, await self._read(keys), strict=True)))
            pipe.multi()
            pipe.sadd(self._in_use, self._keys.newest)
            for name, fields in anew.items():
                pipe.hset(self._app + name, mapping=fields)
            try:
                await pipe.execute()
            except WatchError:
                return False
        rotated.apps += len(anew)
        rotated.destinations += sum(len(fields) - 1 for fields in anew.values())
        rotated.problems |= problems
        return True

    async def _read(self, keys: Sequence[str]) -> list[Fields]:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
        return list(await pipe.execute())

    def _sealed_anew(self, apps: dict[str, Fields]) -> tuple[dict[str, dict[str, bytes]], dict[str, str]]:
        """(fields to write, problems), each by app; one that was deleted meanwhile is in neither."""
        anew: dict[str, dict[str, bytes]] = {}
        problems: dict[str, str] = {}
        for name, fields in apps.items():
            try:
                if fields:
                    anew[name] = resealed_app(name, fields, self._keys)
            except BellhopError as problem:
                problems[name] = str(problem)
        return anew, problems
