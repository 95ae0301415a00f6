"""The areas of the console, in the order of the navigation: each one's routes, and its tab where it has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from worker.web import (
    api_routes,
    apps_pages,
    audit_pages,
    deliveries_pages,
    destination_pages,
    event_pages,
    graph_pages,
    health,
    health_pages,
    login,
    picture_pages,
    replay_pages,
    state_pages,
)
from worker.web.console import Console
from worker.web.render import Tab


@dataclass(frozen=True, slots=True)
class Area:
    """One part of the console."""

    routes: Callable[[Console], list[web.RouteDef]]
    tab: Tab | None = None


AREAS = (
    Area(health.routes),
    Area(picture_pages.routes),
    Area(login.routes),
    Area(apps_pages.routes, Tab("Apps", "/apps")),
    Area(destination_pages.routes),
    Area(health_pages.routes),
    Area(graph_pages.routes),
    Area(deliveries_pages.routes, Tab("Deliveries", "/deliveries")),
    Area(event_pages.routes),
    Area(replay_pages.routes),
    Area(state_pages.routes, Tab("State", "/state")),
    Area(audit_pages.routes, Tab("Audit log", "/audit")),
    Area(api_routes.routes, Tab("API", "/api")),
)
