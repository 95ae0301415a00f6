"""API tokens, on Redis: `<prefix>:web-tokens` is a hash of a token's SHA-256 -> JSON with its name and roles.

A token is 256 random bits, so a plain hash of it tells nothing: the stretching that passwords need is for what people
make up. Who finds the right place in the hash has the token.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from worker.errors import InvalidSettings, NotFound
from worker.web.roles import Role, read_roles, stored_roles

MARK: Final = "bh_"
"""What a token begins with, so that scanners for leaked secrets and people know one."""
TOKEN: Final = re.compile(rf"{MARK}[A-Za-z0-9_-]{{43}}")
NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored: what it may do, and not what it is."""

    name: str
    roles: Mapping[str, Role]
    made_at: float
    """Epoch seconds."""


class Tokens:
    """Reads and writes them."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        self._key = f"{prefix}:web-tokens"

    async def find(self, text: str) -> Token | None:
        """The token that `text` is, where it is one."""
        if not TOKEN.fullmatch(text):
            return None
        raw = await self._redis.hget(self._key, digest(text))
        return None if raw is None else _token(raw)

    async def all(self) -> list[Token]:
        """All of them, by name."""
        return sorted(map(_token, await self._redis.hvals(self._key)), key=lambda each: each.name)

    async def any(self) -> bool:
        """Whether there is one."""
        return bool(await self._redis.hlen(self._key))

    async def add(self, name: str, app: str, role: Role) -> str:
        """Make a token and return it: it is not to be had again. InvalidSettings for a name that is taken."""
        if not NAME.fullmatch(name):
            raise InvalidSettings(["the name must be 1 to 64 letters, digits or . _ @ -"])
        if name in {each.name for each in await self.all()}:
            raise InvalidSettings([f"there is a token {name} already"])
        text = MARK + secrets.token_urlsafe(32)
        stored = {"name": name, "roles": stored_roles({app: role}), "made_at": time.time()}
        await self._redis.hset(self._key, digest(text), orjson.dumps(stored))
        return text

    async def revoke(self, name: str) -> None:
        """Delete the token of that name; NotFound where there is none."""
        found = await self._redis.hgetall(self._key)
        named = [field for field, raw in found.items() if _token(raw).name == name]
        if not named:
            raise NotFound(f"there is no token {name[:64]!r}")
        await self._redis.hdel(self._key, *named)


def digest(text: str) -> str:
    """What is stored in the place of a secret of 256 random bits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _token(raw: bytes) -> Token:
    stored = orjson.loads(raw)
    return Token(stored["name"], read_roles(stored["roles"]), stored["made_at"])
