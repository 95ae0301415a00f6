"""The list of apps, and the first page."""

from __future__ import annotations

from aiohttp import web

from worker.models import App
from worker.web.access import allowed
from worker.web.console import Console
from worker.web.render import page
from worker.web.roles import Role


class AppsPages:
    """Which apps there are."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def first(self, _request: web.Request) -> web.StreamResponse:
        """`/` leads to the apps."""
        raise web.HTTPSeeOther("/apps")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Every app that the user may see."""
        who = await allowed(request, None, Role.VIEWER)
        destinations = self._console.destinations
        found = await (destinations.everything() if who.visible is None else destinations.lookup(sorted(who.visible)))
        return page(request, "apps.html", apps=[_row(app) for app in found.values()])


def _row(app: App) -> dict[str, object]:
    destinations = app.destinations.values()
    return {
        "name": app.name,
        "destinations": len(destinations),
        "enabled": sum(each.enabled for each in destinations),
        "channels": sorted({each.channel for each in destinations}),
        "problems": sum(bool(each.problem) for each in destinations),
    }


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    pages = AppsPages(console)
    return [web.get("/", pages.first), web.get("/apps", pages.show)]
