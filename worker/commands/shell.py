"""What the commands for the console's users, tokens and audit log share."""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated

import typer

from config.settings import settings
from worker.commands.output import connected
from worker.web.audit import Audit
from worker.web.passwords import Passwords
from worker.web.roles import Kind, Role, User
from worker.web.tokens import Tokens
from worker.web.users import Users


class RoleName(StrEnum):
    """What `--role` takes."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role itself."""
        return Role.named(self.value)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AppOption = Annotated[str, typer.Option("--app", help="The app that the role is for; * for all.")]
RoleOption = Annotated[
    RoleName, typer.Option("--role", help="viewer looks; editor also changes, tests, replays; admin also deletes.")
]


class Access:
    """The stores of who may use the console, for one command."""

    def __init__(self, users: Users, tokens: Tokens, audit: Audit) -> None:
        self.users, self.tokens = users, tokens
        self.log = audit

    async def note(self, what: str, subject: str, detail: str = "") -> None:
        """Into the audit log."""
        await self.log.record(User(_name(), kind=Kind.SHELL), what, subject=subject, detail=detail)


@asynccontextmanager
async def opened_access() -> AsyncIterator[Access]:
    """The stores on the Redis that the settings name."""
    config = settings()
    async with connected() as redis:
        audit = Audit(redis, config.prefix, kept=config.web_audit_kept)
        yield Access(Users(redis, config.prefix, Passwords()), Tokens(redis, config.prefix), audit)


def _name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user that has no name
        return f"uid {os.getuid()}"
