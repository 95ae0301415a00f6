"""Which master keys are in use, and which of them each worker has: what keeps a process with other keys from starting.

| key | kind | content |
|---|---|---|
| `<prefix>:master-keys` | set | the ids of the master keys in use; never a key |
| `<prefix>:key-holders` | sorted set | `worker id,id,…` of those that live, until when that is certain |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import WatchError

from worker.errors import BellhopError
from worker.stores.sealing import KEY_FIELD, master_of

HELD_S: Final = 60
"""How long a worker's word holds; it gives it again three times as often."""
PIPELINED: Final = 1000


class KeyRegister:
    """Reads and keeps it."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        self._in_use = f"{prefix}:master-keys"
        self._holders = f"{prefix}:key-holders"
        self._names = f"{prefix}:apps"
        self._app = f"{prefix}:app:"

    async def in_use(self) -> set[str]:
        """The ids of the master keys in use."""
        return {each.decode() for each in await self._redis.smembers(self._in_use)}

    async def claim(self, newest: str) -> set[str]:
        """The same, and where there were none, `newest` from now on: of many that begin at once one is the first."""
        while True:
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(self._in_use)
                found = {each.decode() for each in await pipe.smembers(self._in_use)}
                if found:
                    return found
                pipe.multi()
                pipe.sadd(self._in_use, newest)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return {newest}

    async def retire(self, newest: str) -> Counter[str]:
        """Leave in the register what is needed and `newest`; how many apps need each.

        First out, then counted: a save that comes in between puts its key back by itself.
        """
        others = await self.in_use() - {newest}
        if others:
            await self._redis.srem(self._in_use, *others)
        needed = await self.needed()
        await self._redis.sadd(self._in_use, newest, *needed)
        return needed

    async def refuse_to_lock_out(self, newest: str) -> None:
        """BellhopError where a worker that lives lacks the key under which is to be sealed: it could not deliver."""
        holders = await self.holders()
        without = sorted(worker for worker, ids in holders.items() if newest not in ids)
        if without:
            raise BellhopError(
                f"{len(without)} of {len(holders)} workers do not have master key {newest} ({', '.join(without[:3])}): "
                "start them again with it in BELLHOP_MASTER_KEYS, and the old key behind it, before anything is sealed "
                f"under it; one that was killed is forgotten after {HELD_S} s"
            )

    async def forget(self, master: str) -> bool:
        """Take a key that is lost off the register; whether it was there."""
        return bool(await self._redis.srem(self._in_use, master))

    async def needed(self) -> Counter[str]:
        """How many apps are sealed under each master key, by its id."""
        names = sorted(await self._redis.smembers(self._names))
        counts: Counter[str] = Counter()
        for start in range(0, len(names), PIPELINED):
            pipe = self._redis.pipeline(transaction=False)
            for name in names[start : start + PIPELINED]:
                pipe.hget(self._app + name.decode(), KEY_FIELD)
            counts.update(master for raw in await pipe.execute() if (master := master_of(raw)) is not None)
        return counts

    async def tell(self, worker: str, ids: Iterable[str]) -> None:
        """A worker lives and has these keys."""
        now, _ = await self._redis.time()
        pipe = self._redis.pipeline(transaction=True)
        pipe.zremrangebyscore(self._holders, "-inf", now)
        pipe.zadd(self._holders, {_member(worker, ids): now + HELD_S})
        pipe.expire(self._holders, HELD_S)
        await pipe.execute()

    async def withdraw(self, worker: str, ids: Iterable[str]) -> None:
        """A worker ends."""
        await self._redis.zrem(self._holders, _member(worker, ids))

    async def holders(self) -> dict[str, frozenset[str]]:
        """The workers that live, and the ids of the keys that each has."""
        now, _ = await self._redis.time()
        members = await self._redis.zrangebyscore(self._holders, f"({now}", "+inf")
        pairs = (member.decode().partition(" ") for member in members)
        return {worker: frozenset(ids.split(",")) for worker, _, ids in pairs}


def _member(worker: str, ids: Iterable[str]) -> str:
    return f"{worker} {','.join(ids)}"
