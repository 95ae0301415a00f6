"""`/audit`: who did what. All of it for who may administer everything; else what concerns apps that one may edit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from worker.web.access import allowed
from worker.web.audit import Entry, Fits
from worker.web.console import Console
from worker.web.render import page
from worker.web.roles import Role, User

SHOWN: Final = 100
PLACE: Final = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
"""An entry's id."""


class AuditPages:
    """The log as a table."""

    def __init__(self, console: Console) -> None:
        self._audit = console.audit

    async def show(self, request: web.Request) -> web.StreamResponse:
        """A page of it, by who, what and app where they are asked for."""
        who = await allowed(request, None, Role.VIEWER)
        asked = {name: request.query.get(name, "")[:64] for name in ("who", "what", "app")}
        before = request.query.get("before", "")
        start = before if PLACE.fullmatch(before) else ""
        found = await self._audit.entries(fitting(who, asked), limit=SHOWN, before=start)
        return page(request, "audit.html", entries=found.entries, asked=asked, older=found.older, start=start)


def may_read(who: User, entry: Entry) -> bool:
    """Whether this user may see this entry."""
    return who.may(None, Role.ADMIN) or (entry.app != "" and who.may(entry.app, Role.EDITOR))


def fitting(who: User, asked: Mapping[str, str]) -> Fits:
    """Whether an entry may be read by `who` and holds the words that are asked for, by the field that they are in."""

    def fits(entry: Entry) -> bool:
        told = {"who": entry.who, "what": entry.what, "app": entry.app}
        return may_read(who, entry) and all(wanted.lower() in told[name].lower() for name, wanted in asked.items())

    return fits


def routes(console: Console) -> list[web.RouteDef]:
    """Its address."""
    return [web.get("/audit", AuditPages(console).show)]
