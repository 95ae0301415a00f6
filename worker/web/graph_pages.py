"""`/apps/{app}/events`: the event graph of an app, and the same as JSON."""

from __future__ import annotations

import secrets
from typing import Any, Final

import orjson
from aiohttp import web

from worker.errors import InvalidSettings
from worker.models import Status
from worker.web import graph_words
from worker.web.access import allowed
from worker.web.chart_library import PATH, chart_library
from worker.web.console import Console
from worker.web.graph import Asked, Graph, asked_of, look, position
from worker.web.graph_json import graph_json, latest, row_json, span_json
from worker.web.links import graph_path
from worker.web.render import page
from worker.web.roles import Role
from worker.web.spans import LASTS

LABELS: Final = {"1h": "1 h", "6h": "6 h", "24h": "24 h", "3d": "3 d"}
APP: Final = "/apps/{app}/events"


class GraphPages:
    """The page and its data."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Positions of another process, or of this console before it started again, are worth nothing.
        self._run = secrets.token_hex(4)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page; where its address cannot be read it says so, and shows the last hour."""
        app = await self._app(request)
        now, problem = self._console.now(), ""
        try:
            asked = asked_of(request.query, now)
        except InvalidSettings as error:
            asked, problem = asked_of({}, now), str(error)
        graph = look(self._console.history, app, asked)
        return page(request, "graph.html", status=422 if problem else 200, problem=problem, **self._page(app, graph))

    async def data(self, request: web.Request) -> web.StreamResponse:
        """The same as JSON; `position` of the answer before has it short where nothing has changed since."""
        app = await self._app(request)
        now = self._console.now()
        asked = asked_of(request.query, now)
        here = f"{self._run}.{position(self._console.history, asked)}"
        same = request.query.get("position") == here
        told = span_json(asked.span) if same else graph_json(app, look(self._console.history, app, asked))
        notice = graph_words.notice(self._console.history.feeding, now)
        told |= {"position": here, "unchanged": same, "now_ms": round(now * 1000), "notice": notice}
        response = web.Response(body=orjson.dumps(told), content_type="application/json")
        response.enable_compression()
        return response

    async def _app(self, request: web.Request) -> str:
        """The app, if there is one by that name: with settings, or with events from when it had some."""
        app = request.match_info["app"]
        await allowed(request, app, Role.VIEWER)
        if not self._console.history.apps({app}) and app not in await self._console.destinations.lookup([app]):
            raise web.HTTPNotFound(text=f"There is no app {app}.")
        return app

    def _page(self, app: str, graph: Graph) -> dict[str, Any]:
        asked, rows = graph.asked, graph.rows
        older = {**asked.query(), "before": str(rows[-1].cursor)} if graph.more else {}
        return {
            "app": app,
            "asked": asked,
            "here": graph_path(app),
            "ranges": [(last, LABELS[last], graph_path(app, {"last": last} | asked.filters())) for last in LASTS],
            "severities": [("", "any"), *((each, each) for each in graph_words.SEVERITIES)],
            "statuses": [("", "any"), (Status.FIRING, "firing"), (Status.RESOLVED, "back to normal")],
            "metrics": [("", "the latest"), *((name, name) for name in _names(asked, graph))],
            "shown": graph_words.shown(asked.span),
            "share": graph_path(app, asked.span.fixed() | asked.filters()),
            "summary": graph_words.summary(graph),
            "notice_words": graph_words.notice(self._console.history.feeding, self._console.now()),
            "rows": [row_json(row) for row in rows],
            "older": graph_path(app, older) if older else "",
            "newest": graph_path(app, asked.query()) if asked.before else "",
            "nothing": graph_words.nothing(graph),
            "latest": latest(app, graph),
            "library": chart_library(),
        }


def _names(asked: Asked, graph: Graph) -> list[str]:
    """Of the metrics to choose from; the one that is chosen is among them in any case."""
    chosen = [asked.metric] if asked.metric and asked.metric not in graph.names else []
    return [*chosen, *graph.names]


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    pages = GraphPages(console)
    return [
        web.get(APP, pages.show),
        web.get(f"/api/v1{APP.removesuffix('/events')}/graph", pages.data),
        web.get(PATH, chart_library().serve),
    ]
