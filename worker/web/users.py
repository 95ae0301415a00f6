"""Users, on Redis: `<prefix>:web-users` is a hash of name -> JSON with roles, the password's hash, and an epoch.

A session holds the epoch that its user had; a new password is a new epoch, which ends them all.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from worker.errors import InvalidSettings, NotFound
from worker.web.passwords import Passwords
from worker.web.roles import ALL_APPS, Role, read_roles, stored_roles

ADMIN: Final = "admin"
"""Who BELLHOP_WEB_PASSWORD is for."""
NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
APP: Final = re.compile(r"[A-Za-z0-9._-]{1,64}|\*")


@dataclass(frozen=True, slots=True)
class Account:
    """A user as stored."""

    name: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    """Its hash in PHC form."""
    epoch: str = ""
    built_in: bool = False
    """Made from BELLHOP_WEB_PASSWORD."""


class Users:
    """Reads and writes them."""

    def __init__(self, redis: Redis, prefix: str, passwords: Passwords) -> None:
        self._redis: Any = redis
        self._key = f"{prefix}:web-users"
        self._passwords = passwords

    async def find(self, name: str) -> Account | None:
        """That user, where there is one."""
        raw = await self._redis.hget(self._key, name)
        return None if raw is None else _account(name, raw)

    async def everybody(self) -> list[Account]:
        """All of them, by name."""
        found = await self._redis.hgetall(self._key)
        return sorted((_account(name.decode(), raw) for name, raw in found.items()), key=lambda each: each.name)

    async def any(self) -> bool:
        """Whether there is one."""
        return bool(await self._redis.hlen(self._key))

    async def add(self, name: str, password: str, app: str, role: Role) -> Account:
        """Make a user; InvalidSettings for a name that is taken or cannot be one."""
        return await self.make(name, password, {app: role})

    async def make(self, name: str, password: str, roles: Mapping[str, Role]) -> Account:
        """The same with roles for several apps, or for none."""
        _check(name, *roles)
        account = Account(name, dict(roles), await self._passwords.hashed(password), _epoch())
        if not await self._redis.hsetnx(self._key, name, _stored(account)):
            raise InvalidSettings([f"there is a user {name} already"])
        return account

    async def grant(self, name: str, app: str, role: Role | None) -> Account:
        """Give a user this role for an app, or for None take theirs away."""
        _check(name, app)
        account = await self._known(name)
        others = {each: had for each, had in account.roles.items() if each != app}
        return await self._write(replace(account, roles=others if role is None else {**others, app: role}))

    async def set_roles(self, name: str, roles: Mapping[str, Role]) -> Account:
        """Put these roles in the place of a user's."""
        _check(name, *roles)
        return await self._write(replace(await self._known(name), roles=dict(roles)))

    async def set_password(self, name: str, password: str) -> Account:
        """Give a user a new password, which ends their sessions."""
        account = await self._known(name)
        return await self._write(replace(account, password=await self._passwords.hashed(password), epoch=_epoch()))

    async def remove(self, name: str) -> None:
        """Remove a user, which ends their sessions; NotFound where there is none."""
        await self._known(name)
        await self._redis.hdel(self._key, name)

    async def keep_admin(self, password: str | None) -> None:
        """Have the built-in admin, with this password, or for None not at all."""
        had = await self.find(ADMIN)
        if password is None:
            if had is not None and had.built_in:
                await self._redis.hdel(self._key, ADMIN)
            return
        if had is not None and had.built_in and await self._passwords.fits(password, had.password):
            return
        made = Account(ADMIN, {ALL_APPS: Role.ADMIN}, await self._passwords.hashed(password), _epoch(), built_in=True)
        await self._write(made)

    async def _known(self, name: str) -> Account:
        account = await self.find(name)
        if account is None:
            raise NotFound(f"there is no user {name[:64]!r}")
        if account.built_in:
            raise InvalidSettings([f"{ADMIN} is made from BELLHOP_WEB_PASSWORD: change it there"])
        return account

    async def _write(self, account: Account) -> Account:
        await self._redis.hset(self._key, account.name, _stored(account))
        return account


def _check(name: str, *apps: str) -> None:
    problems = []
    if not NAME.fullmatch(name):
        problems.append("the name must be 1 to 64 letters, digits or . _ @ -")
    if name == ADMIN:
        problems.append(f"{ADMIN} is the user that BELLHOP_WEB_PASSWORD makes: set that, or take another name")
    if not all(map(APP.fullmatch, apps)):
        problems.append("--app must be the name of an app, or * for all")
    if problems:
        raise InvalidSettings(problems)


def _epoch() -> str:
    return secrets.token_hex(8)


def _stored(account: Account) -> bytes:
    return orjson.dumps(
        {
            "roles": stored_roles(account.roles),
            "password": account.password,
            "epoch": account.epoch,
            "built_in": account.built_in,
        }
    )


def _account(name: str, raw: bytes) -> Account:
    stored = orjson.loads(raw)
    return Account(name, read_roles(stored["roles"]), stored["password"], stored["epoch"], stored["built_in"])
