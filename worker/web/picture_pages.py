"""`/pictures/TOKEN.png`: an event's metric for whoever has its address, drawn when it is asked for.

Vendors fetch it without logging in; the token is the permission (`worker.pictures.links`). Whatever is wrong with one,
the answer is the same: there is nothing here.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from worker.models import Event
from worker.pictures.album import Album
from worker.pictures.links import read_token
from worker.web.console import Console

ADDRESS: Final = r"/pictures/{token:[A-Za-z0-9_-]+}.png"
PATIENCE_S: Final = 5.0
AGAIN_S: Final = 10
KEPT_S: Final = 86_400
"""How long vendors and browsers keep one; it never changes."""
A_SECOND, AT_ONCE = 20.0, 100.0
"""How many are answered: a message in a busy channel is fetched by the vendor, not by everybody who reads it."""


class Allowance:
    """So many at once, and so many a second after that."""

    def __init__(self, a_second: float, at_once: float) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._left = at_once
        self._since = 0.0

    def take(self, now: float) -> bool:
        """Whether there is one more at `now`, in seconds by a clock that never goes back."""
        self._left = min(self._at_once, self._left + (now - self._since) * self._a_second)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class PicturePages:
    """Shows pictures from the console's album."""

    def __init__(self, console: Console, album: Album, allowance: Allowance) -> None:
        self._console = console
        self._album = album
        self._allowance = allowance

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The PNG; 404 where the token is none of ours or the event is gone, 429 or 503 where it can be had later."""
        named = read_token(self._album.keys, request.match_info["token"], self._console.now())
        if named is None:
            return _nothing(404)
        if not self._allowance.take(asyncio.get_running_loop().time()):
            return _nothing(429)
        event = await self._event(*named)
        if event is None or event.metric is None or not event.metric.points:
            return _nothing(404)
        png = await self._album.gallery.picture(event, PATIENCE_S)
        return _shown(png) if png else _nothing(503)

    async def _event(self, app: str, event_id: str) -> Event | None:
        try:
            found = await self._console.records.find(event_id, [app])
        except ValueError:  # of another version's
            return None
        return found[0].event if found else None


def _shown(png: bytes) -> web.Response:
    headers = {
        "Cache-Control": f"public, max-age={KEPT_S}, immutable",
        # Vendors' pages show it where their servers do not fetch it themselves.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Robots-Tag": "noindex",
    }
    return web.Response(body=png, content_type="image/png", headers=headers)


def _nothing(status: int) -> web.Response:
    later = {} if status == 404 else {"Retry-After": str(AGAIN_S)}  # noqa: PLR2004 - HTTP's
    return web.Response(status=status, text="There is no picture here.\n", headers=later)


def routes(console: Console) -> list[web.RouteDef]:
    """Its one address; none where there are no pictures."""
    if console.album is None:
        return []
    pages = PicturePages(console, console.album, Allowance(A_SECOND, AT_ONCE))
    return [web.get(ADDRESS, pages.show)]
