"""The list of apps, and one app with its destinations."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from worker.allow_list import AllowList
from worker.appsfile import NAME, NAME_RULE
from worker.channels import CHANNELS
from worker.errors import InvalidSettings
from worker.models import App
from worker.stores.troubles import Trouble, Troubles
from worker.web.access import allowed
from worker.web.bodies import posted
from worker.web.console import Console
from worker.web.destination_rows import rows
from worker.web.last_results import last_results
from worker.web.paths import path_of
from worker.web.render import moved, page
from worker.web.roles import Role, User

SHOWN: Final = 100
"""Apps on one page."""
ASKED_CHARS: Final = 64


class AppsPages:
    """`/apps` and what is under it, but for single destinations."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._troubles = Troubles(console.redis, console.prefix)
        self._allowed = AllowList(console.settings.allowed_addresses)

    async def first(self, _request: web.Request) -> web.StreamResponse:
        """`/` leads to the apps."""
        raise web.HTTPSeeOther("/apps")

    async def list(self, request: web.Request) -> web.StreamResponse:
        """The apps that the user may see, by name; those whose name holds what is searched for."""
        who = await allowed(request, None, Role.VIEWER)
        return await self._list(request, who)

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Make an app."""
        who = await allowed(request, None, Role.ADMIN)
        name = (await posted(request)).get("name", "").strip()
        try:
            _check_name(name)
            await self._console.destinations.add(name)
        except InvalidSettings as wrong:
            return await self._list(request, who, name=name, problem=wrong.problems[0].removeprefix("name: "))
        await self._console.audit.record(who, "app.added", app=name)
        return moved(request, path_of("apps", name), say=f"{name} was added. Now say where its alerts go.")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One app: its destinations, all or those of one channel."""
        name = request.match_info["app"]
        await allowed(request, name, Role.VIEWER)
        app = (await self._console.destinations.opened(name)).app
        last = await last_results(self._console.redis, self._console.prefix, name)
        found = rows(app, await self._troubles.all(), last, self._allowed)
        channel = request.query.get("channel", "")
        shown = [row for row in found if channel in {"", row.channel}]
        counts = {known: sum(row.channel == known for row in found) for known in CHANNELS}
        return page(
            request, "app.html", app=name, rows=shown, total=len(found), channels=CHANNELS, counts=counts, here=channel
        )

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """What deleting the app would delete, and the button that does."""
        name, _ = await self._administered(request)
        app = (await self._console.destinations.opened(name)).app
        return page(request, "delete_app.html", app=name, destinations=sorted(app.destinations))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete the app with its destinations."""
        name, who = await self._administered(request)
        await self._console.destinations.delete(name)
        await self._console.audit.record(who, "app.deleted", app=name)
        return moved(request, "/apps", say=f"{name} was deleted.")

    async def _administered(self, request: web.Request) -> tuple[str, User]:
        """(the app, who), where they may add and delete apps; one that they may not even see is not there."""
        name = request.match_info["app"]
        await allowed(request, name, Role.VIEWER)
        return name, await allowed(request, None, Role.ADMIN)

    async def _list(self, request: web.Request, who: User, *, name: str = "", problem: str = "") -> web.Response:
        asked, after = (request.query.get(key, "")[:ASKED_CHARS] for key in ("q", "after"))
        known = await self._console.destinations.names()
        visible = [each for each in known if who.visible is None or each in who.visible]
        fitting = [each for each in visible if asked.lower() in each.lower()]
        wanted = [each for each in fitting if each > after][: SHOWN + 1]
        found = await self._console.destinations.lookup(wanted[:SHOWN])
        troubles = await self._troubles.all()
        return page(
            request,
            "apps.html",
            status=422 if problem else 200,
            apps=[_row(app, troubles) for app in found.values()],
            total=len(visible),
            fitting=len(fitting),
            asked=asked,
            after=after,
            next=wanted[SHOWN - 1] if len(wanted) > SHOWN else "",
            name=name,
            problem=problem,
        )


def _check_name(name: str) -> None:
    # Browsers take a path's `.` and `..` for steps, so that nobody could get to pages of such an app.
    if not NAME.fullmatch(name) or not name.strip("."):
        raise InvalidSettings([f"name: {NAME_RULE}, and not dots alone"])


def _row(app: App, troubles: dict[tuple[str, str], Trouble]) -> dict[str, Any]:
    destinations = app.destinations.values()
    return {
        "name": app.name,
        "destinations": len(destinations),
        "enabled": sum(each.enabled for each in destinations),
        "channels": sorted({each.channel for each in destinations}),
        "unreadable": sum(bool(each.problem) for each in destinations),
        "troubled": sum((app.name, name) in troubles for name in app.destinations),
    }


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    pages = AppsPages(console)
    return [
        web.get("/", pages.first),
        web.get("/apps", pages.list),
        web.post("/apps", pages.add),
        web.get("/apps/{app}", pages.show),
        web.get("/apps/{app}/delete", pages.confirm),
        web.post("/apps/{app}/delete", pages.delete),
    ]
