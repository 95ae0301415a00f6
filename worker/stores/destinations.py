"""The apps and their destinations on Redis, with a cache that learns of every change before it answers.

| key | kind | content |
|---|---|---|
| `<prefix>:apps` | set | the names of the apps |
| `<prefix>:app:<name>` | hash | destination -> JSON, and the key that seals their secrets (`worker.stores.sealing`) |
| `<prefix>:settings-changes` | stream, capped | `apps`: the names of the apps that changed, separated by spaces |
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from worker.channels import CHANNELS
from worker.channels.channel import Channel
from worker.errors import Altered, BellhopError, InvalidSettings, NotFound
from worker.keys import MasterKeys
from worker.models import App
from worker.stores.edits import Edit, Opened, check_edit, revision_of
from worker.stores.key_register import KeyRegister
from worker.stores.sealing import KEY_FIELD, sealed_app, sealed_destination, unsealed_app, with_enabled

CACHED_APPS = 120_000
"""Some 5 KB each, of those that have had events."""
CHANGES_KEPT = 10_000
CHANGES_READ = 256
"""Where more than this changed at once, it is cheaper to begin the cache anew."""
PIPELINED = 500


class Destinations(Protocol):
    """Where apps' settings are kept."""

    async def lookup(self, apps: Iterable[str]) -> dict[str, App]:
        """Those of `apps` that exist, by name: fresh, and cheap enough to ask for every batch."""

    async def save(self, apps: Iterable[App], removed: Iterable[str] = ()) -> None:
        """Put these apps' destinations in the place of what they had, and delete those removed: all or nothing."""

    async def set_enabled(self, app: str, destination: str, *, enabled: bool) -> None:
        """Switch a destination on or off; NotFound where it is not there."""

    async def opened(self, app: str) -> Opened:
        """The app as it is stored now, with the revision of each destination; NotFound where it is not there."""

    async def change(self, app: str, edit: Edit, expected: str) -> None:
        """Put or delete one destination, touch no other, and end no other's troubles.

        Args:
            app: the app.
            edit: the destination, and what becomes of it.
            expected: the revision that the change was made to; ABSENT where there was none.

        Raises:
            Outdated: where it is not that revision any more.
            NotFound: where the app, or what is to be deleted, is not there.
        """

    async def add(self, app: str) -> None:
        """Make an app without destinations; InvalidSettings where there is one of that name."""

    async def delete(self, app: str) -> None:
        """Delete an app with its destinations; NotFound where it is not there."""

    async def names(self) -> list[str]:
        """The apps' names, sorted."""

    async def everything(self) -> dict[str, App]:
        """All apps by name, read afresh."""


