"""Sessions: a random cookie, of which Redis knows the SHA-256: `<prefix>:web-session:<hash>`, gone when it expires.

Whoever visits gets such a cookie; before the log-in nothing is stored for it, and it only keys the CSRF tokens. The
log-in makes a new one, so that a cookie that somebody else has planted is worth nothing (session fixation).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from worker.web.tokens import digest
from worker.web.users import Account, Users

COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's: the cookie, whether it has to be set yet, and who is logged in."""

    cookie: str = field(repr=False)
    fresh: bool = False
    account: Account | None = None


def anonymous() -> Session:
    """A session of nobody's, with a cookie that has to be set."""
    return Session(secrets.token_urlsafe(32), fresh=True)


class Sessions:
    """Opens, finds and closes them."""

    def __init__(self, redis: Redis, prefix: str, users: Users, hours: float) -> None:
        self._redis: Any = redis
        self._key = f"{prefix}:web-session:"
        self._users = users
        self._ms = int(hours * 3_600_000)

    async def open(self, account: Account) -> Session:
        """A new session for who has just logged in."""
        session = Session(anonymous().cookie, fresh=True, account=account)
        stored = orjson.dumps({"user": account.name, "epoch": account.epoch})
        await self._redis.set(self._key + digest(session.cookie), stored, px=self._ms)
        return session

    async def find(self, cookie: str | None) -> Session:
        """The session of this cookie; one of nobody's where it is none, has expired or its user's password changed."""
        if cookie is None or not COOKIE.fullmatch(cookie):
            return anonymous()
        raw = await self._redis.get(self._key + digest(cookie))
        if raw is None:
            return Session(cookie)
        stored = orjson.loads(raw)
        account = await self._users.find(stored["user"])
        current = account is not None and account.epoch == stored["epoch"]
        return Session(cookie, account=account if current else None)

    async def close(self, session: Session) -> None:
        """Log out."""
        await self._redis.delete(self._key + digest(session.cookie))
