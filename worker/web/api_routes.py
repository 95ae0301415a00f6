"""All operations of the HTTP API, the document that describes them, and the page that is made of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import orjson
from aiohttp import web

from worker.web import (
    api_apps,
    api_channels,
    api_deliveries,
    api_destinations,
    api_events,
    api_graph,
    api_health,
    api_state,
    api_tokens,
    api_trials,
    api_users,
)
from worker.web.access import CONSOLE, allowed
from worker.web.api import API, Operation, route
from worker.web.api_reference import Described, described
from worker.web.console import Console
from worker.web.openapi import ABOUT, document
from worker.web.render import page
from worker.web.roles import Role

PARTS = (
    api_apps,
    api_destinations,
    api_trials,
    api_health,
    api_channels,
    api_events,
    api_graph,
    api_deliveries,
    api_state,
    api_users,
    api_tokens,
)
DOCUMENT = f"{API}/openapi.json"


def operations(console: Console) -> list[Operation]:
    """All of them."""
    return [each for part in PARTS for each in part.operations(console)]


class ApiPages:
    """The document, made when somebody first asks: it is the same for everybody, and holds no secret."""

    def __init__(self, known: list[Operation]) -> None:
        self._known = known

    async def serve(self, _request: web.Request) -> web.StreamResponse:
        """The document as JSON, for whoever asks: tools read it before they have a token."""
        response = web.Response(body=orjson.dumps(self._document), content_type="application/json")
        response.enable_compression()
        return response

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The same for people."""
        await allowed(request, None, Role.VIEWER)
        url = request.app[CONSOLE].place.public_url or f"{request.scheme}://{request.host}"
        return page(request, "api.html", url=url, about=ABOUT, areas=self._areas)

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document(self._known)

    @cached_property
    def _areas(self) -> dict[str, list[Described]]:
        return described(self._document)


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    known = operations(console)
    pages = ApiPages(known)
    return [
        web.get("/api", pages.show),
        web.get(DOCUMENT, pages.serve),
        *(route(each, each.do) for each in known if each.do),
    ]
