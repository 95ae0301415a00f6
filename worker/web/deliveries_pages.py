"""`/deliveries`: what became of alerts, delivery by delivery, and as it becomes of them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from worker.channels import CHANNELS
from worker.errors import InvalidSettings
from worker.models import Reason
from worker.web import deliveries_view
from worker.web.access import allowed
from worker.web.console import Console
from worker.web.deliveries_query import PATH, STATES, Asked, asked_of, list_path, older_path
from worker.web.graph_words import notice
from worker.web.history_rows import DeliveryRow
from worker.web.links import timeline_path
from worker.web.render import page
from worker.web.replay_query import replay_path
from worker.web.roles import Role, User
from worker.web.spans import LASTS

SHOWN: Final = 50
"""Deliveries on one page."""
ANY: Final = ("", "any")


class DeliveriesPages:
    """The list, of all apps that may be seen or of one."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.StreamResponse:
        """A page of it, that asks for itself again; an address that cannot be read is told, and all are shown."""
        who = await allowed(request, None, Role.VIEWER)
        now, problem = self._console.now(), ""
        try:
            asked = asked_of(request.query, now)
        except InvalidSettings as error:
            asked, problem = Asked(), error.problems[0]
        status = 422 if problem else 200
        return page(request, "deliveries.html", status=status, problem=problem, **await self._page(who, asked, now))

    async def _page(self, who: User, asked: Asked, now: float) -> dict[str, Any]:
        found = self._console.history.deliveries(asked.filter(who.visible), SHOWN + 1, asked.before)
        rows = found[:SHOWN]
        return {
            "asked": asked,
            "app": asked.app if await self._is_there(who, asked.app) else "",
            "rows": [(row, _link(row)) for row in rows],
            "view": deliveries_view,
            "notice_words": notice(self._console.history.feeding, now),
            "choices": _choices(),
            "newest": list_path(asked.query()) if asked.before else "",
            "older": older_path(asked, rows[-1]) if len(found) > SHOWN else "",
            "clear": list_path({"app": asked.app} if asked.app and len(asked.query()) > 1 else {}),
            "replay": replay_path(asked.query()) if _may_replay(who, asked) else "",
        }

    async def _is_there(self, who: User, app: str) -> bool:
        """Whether there is such an app for this user: with settings, or with events from when it had some."""
        if not app or who.role(app) is None:
            return False
        return bool(self._console.history.apps({app}) or await self._console.destinations.lookup([app]))


def _link(row: DeliveryRow) -> str:
    """Its place on the event's timeline: an address of its own, so that the focus finds back to it."""
    return f"{timeline_path(row.app, row.event_id)}#{quote(f'to-{row.destination}')}"


def _may_replay(who: User, asked: Asked) -> bool:
    """Whether there may be dead letters among these, and some of them may be replayed by this user."""
    if asked.state not in {"", "failed", "skipped"}:
        return False
    return any(who.may(app, Role.EDITOR) for app in ([asked.app] if asked.app else [None, *who.roles]))


def _choices() -> dict[str, list[tuple[str, str]]]:
    return {
        "channel": [ANY, *((name, channel.label) for name, channel in CHANNELS.items())],
        "state": [ANY, *((state, state) for state in STATES)],
        "reason": [ANY, *((reason.value, reason.value.replace("_", " ")) for reason in Reason)],
        "last": [("", "any time"), *((last, f"the last {last}") for last in LASTS)],
    }


def routes(console: Console) -> list[web.RouteDef]:
    """Its address."""
    return [web.get(PATH, DeliveriesPages(console).show)]
