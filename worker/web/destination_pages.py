"""One destination: its form, Test, Save, switching, deleting."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from aiohttp import web

from worker.allow_list import AllowList
from worker.channels import CHANNELS
from worker.errors import BellhopError, NotFound, Outdated
from worker.models import Destination, Reason
from worker.stores.edits import ABSENT
from worker.stores.stand_ins import StandIns
from worker.web.access import allowed
from worker.web.bench import Bench, bench_for, bench_for_new
from worker.web.bodies import posted
from worker.web.conflicts import Conflict, changed_since, who_changed
from worker.web.console import Console
from worker.web.destination_answers import Outcome, answer, done, draw
from worker.web.destination_desk import Desk
from worker.web.destination_rows import leads_to, warnings
from worker.web.form_rows import edited_rows
from worker.web.form_values import Posted
from worker.web.forms import OWN, Asked, Problem
from worker.web.paths import path_of
from worker.web.render import page
from worker.web.roles import Role, User

CONFLICT: Final = 409
INVALID: Final = 422


class DestinationPages:
    """`/apps/{app}/destinations` and what is under it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._desk = Desk(console)
        self._stand_ins = StandIns(console.redis, console.prefix)
        self._allowed = AllowList(console.settings.allowed_addresses)

    async def new(self, request: web.Request) -> web.StreamResponse:
        """The form of one that is to be added; without a channel, which there are."""
        app = request.match_info["app"]
        await allowed(request, app, Role.EDITOR)
        opened = await self._console.destinations.opened(app)
        channel = request.query.get("channel", "")
        if channel:
            bench = bench_for_new(opened, channel, self._console.now())
            offer = await self._stand_ins.find(channel)
            return draw(request, bench, bench.form.filled(bench.suggestion), Outcome(), offer=offer)
        if "new" in opened.app.destinations:  # a name like any other
            return self._draw(request, bench_for(opened, "new", self._console.now()))
        return page(request, "channels.html", app=app, channels=CHANNELS.values())

    async def add(self, request: web.Request) -> web.StreamResponse:
        """What the form of one that is to be added asks for."""
        app = request.match_info["app"]
        who = await allowed(request, app, Role.EDITOR)
        form = await posted(request)
        opened = await self._console.destinations.opened(app)
        bench = bench_for_new(opened, form.get("channel", ""), self._console.now())
        return await self._act(request, who, bench, form)

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """The form of one that is there."""
        app, name = request.match_info["app"], request.match_info["name"]
        await allowed(request, app, Role.VIEWER)
        opened = await self._console.destinations.opened(app)
        return self._draw(request, bench_for(opened, name, self._console.now()))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """What the form of one that is there asks for, or was there when it was opened."""
        app, name = request.match_info["app"], request.match_info["name"]
        who = await allowed(request, app, Role.EDITOR)
        form = await posted(request)
        opened = await self._console.destinations.opened(app)
        if name not in opened.app.destinations and form.get("revision"):
            bench = bench_for_new(opened, form.get("channel", ""), self._console.now())
            form.popall(f"{OWN}.name", None)
            form.add(f"{OWN}.name", name)
            return answer(request, bench, form, await self._conflict(bench, form, name))
        bench = bench_for(opened, name, self._console.now())
        if form.get("channel", bench.channel.name) != bench.channel.name:
            said = f"{name} is a destination of another kind now, so nothing was done."
            return done(request, bench.action, say=said, kind="warn")
        return await self._act(request, who, bench, form)

    async def switch(self, request: web.Request) -> web.StreamResponse:
        """On or off, as the form says."""
        app, name = request.match_info["app"], request.match_info["name"]
        who = await allowed(request, app, Role.EDITOR)
        enabled = (await posted(request)).get("enabled") == "true"
        await self._desk.switch(who, app, name, enabled=enabled)
        return done(request, path_of("apps", app), say=f"{name} is {'enabled' if enabled else 'disabled'}.")

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """What would be deleted, and the button that does."""
        app, name = request.match_info["app"], request.match_info["name"]
        await allowed(request, app, Role.ADMIN)
        return await self._confirm(request, app, name)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete it, if it still is what was shown."""
        app, name = request.match_info["app"], request.match_info["name"]
        who = await allowed(request, app, Role.ADMIN)
        revision = (await posted(request)).get("revision", ABSENT)
        try:
            await self._desk.delete(who, app, name, revision)
        except Outdated:
            return await self._confirm(request, app, name, outdated=True)
        return done(request, path_of("apps", app), say=f"{name} was deleted.")

    async def _confirm(self, request: web.Request, app: str, name: str, *, outdated: bool = False) -> web.Response:
        opened = await self._console.destinations.opened(app)
        if name not in opened.app.destinations:
            raise NotFound(f"app {app} has no destination {name[:64]}")
        stored = opened.app.destinations[name]
        values = {"stored": stored, "leads_to": leads_to(stored), "revision": opened.revision(name)}
        status = CONFLICT if outdated else 200
        return page(request, "delete_destination.html", status=status, app=app, outdated=outdated, **values)

    def _draw(self, request: web.Request, bench: Bench) -> web.Response:
        said = warnings(bench.stored, self._allowed) if bench.stored else []
        return draw(request, bench, bench.form.filled(bench.name), Outcome(warnings=bench.form.places(said)))

    async def _act(self, request: web.Request, who: User, bench: Bench, form: Posted) -> web.Response:
        """Save, Test, or without scripts one row more or less."""
        what, _, about = form.get("do", "save").partition(":")
        if what in {"add", "remove"}:
            return answer(request, bench, edited_rows(form, what, about), Outcome())
        if form.get("revision", ABSENT) != bench.revision:
            return answer(request, bench, form, await self._conflict(bench, form, bench.name))
        asked = bench.form.read(form)
        if what == "test":
            return answer(request, bench, form, await self._test(who, bench, asked))
        return await self._save(request, who, bench, form, asked)

    async def _test(self, who: User, bench: Bench, asked: Asked) -> Outcome:
        """Send a message by the settings in the form, saved or not."""
        if asked.settings is None:
            return Outcome(asked.problems, asked.errors, status=INVALID)
        subject = bench.name or asked.name or bench.channel.name
        wanted = replace(bench.asked_for(asked), name=subject)
        tested = await self._desk.test(who, wanted, bench.stored)
        trial, doubts = tested.trial, warnings(wanted, self._allowed)
        errors = bench.form.places([trial.detail]) if trial.reason == Reason.BAD_ADDRESS else {}
        return Outcome(errors=errors, warnings=bench.form.places(doubts), trial=trial, resumed=tested.resumed)

    async def _save(self, request: web.Request, who: User, bench: Bench, form: Posted, asked: Asked) -> web.Response:
        if bench.stored is None and asked.name in bench.taken:
            asked = _name_taken(asked)
        if asked.problems:
            return answer(request, bench, form, Outcome(asked.problems, asked.errors, status=INVALID))
        after = bench.asked_for(asked)
        changes = bench.changes(after)
        back = path_of("apps", bench.app)
        if bench.stored is not None and not changes:
            return done(request, back, say=f"{after.name}: nothing was changed.")
        try:
            await self._desk.put(who, bench.stored, after, bench.revision, map(bench.form.label_of, changes))
        except Outdated:
            return await self._outdated(request, bench, form, asked)
        except NotFound:
            raise
        except BellhopError as problem:  # no master key to seal it with, or one that a worker lacks
            return answer(request, bench, form, Outcome([Problem("form", "", str(problem))], status=INVALID))
        return self._saved(request, back, after)

    def _saved(self, request: web.Request, back: str, after: Destination) -> web.Response:
        doubts = warnings(after, self._allowed)
        said = f"{after.name} was saved, with {len(doubts)} to look at: {doubts[0]}" if doubts else ""
        return done(request, back, say=said or f"{after.name} was saved.", kind="warn" if doubts else "good")

    async def _outdated(self, request: web.Request, bench: Bench, form: Posted, asked: Asked) -> web.Response:
        """Somebody was faster, between our look and our write."""
        opened = await self._console.destinations.opened(bench.app)
        if bench.stored is None:
            taken = _name_taken(asked)
            return answer(request, bench, form, Outcome(taken.problems, taken.errors, status=INVALID))
        if bench.name in opened.app.destinations:
            bench = bench_for(opened, bench.name, self._console.now())
        else:
            bench = bench_for_new(opened, bench.channel.name, self._console.now())
        return answer(request, bench, form, await self._conflict(bench, form, asked.name))

    async def _conflict(self, bench: Bench, form: Posted, name: str) -> Outcome:
        """What has become of the destination since the form was opened, and by whom."""
        by = await who_changed(self._console.audit, bench.app, name, _seconds(form.get("opened", "")))
        deleted = bench.stored is None
        fields = () if deleted else changed_since(form.get("base", ""), bench.stored)
        now = [f"{path.removeprefix('settings.')}: Now stored: {value or 'nothing'}" for path, value in fields]
        told = tuple((bench.form.label_of(path), value) for path, value in fields)
        return Outcome(warnings=bench.form.places(now), conflict=Conflict(deleted, told, by), status=CONFLICT)


def _name_taken(asked: Asked) -> Asked:
    words = "there is a destination of that name already"
    problem = Problem(f"{OWN}-name", "Name", words)
    return Asked(asked.name, asked.settings, problems=[problem], errors={f"{OWN}.name": words})


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    pages = DestinationPages(console)
    one = "/apps/{app}/destinations/{name}"
    return [
        web.get("/apps/{app}/destinations/new", pages.new),
        web.post("/apps/{app}/destinations", pages.add),
        web.get(one, pages.edit),
        web.post(one, pages.change),
        web.post(f"{one}/enabled", pages.switch),
        web.get(f"{one}/delete", pages.confirm),
        web.post(f"{one}/delete", pages.delete),
    ]
