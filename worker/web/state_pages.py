"""`/state`: workers, queues, ledger, what is kept, and destinations in trouble, at a glance."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from aiohttp import web

from worker.state import State, read_state
from worker.web import state_view
from worker.web.access import allowed
from worker.web.console import Console
from worker.web.render import page
from worker.web.roles import Role

FRESH_S: Final = 1.0
"""One look at Redis serves all who ask within so long."""
SHOWN: Final = 100
"""Workers, and destinations in trouble."""


class Look:
    """The latest state, looked at when somebody asks."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = asyncio.Lock()
        self._at = -math.inf
        self._state: State | None = None

    async def state(self) -> State:
        """At most a second old."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._state is None or now - self._at > FRESH_S:
                self._state = await read_state(self._console.redis, self._console.prefix)
                self._at = now
            return self._state


class StatePages:
    """The one page, which asks for itself every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._look = Look(console)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """What the user may see of it: sums over all apps, and the names of their own."""
        who = await allowed(request, None, Role.VIEWER)
        state = (await self._look.state()).seen_by(who.visible)
        return page(
            request,
            "state.html",
            state=state,
            view=state_view,
            workers=[*state.alive, *state.gone][:SHOWN],
            troubled=state.destinations[:SHOWN],
            feeding=self._console.history.feeding,
            flower=self._console.settings.flower_url or "",
        )


def routes(console: Console) -> list[web.RouteDef]:
    """Its address."""
    return [web.get("/state", StatePages(console).show)]
