"""Destinations, by the HTTP API: read, put, switched and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from aiohttp import web

from worker.allow_list import AllowList
from worker.channels import CHANNELS
from worker.errors import BellhopError, InvalidSettings, NotFound, Outdated, Unavailable
from worker.given_settings import given_settings
from worker.models import Destination
from worker.settings_tree import revealed, unfolded
from worker.stores.edits import Opened
from worker.stores.troubles import Trouble, Troubles
from worker.web.api import Call, Operation, Paged, Reply, page_of
from worker.web.api_destination_values import (
    DestinationAnswer,
    DestinationBody,
    DestinationsAnswer,
    SwitchBody,
    destination_answer,
)
from worker.web.api_values import check_conditions, check_name, etag, is_conditional
from worker.web.bench import Bench, bench_for, bench_for_new
from worker.web.console import Console
from worker.web.destination_desk import Desk
from worker.web.roles import Role

AREA: Final = "destinations"
TRIES: Final = 5
"""How often a change without a condition is made anew where somebody else was faster."""
Known = Mapping[tuple[str, str], Trouble]


class ApiDestinations:
    """What can be done with destinations."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._desk = Desk(console)
        self._troubles = Troubles(console.redis, console.prefix)
        self._allowed = AllowList(console.settings.allowed_addresses)

    async def list(self, call: Call) -> Reply:
        """An app's."""
        opened = await self._console.destinations.opened(call.app)
        troubles = await self._troubles.all()
        behind = [name for name in sorted(opened.app.destinations) if name > call.query.cursor]
        names, cursor = page_of(behind, call.query.limit, str)
        items = [self._shown(opened, name, troubles) for name in names]
        return Reply(DestinationsAnswer(items=items, next=cursor))

    async def get(self, call: Call) -> Reply:
        """One."""
        return await self._told(call)

    async def put(self, call: Call) -> Reply:
        """Make it, or put what is sent in its place."""
        check_name(call.part("name"))
        for _ in range(TRIES):
            opened = await self._console.destinations.opened(call.app)
            check_conditions(call.request, opened.revision(call.part("name")))
            try:
                return await self._told(call, await self._put(call, opened))
            except Outdated:
                _end_where_conditional(call)
        raise Unavailable("others change it all the time")

    async def switch(self, call: Call) -> Reply:
        """On or off."""
        name, enabled = call.part("name"), call.body.enabled
        if not is_conditional(call.request):
            with _told_as_invalid():
                await self._desk.switch(call.who, call.app, name, enabled=enabled)
            return await self._told(call)
        opened = await self._console.destinations.opened(call.app)
        stored = _stored(opened, name)
        check_conditions(call.request, opened.revision(name))
        if stored.settings is None:
            raise InvalidSettings([f"settings: {stored.problem}"])
        try:
            await self._save(call, opened, replace(stored, enabled=enabled))
        except Outdated:
            _end_where_conditional(call)
        return await self._told(call)

    async def delete(self, call: Call) -> Reply:
        """It is gone."""
        name = call.part("name")
        for _ in range(TRIES):
            opened = await self._console.destinations.opened(call.app)
            _stored(opened, name)
            check_conditions(call.request, opened.revision(name))
            try:
                await self._desk.delete(call.who, call.app, name, opened.revision(name))
            except Outdated:
                _end_where_conditional(call)
            else:
                return Reply(status=204)
        raise Unavailable("others change it all the time")

    async def _put(self, call: Call, opened: Opened) -> int:
        """201 where it was not there before."""
        name, body = call.part("name"), call.body
        stored = opened.app.destinations.get(name)
        wanted = wanted_destination(opened, name, body)
        if stored is None or _written(stored) != _written(wanted):
            await self._save(call, opened, wanted)
        return 201 if stored is None else 200

    async def _save(self, call: Call, opened: Opened, wanted: Destination) -> None:
        bench, stored = self._bench(opened, wanted), opened.app.destinations.get(wanted.name)
        changed = map(bench.form.label_of, bench.changes(wanted))
        with _told_as_invalid():
            await self._desk.put(call.who, stored, wanted, opened.revision(wanted.name), changed)

    def _bench(self, opened: Opened, wanted: Destination) -> Bench:
        stored = opened.app.destinations.get(wanted.name)
        if stored is None or stored.channel != wanted.channel:
            return bench_for_new(opened, wanted.channel, self._console.now())
        return bench_for(opened, wanted.name, self._console.now())

    async def _told(self, call: Call, status: int = 200) -> Reply:
        """As it is stored now."""
        name, opened = call.part("name"), await self._console.destinations.opened(call.app)
        _stored(opened, name)
        shown = self._shown(opened, name, await self._troubles.all())
        return Reply(shown, status, etag(opened.revision(name)))

    def _shown(self, opened: Opened, name: str, troubles: Known) -> DestinationAnswer:
        stored, trouble = opened.app.destinations[name], troubles.get((opened.app.name, name))
        return destination_answer(stored, opened.revision(name), trouble, self._allowed)


