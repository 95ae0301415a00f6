"""Apps, by the HTTP API."""

from __future__ import annotations

from pydantic import Field

from worker.errors import InvalidSettings, NotFound
from worker.models import App
from worker.stores.troubles import Troubles
from worker.web.api import Answer, Body, Call, Operation, Paged, Reply, page_of
from worker.web.api_values import Next, check_name
from worker.web.console import Console
from worker.web.roles import Role

AREA = "apps"


class AppsQuery(Paged):
    """Which apps."""

    q: str = Field(default="", max_length=64, description="Only those whose name holds this.")


class AppAnswer(Answer):
    """An app."""

    name: str
    destinations: list[str] = Field(description="The names of its destinations.")
    troubled: list[str] = Field(description="Those of them that are held back or paused now.")


class AppsAnswer(Answer):
    """A page of apps, by name."""

    items: list[AppAnswer]
    next: Next


class NewApp(Body):
    """An app has nothing but its name and what is under it."""


class ApiApps:
    """What can be done with apps."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._troubles = Troubles(console.redis, console.prefix)

    async def list(self, call: Call) -> Reply:
        """Those that may be seen."""
        asked: AppsQuery = call.query
        known = [name for name in await self._console.destinations.names() if _is_visible(call, name)]
        behind = [name for name in known if name > asked.cursor and asked.q.lower() in name.lower()]
        names, cursor = page_of(behind[: asked.limit + 1], asked.limit, str)
        found = await self._console.destinations.lookup(names)
        troubled = set(await self._troubles.all())
        return Reply(AppsAnswer(items=[_answer(app, troubled) for app in found.values()], next=cursor))

    async def get(self, call: Call) -> Reply:
        """One."""
        return Reply(await self._one(call.app))

    async def put(self, call: Call) -> Reply:
        """Make it, or find it there."""
        check_name(call.app, "app")
        try:
            await self._console.destinations.add(call.app)
        except InvalidSettings:  # it is there already
            return Reply(await self._one(call.app))
        await self._console.audit.record(call.who, "app.added", app=call.app)
        return Reply(await self._one(call.app), 201)

    async def delete(self, call: Call) -> Reply:
        """With its destinations."""
        await self._console.destinations.delete(call.app)
        await self._console.audit.record(call.who, "app.deleted", app=call.app)
        return Reply(status=204)

    async def _one(self, name: str) -> AppAnswer:
        found = await self._console.destinations.lookup([name])
        if name not in found:
            raise NotFound(f"There is no app {name}.")
        return _answer(found[name], set(await self._troubles.all()))


def _is_visible(call: Call, name: str) -> bool:
    return call.who.visible is None or name in call.who.visible


def _answer(app: App, troubled: set[tuple[str, str]]) -> AppAnswer:
    names = sorted(app.destinations)
    return AppAnswer(
        name=app.name, destinations=names, troubled=[name for name in names if (app.name, name) in troubled]
    )


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api, one = ApiApps(console), "/apps/{app}"
    return [
        Operation(
            AREA, "listApps", "GET", "/apps", "The apps that you may see, by name.", api.list, AppsAnswer,
            query=AppsQuery,
        ),
        Operation(AREA, "getApp", "GET", one, "One app.", api.get, AppAnswer, fails=(404,)),
        Operation(
            AREA, "putApp", "PUT", one, "Make an app. Where it is there already, nothing is changed.", api.put,
            AppAnswer, statuses=(200, 201), least=Role.ADMIN, everywhere=True, body=NewApp, body_optional=True,
            fails=(404,),
        ),
        Operation(
            AREA, "deleteApp", "DELETE", one, "Delete an app with its destinations.", api.delete, statuses=(204,),
            least=Role.ADMIN, everywhere=True, fails=(404,),
        ),
    ]  # fmt: skip
