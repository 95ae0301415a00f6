"""Users, tokens and the audit log as the HTTP API takes and gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from worker.web.api import Answer, Body, Paged
from worker.web.api_values import Next, cursor_like
from worker.web.audit_pages import PLACE
from worker.web.passwords import LEAST, MOST
from worker.web.roles import ALL_APPS, Role

NAME = r"^[A-Za-z0-9._@-]{1,64}$"
APP = r"^([A-Za-z0-9._-]{1,64}|\*)$"
RoleName = Literal["viewer", "editor", "admin"]
RoleNames = Annotated[
    dict[Annotated[str, Field(pattern=APP)], RoleName], Field(max_length=1000, description="By app; `*` is all apps.")
]


class UserBody(Body):
    """What a user shall be."""

    roles: RoleNames
    password: str | None = Field(
        default=None,
        min_length=LEAST,
        max_length=MOST,
        description="Needed for a new user; for one who is there it is set anew, which ends their sessions.",
        json_schema_extra={"writeOnly": True, "format": "password"},
    )


class UserAnswer(Answer):
    """A user."""

    name: str
    roles: dict[str, RoleName] = Field(description="By app; `*` is all apps.")
    built_in: bool = Field(description="Whether it is made from BELLHOP_WEB_PASSWORD, and changed there alone.")


class UsersAnswer(Answer):
    """A page of users, by name."""

    items: list[UserAnswer]
    next: Next


class TokenBody(Body):
    """What a new token shall be."""

    name: str = Field(pattern=NAME, description="What it is for; the audit log names it so.")
    app: str = Field(default=ALL_APPS, pattern=APP, description="The app that the role is for; `*` for all.")
    role: RoleName = "viewer"


class TokenAnswer(Answer):
    """A token: what it may do, and not what it is."""

    name: str
    roles: dict[str, RoleName]
    made_at: float = Field(description="Epoch seconds.")


class NewTokenAnswer(TokenAnswer):
    """A token that was just made."""

    token: str = Field(description="The token itself. Keep it: it is not to be had again.")


class TokensAnswer(Answer):
    """A page of tokens, by name."""

    items: list[TokenAnswer]
    next: Next


class MeAnswer(Answer):
    """Who asks."""

    name: str
    kind: Literal["user", "token", "local"] = Field(description="`local`: whoever is on the console's own machine.")
    roles: dict[str, RoleName]


class AuditQuery(Paged):
    """Which entries; each field holds what is asked for, in whatever case."""

    cursor: str = cursor_like(PLACE.pattern)
    who: str = Field(default="", max_length=64, description="Who did it.")
    what: str = Field(default="", max_length=64, description="Such as `destination.saved`.")
    app: str = Field(default="", max_length=64, description="To what app.")


class EntryAnswer(Answer):
    """Something that was done."""

    id: str
    at: float = Field(description="Epoch seconds.")
    who: str
    kind: str = Field(description="user, token, local or shell.")
    address: str = Field(description="Where it was asked for from.")
    what: str = Field(description="Such as `destination.saved`.")
    app: str
    subject: str = Field(description="Which destination, user or token.")
    detail: str


class AuditAnswer(Answer):
    """A page of what was done, newest first."""

    items: list[EntryAnswer]
    next: Next


def read_role_names(names: dict[str, RoleName]) -> dict[str, Role]:
    """Roles as they are sent, by app."""
    return {app: Role.named(name) for app, name in names.items()}
