"""All operations of the HTTP API, the document that describes them, and the page that is made of it."""

from __future__ import annotations

from functools import cached_property

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
from worker.web.api import API, Operation, route
from worker.web.console import Console
from worker.web.openapi import document

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
        response = web.Response(body=self._body, content_type="application/json")
        response.enable_compression()
        return response

    @cached_property
    def _body(self) -> bytes:
        return orjson.dumps(document(self._known))


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    known = operations(console)
    pages = ApiPages(known)
    return [web.get(DOCUMENT, pages.serve), *(route(each, each.do) for each in known if each.do)]
