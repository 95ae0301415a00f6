"""`/apps/{app}/destinations/{name}/health`: how a destination does, and its Pause and Resume."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from worker.channels import CHANNELS
from worker.errors import NotFound
from worker.models import Destination
from worker.routes import limits_of
from worker.stores.buckets import Bucket, buckets
from worker.stores.troubles import Troubles
from worker.web import health_view
from worker.web.access import allowed
from worker.web.console import Console
from worker.web.deliveries_query import list_path
from worker.web.deliveries_view import label
from worker.web.destination_desk import Desk
from worker.web.paths import path_of
from worker.web.render import moved, page
from worker.web.roles import Role

ONE: Final = "/apps/{app}/destinations/{name}"


class HealthPages:
    """One destination's health."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._desk = Desk(console)
        self._troubles = Troubles(console.redis, console.prefix)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """As it is now; the page asks for itself again."""
        app, name = request.match_info["app"], request.match_info["name"]
        await allowed(request, app, Role.VIEWER)
        destination = await self._destination(app, name)
        trouble = (await self._troubles.all()).get((app, name))
        held = (await self._troubles.holds()).get((app, name), 0.0)
        known, now = self._console.history.destination_health(app, name), self._console.now()
        return page(
            request,
            "health.html",
            app=app,
            destination=destination,
            channel=label(destination.channel),
            verdict=health_view.verdict(destination, trouble, held, known, now),
            trouble=trouble,
            known=known,
            buckets=await self._buckets(destination),
            view=health_view,
            back=path_of("apps", app, "destinations", name),
            listed=list_path({"app": app, "destination": name}),
        )

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Deliver nothing to it until it is resumed."""
        app, name = request.match_info["app"], request.match_info["name"]
        who = await allowed(request, app, Role.EDITOR)
        await self._destination(app, name)
        await self._desk.pause(who, app, name)
        return moved(request, _path(app, name), say=f"{name} is paused: what comes is kept as dead letters.")

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Go on, whatever was the matter."""
        app, name = request.match_info["app"], request.match_info["name"]
        who = await allowed(request, app, Role.EDITOR)
        await self._destination(app, name)
        await self._desk.resume(who, app, name)
        return moved(request, _path(app, name), say=f"{name} goes on.")

    async def _destination(self, app: str, name: str) -> Destination:
        found = await self._console.destinations.lookup([app])
        if app not in found or name not in found[app].destinations:
            raise NotFound(f"There is no destination {name[:64]} in app {app}.")
        return found[app].destinations[name]

    async def _buckets(self, destination: Destination) -> list[Bucket]:
        if destination.settings is None or destination.channel not in CHANNELS:
            return []
        limits = limits_of(destination, CHANNELS[destination.channel])
        return await buckets(self._console.redis, self._console.prefix, limits)


def _path(app: str, name: str) -> str:
    return path_of("apps", app, "destinations", name, "health")


def routes(console: Console) -> list[web.RouteDef]:
    """Its addresses."""
    pages = HealthPages(console)
    return [
        web.get(f"{ONE}/health", pages.show),
        web.post(f"{ONE}/pause", pages.pause),
        web.post(f"{ONE}/resume", pages.resume),
    ]
