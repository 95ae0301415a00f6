"""The console's server: guards, areas, and running it until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from worker.cancelling import ended
from worker.errors import Unavailable
from worker.web.access import CONSOLE
from worker.web.areas import AREAS, Area
from worker.web.bodies import BODY_BYTES
from worker.web.console import Console
from worker.web.failures import answered
from worker.web.guards import harden, known_host, known_person, own_forms
from worker.web.render import RENDERER, Renderer

STOP_S: Final = 5.0
BACKLOG: Final = 128


def make_app(console: Console, areas: Iterable[Area] = AREAS, templates: Sequence[Path] = ()) -> web.Application:
    """The console as an aiohttp application, with its areas and folders of further templates."""
    known = tuple(areas)
    app = web.Application(client_max_size=BODY_BYTES, middlewares=[answered, known_host, known_person, own_forms])
    app[CONSOLE] = console
    app[RENDERER] = Renderer([area.tab for area in known if area.tab], templates)
    app.router.add_get("/static/{name:.+}", app[RENDERER].static.serve)
    for area in known:
        app.router.add_routes(area.routes(console))
    app.on_response_prepare.append(harden)
    app.cleanup_ctx.append(_in_background)
    return app


async def _in_background(app: web.Application) -> AsyncIterator[None]:
    console = app[CONSOLE]
    tasks = [asyncio.create_task(work()) for work in console.background]
    yield
    await ended(tasks)
    if console.album is not None:
        await console.album.gallery.close()


class Server:
    """Listens from `start` to `stop`."""

    def __init__(self, console: Console, port: int) -> None:
        self._console = console
        self._port = port
        self._runner = web.AppRunner(make_app(console), access_log=None, shutdown_timeout=STOP_S)

    @property
    def url(self) -> str:
        """Where people find it."""
        return self._console.place.url(self._port)

    async def start(self) -> None:
        """Listen; Unavailable where the port cannot be had."""
        await self._runner.setup()
        host = self._console.place.host
        try:
            await web.TCPSite(self._runner, host, self._port, backlog=BACKLOG).start()
        except OSError as error:
            await self.stop()
            where = f"{host} port {self._port}"
            raise Unavailable(f"the console cannot listen on {where}: {error.strerror or error}") from None
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Let what is being answered finish, and close."""
        await self._runner.cleanup()
        await self._console.carrier.close()
        self._console.history.close()