class RedisDestinations:
    """`Destinations` on Redis. One per process and event loop: it is the cache, too.

    It asks for changes before it answers, or where that was done less than `trusted_s` seconds ago does without.
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        keys: MasterKeys,
        *,
        channels: Mapping[str, Channel] = CHANNELS,
        cached_apps: int = CACHED_APPS,
        trusted_s: float = 0.0,
    ) -> None:
        # Any: redis-py types every answer as bytes or str, whatever decode_responses says.
        self._redis: Any = redis
        self._keys = keys
        self._register = KeyRegister(redis, prefix)
        self._in_use = f"{prefix}:master-keys"
        self._names = f"{prefix}:apps"
        self._app = f"{prefix}:app:"
        self._changes = f"{prefix}:settings-changes"
        self._troubles = f"{prefix}:troubles"
        self._channels = channels
        self._cached_apps = cached_apps
        self._trusted_s = trusted_s
        self._looked_at = -math.inf
        self._cache: dict[str, App | None] = {}
        self._last_change: bytes | None = None
        # Without it, what was read before a change could be cached after another lookup had seen that change.
        self._looking_up = asyncio.Lock()

    async def lookup(self, apps: Iterable[str]) -> dict[str, App]:
        """Those of `apps` that exist, by name. One round trip, and one more where the cache does not know them all."""
        wanted = dict.fromkeys(apps)
        async with self._looking_up:
            await self._be_fresh()
            missing = [name for name in wanted if name not in self._cache]
            if missing:
                self._cache |= await self._read(missing)
            found = {name: app for name in wanted if (app := self._cache[name]) is not None}
            self._forget_locked(missing)
            self._make_room()
        return found

    async def refresh(self) -> None:
        """Have changes looked for while an event is on its way, so that its lookup need not ask.

        Once the event was read: what was changed before it came is known by then. Where Redis is away the lookup asks.
        """
        with suppress(RedisError, OSError):
            async with self._looking_up:
                await self._be_fresh()

    async def save(self, apps: Iterable[App], removed: Iterable[str] = ()) -> None:
        """Put these apps' destinations in the place of what they had, and delete those removed: all or nothing."""
        saved, gone = [(app, sealed_app(app, self._keys)) for app in apps], list(removed)
        if not saved and not gone:
            return
        if any(fields for _, fields in saved):
            await self._register.refuse_to_lock_out(self._keys.newest)
        async with self._redis.pipeline(transaction=True) as pipe:
            for name in gone:
                self._remove(pipe, name)
            for app, fields in saved:
                pipe.delete(self._app + app.name)
                pipe.sadd(self._names, app.name)
                if fields:
                    pipe.hset(self._app + app.name, mapping=fields)
                    pipe.sadd(self._in_use, self._keys.newest)
                    # New settings deserve a new try: what was paused or held back is not any more.
                    pipe.hdel(self._troubles, *(f"{app.name}/{name}" for name in app.destinations))
            self._record(pipe, [*gone, *(app.name for app, _ in saved)])
            await pipe.execute()

    async def set_enabled(self, app: str, destination: str, *, enabled: bool) -> None:
        """Switch a destination on or off; NotFound where it is not there."""
        key = self._app + app

        async def switch(pipe: Any) -> None:
            raw = await pipe.hget(key, destination)
            if raw is None or destination == KEY_FIELD:
                raise NotFound(f"app {app} has no destination {destination}")
            try:
                changed = with_enabled(raw, enabled=enabled)
            except ValueError:
                raise BellhopError(f"{app}/{destination}: {Altered()}") from None
            pipe.multi()
            pipe.hset(key, destination, changed)
            if enabled:
                pipe.hdel(self._troubles, f"{app}/{destination}")
            self._record(pipe, [app])

        # Read again and tried again where somebody saved the app in between.
        await self._redis.transaction(switch, key)

    async def opened(self, app: str) -> Opened:
        """The app as it is stored now, with the revision of each destination; NotFound where it is not there."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.sismember(self._names, app)
            pipe.hgetall(self._app + app)
            known, fields = await pipe.execute()
        if not known:
            raise NotFound(f"there is no app {app}")
        found = unsealed_app(app, fields, self._keys, self._channels)
        return Opened(found, {name.decode("utf-8", "replace"): revision_of(raw) for name, raw in fields.items()})

    async def change(self, app: str, edit: Edit, expected: str) -> None:
        """Put or delete one destination whose revision is `expected`, and touch no other."""
        key = self._app + app

        async def put(pipe: Any) -> None:
            known, count = await pipe.sismember(self._names, app), await pipe.hlen(key)
            data_key, raw = await pipe.hmget(key, KEY_FIELD, edit.name)
            check_edit(app, edit, known=known, at=revision_of(raw), expected=expected)
            fields = {} if edit.after is None else sealed_destination(edit.after, data_key, self._keys)
            if KEY_FIELD in fields:
                await self._register.refuse_to_lock_out(self._keys.newest)
            pipe.multi()
            self._put(pipe, key, edit, fields, last=count <= len((KEY_FIELD, edit.name)))
            pipe.hdel(self._troubles, f"{app}/{edit.name}")
            self._record(pipe, [app])

        await self._redis.transaction(put, key, self._names)

    async def add(self, app: str) -> None:
        """Make an app without destinations; InvalidSettings where there is one of that name."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.sadd(self._names, app)
            self._record(pipe, [app])
            added, *_ = await pipe.execute()
        if not added:
            raise InvalidSettings([f"name: there is an app {app} already"])

    async def delete(self, app: str) -> None:
        """Delete an app with its destinations; NotFound where it is not there."""
        async with self._redis.pipeline(transaction=True) as pipe:
            self._remove(pipe, app)
            self._record(pipe, [app])
            removed, *_ = await pipe.execute()
        if not removed:
            raise NotFound(f"there is no app {app}")

    async def names(self) -> list[str]:
        """The apps' names, sorted."""
        return sorted(name.decode() for name in await self._redis.smembers(self._names))

    async def everything(self) -> dict[str, App]:
        """All apps by name, read afresh."""
        names = await self.names()
        read = [await self._read(names[i : i + PIPELINED]) for i in range(0, len(names), PIPELINED)]
        return {name: app for apps in read for name, app in apps.items() if app is not None}

    async def _be_fresh(self) -> None:
        now = time.monotonic()
        if now - self._looked_at >= self._trusted_s:
            await self._forget_changed()
            self._looked_at = now

    async def _forget_changed(self) -> None:
        """Drop from the cache what changed since the last call: one round trip, of one entry where nothing did."""
        since = self._last_change or b"-"
        # Newest first and down to the one we know: if it is not there, it was trimmed or the stream deleted,
        # and nobody can tell what we missed.
        count = 1 if self._last_change is None else CHANGES_READ
        entries = await self._redis.xrevrange(self._changes, "+", since, count=count)
        newest: bytes | None = entries[0][0] if entries else None
        if newest == self._last_change:
            return
        if self._last_change is not None and newest is not None and entries[-1][0] == self._last_change:
            for _, fields in entries[:-1]:
                for name in fields[b"apps"].decode().split():
                    self._cache.pop(name, None)
        else:
            self._cache.clear()
        self._last_change = newest

    async def _read(self, names: list[str]) -> dict[str, App | None]:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.smismember(self._names, names)
            for name in names:
                pipe.hgetall(self._app + name)
            known, *hashes = await pipe.execute()
        read = zip(names, known, hashes, strict=True)
        return {
            name: unsealed_app(name, fields, self._keys, self._channels) if exists else None
            for name, exists, fields in read
        }

    def _forget_locked(self, names: Iterable[str]) -> None:
        """A rotation of the master keys is announced to nobody, and may be what makes these readable."""
        for name in names:
            app = self._cache[name]
            if app is not None and any(each.locked for each in app.destinations.values()):
                del self._cache[name]

    def _make_room(self) -> None:
        """Those that were read first go; to keep count of every use would cost more than to read some again."""
        while len(self._cache) > self._cached_apps:
            del self._cache[next(iter(self._cache))]

    def _put(self, pipe: Any, key: str, edit: Edit, fields: Mapping[str, bytes], *, last: bool) -> None:
        if fields:
            pipe.hset(key, mapping=fields)
        elif last:
            pipe.delete(key)  # the data key has nothing left to seal
        else:
            pipe.hdel(key, edit.name)
        if KEY_FIELD in fields:
            pipe.sadd(self._in_use, self._keys.newest)

    def _remove(self, pipe: Any, app: str) -> None:
        pipe.srem(self._names, app)
        pipe.delete(self._app + app)

    def _record(self, pipe: Any, apps: list[str]) -> None:
        # Every lookup reads the newest entry again, until there is another; so that one is short.
        for some in filter(None, (apps[:-1], apps[-1:])):
            pipe.xadd(self._changes, {"apps": " ".join(some)}, maxlen=CHANGES_KEPT, approximate=True)
