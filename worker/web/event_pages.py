"""`/events/{app}/{event}`: one event, what became of it at every destination, and why."""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from worker.channels.wording import measurement, web_links
from worker.explain import explain
from worker.models import Event
from worker.pictures.charts import alt_text
from worker.pictures.links import LIFE_S, PATH, make_token
from worker.stores.records import EventRecord
from worker.stores.troubles import Troubles
from worker.web import deliveries_view
from worker.web.access import allowed
from worker.web.composed import composed
from worker.web.console import Console
from worker.web.links import graph_path, up_to
from worker.web.render import page
from worker.web.replay_query import replay_path
from worker.web.roles import Role
from worker.web.timeline import Way, said_later, ways

EXTRA_CHARS: Final = 10_000


class EventPages:
    """The timeline of an event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._troubles = Troubles(console.redis, console.prefix)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page, which asks for itself again every few seconds."""
        app, event_id = request.match_info["app"], request.match_info["event"]
        who = await allowed(request, app, Role.VIEWER)
        record = await self._find(app, event_id)
        now, troubles = self._console.now(), await self._troubles.all()
        about, *others = explain(record, troubles, now)
        found = ways(record, now)
        return page(
            request,
            "event.html",
            record=record,
            event=record.event,
            ways=found,
            told=[about, *others],
            requests=await self._requests(record, now),
            replays=_replays(record.event, found) if who.may(app, Role.EDITOR) else {},
            **self._facts(record),
        )

    async def _find(self, app: str, event_id: str) -> EventRecord:
        hours = f"{self._console.settings.retention_hours:g}"
        try:
            found = await self._console.records.find(event_id, [app])
        except ValueError:
            raise web.HTTPNotFound(text="What is on record of this event cannot be read by this version.") from None
        if not found:
            gone = f"Nothing is on record of event {event_id[:128]} of app {app}. Events are kept for {hours} hours."
            raise web.HTTPNotFound(text=gone)
        return found[0]

    async def _requests(self, record: EventRecord, now: float) -> list[Any]:
        apps = await self._console.destinations.lookup([record.event.app])
        return [composed(record.event, each, apps.get(record.event.app), now) for each in record.deliveries]

    def _facts(self, record: EventRecord) -> dict[str, Any]:
        event = record.event
        graph = up_to(event.occurred_at).fixed() | ({"metric": event.metric.name} if event.metric else {})
        extra = orjson.dumps(event.extra, option=orjson.OPT_INDENT_2).decode() if event.extra else ""
        return {
            "late": said_later(event, record.at),
            "links": [(link, link in web_links(event)) for link in event.links],
            "measured": measurement(event),
            "graph": graph_path(event.app, graph),
            "picture": self._picture(event),
            "extra": extra if len(extra) <= EXTRA_CHARS else f"{extra[:EXTRA_CHARS]}…",
            "view": deliveries_view,
        }

    def _picture(self, event: Event) -> tuple[str, str] | None:
        """(address, the same in words) of the picture of its metric, where there is one."""
        album = self._console.album
        if album is None or event.metric is None or not event.metric.points:
            return None
        token = make_token(album.keys[0], event.app, event.id, int(event.received_at) + LIFE_S)
        return PATH.format(token=token), alt_text(event)


def _replays(event: Event, found: list[Way]) -> dict[str, str]:
    """Where its dead letters can be replayed, by destination; under the empty name all of them."""
    dead = [way.name for way in found if way.dead]
    named = {"app": event.app, "event": event.id}
    each = {name: replay_path(named | {"destination": name}) for name in dead}
    return each | ({"": replay_path(named)} if dead else {})


def routes(console: Console) -> list[web.RouteDef]:
    """Its address. An id may have braces, which `{event}` alone does not match."""
    return [web.get("/events/{app}/{event:[^/]+}", EventPages(console).show)]
