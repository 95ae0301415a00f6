"""`/replay`: dead letters delivered again. The page says which, and its button does it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from worker.replays import Letter, dead_letters
from worker.stores.troubles import Troubles
from worker.web import deliveries_view
from worker.web.access import allowed
from worker.web.bodies import posted
from worker.web.console import Console
from worker.web.links import timeline_path
from worker.web.render import moved, page
from worker.web.replay_desk import AT_ONCE, replay_all
from worker.web.replay_query import PATH, Wanted, wanted_of
from worker.web.roles import Role, User

SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Found:
    """The dead letters that are asked for: those that may be replayed, and of how many apps how many may not."""

    letters: list[Letter]
    left_out: Counter[str]
    more: bool = False
    """Whether there are more than one press replays."""


class ReplayPages:
    """What would be replayed, and doing it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._troubles = Troubles(console.redis, console.prefix)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """A dry run: which, of how many apps. Nothing is changed."""
        wanted = wanted_of(request.query, self._console.now())
        return await self._shown(request, await self._who(request, wanted), wanted)

    async def do(self, request: web.Request) -> web.StreamResponse:
        """Replay what the dry run has shown; who has not seen one is shown it first."""
        wanted = wanted_of(await posted(request), self._console.now())
        who = await self._who(request, wanted)
        if wanted.died_ms is None:
            return await self._shown(request, who, wanted)
        count = await replay_all(self._console, who, (await self._find(who, wanted)).letters)
        if not count:
            return moved(request, wanted.back, say="Nothing was left to replay: others have done it.", kind="warn")
        return moved(request, wanted.back, say=f"{_deliveries(count)} owed again, from attempt 1.")

    async def _who(self, request: web.Request, wanted: Wanted) -> User:
        """Who asks: an editor of the app that is named; where none is, anybody, of whose apps it then is."""
        app = wanted.asked.app
        return await allowed(request, app or None, Role.EDITOR if app else Role.VIEWER)

    async def _find(self, who: User, wanted: Wanted) -> Found:
        console = self._console
        found = await dead_letters(console.redis, console.prefix, wanted.filter(who.visible), AT_ONCE + 1)
        letters = [letter for letter in found[:AT_ONCE] if wanted.names(letter)]
        mine = [letter for letter in letters if who.may(letter.event.app, Role.EDITOR)]
        others = Counter(letter.event.app for letter in letters if not who.may(letter.event.app, Role.EDITOR))
        return Found(mine, others, len(found) > AT_ONCE)

    async def _shown(self, request: web.Request, who: User, wanted: Wanted) -> web.Response:
        found = await self._find(who, wanted)
        places = {(letter.event.app, letter.record.destination) for letter in found.letters}
        paused = {place for place, trouble in (await self._troubles.all()).items() if trouble.paused_at}
        return page(
            request,
            "replay.html",
            wanted=wanted,
            found=found,
            action=PATH,
            fields=wanted.fields(found.letters),
            counts=sorted(Counter(letter.event.app for letter in found.letters).items()),
            shown=[(letter, timeline_path(letter.event.app, letter.event.id)) for letter in found.letters[:SHOWN]],
            paused=sorted(places & paused),
            view=deliveries_view,
        )


def _deliveries(count: int) -> str:
    return "1 delivery is" if count == 1 else f"{count:,} deliveries are"


def routes(console: Console) -> list[web.RouteDef]:
    """Its address."""
    pages = ReplayPages(console)
    return [web.get(PATH, pages.show), web.post(PATH, pages.do)]
