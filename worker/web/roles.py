"""Who somebody is and what they may do: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

ALL_APPS: Final = "*"


class Role(IntEnum):
    """What somebody may do with an app; each may do what the ones before it may."""

    VIEWER = 1
    """Look."""
    EDITOR = 2
    """Change, test, replay."""
    ADMIN = 3
    """Delete; with `*` also make apps, users and tokens."""

    @classmethod
    def named(cls, name: str) -> Role:
        """The role of that name; KeyError where there is none."""
        return cls[name.upper()]

    @property
    def word(self) -> str:
        """As it is typed and stored: `viewer`, `editor`, `admin`."""
        return self.name.lower()


class Kind(StrEnum):
    """How somebody came."""

    USER = "user"
    TOKEN = "token"  # noqa: S105, the word, not a token
    LOCAL = "local"
    """Whoever is on this machine, while nobody needs to log in."""
    SHELL = "shell"
    """Somebody at the command line."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is known to be who they say, with a role per app; `*` is all apps."""

    name: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    kind: Kind = Kind.USER
    address: str = ""
    """Where the request came from."""

    def role(self, app: str | None) -> Role | None:
        """The role for an app, or over all of them; None where there is none."""
        everywhere = self.roles.get(ALL_APPS)
        here = None if app is None else self.roles.get(app)
        return max((role for role in (everywhere, here) if role is not None), default=None)

    def may(self, app: str | None, least: Role) -> bool:
        """Whether it is enough for this app; for None: over all apps."""
        role = self.role(app)
        return role is not None and role >= least

    @property
    def visible(self) -> frozenset[str] | None:
        """The apps that may be seen; None for all."""
        return None if ALL_APPS in self.roles else frozenset(self.roles)


def read_roles(stored: Mapping[str, str]) -> dict[str, Role]:
    """Roles as they are stored, by app."""
    return {app: Role.named(word) for app, word in stored.items()}


def stored_roles(roles: Mapping[str, Role]) -> dict[str, str]:
    """The reverse of `read_roles`."""
    return {app: role.word for app, role in sorted(roles.items())}