def wanted_destination(opened: Opened, name: str, body: DestinationBody) -> Destination:
    """What a body asks for, with the stored secrets that are to stay; InvalidSettings with every problem."""
    stored, channel = opened.app.destinations.get(name), CHANNELS[body.channel]
    same = stored is not None and stored.channel == body.channel
    settings = given_settings(channel, body.settings, stored.settings if stored is not None and same else None)
    return Destination(opened.app.name, name, channel.name, settings, body.enabled, body.rate_limit, body.on_ambiguous)


def _stored(opened: Opened, name: str) -> Destination:
    if name not in opened.app.destinations:
        raise NotFound(f"There is no destination {name[:64]} in app {opened.app.name}.")
    return opened.app.destinations[name]


def _written(destination: Destination) -> tuple[object, ...]:
    """All that is stored of it; unlike the values of settings, this knows what is given and what is a default."""
    settings = destination.settings
    tree = None if settings is None else unfolded(settings, revealed)
    return (destination.channel, destination.enabled, destination.rate_limit, destination.on_ambiguous, tree)


@contextmanager
def _told_as_invalid() -> Iterator[None]:
    """What keeps a destination from being stored: no master key to seal it with, one that a worker lacks, a damage."""
    try:
        yield
    except (InvalidSettings, NotFound, Outdated, Unavailable):
        raise
    except BellhopError as problem:
        raise InvalidSettings([str(problem)]) from None


def _end_where_conditional(call: Call) -> None:
    """Somebody was faster, between our look and our write: whoever named a revision is told."""
    if is_conditional(call.request):
        raise web.HTTPPreconditionFailed(text="Somebody has changed it at this very moment.") from None


def operations(console: Console) -> list[Operation]:
    """All of them."""
    api, all_of, one = ApiDestinations(console), "/apps/{app}/destinations", "/apps/{app}/destinations/{name}"
    return [
        Operation(
            AREA, "listDestinations", "GET", all_of, "An app's destinations, by name.", api.list, DestinationsAnswer,
            query=Paged, fails=(404,),
        ),
        Operation(
            AREA, "getDestination", "GET", one, "One destination; its revision is the `ETag`.", api.get,
            DestinationAnswer, fails=(404,), tagged=True,
        ),
        Operation(
            AREA, "putDestination", "PUT", one,
            "Make a destination, or put another in its place. What is the same already is not written.", api.put,
            DestinationAnswer, tagged=True, conditional=True, statuses=(200, 201), least=Role.EDITOR,
            body=DestinationBody, fails=(404,),
        ),
        Operation(
            AREA, "switchDestination", "PATCH", one, "Switch a destination on or off.", api.switch, DestinationAnswer,
            tagged=True, conditional=True, least=Role.EDITOR, body=SwitchBody, fails=(404,),
        ),
        Operation(
            AREA, "deleteDestination", "DELETE", one, "Delete a destination.", api.delete, statuses=(204,),
            least=Role.ADMIN, conditional=True, fails=(404,),
        ),
    ]  # fmt: skip
