"""The apps and their destinations in memory: for tests, with the same contract as on Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from worker.errors import InvalidSettings, NotFound, Outdated
from worker.models import App
from worker.stores.edits import ABSENT, Edit, Opened


class MemoryDestinations:
    """`worker.stores.destinations.Destinations` without a server."""

    def __init__(self, apps: Iterable[App] = ()) -> None:
        self._apps = {app.name: app for app in apps}
        self._numbers = count(1)
        self._revisions: dict[tuple[str, str], str] = {}
        for app in apps:
            self._revise(app)

    async def lookup(self, apps: Iterable[str]) -> dict[str, App]:
        """Those of `apps` that exist, by name."""
        return {name: self._apps[name] for name in apps if name in self._apps}

    async def save(self, apps: Iterable[App], removed: Iterable[str] = ()) -> None:
        """Put these apps' destinations in the place of what they had, and delete those removed."""
        for name in removed:
            self._apps.pop(name, None)
        for app in apps:
            self._apps[app.name] = App(app.name, dict(sorted(app.destinations.items())))
            self._revise(app)

    async def set_enabled(self, app: str, destination: str, *, enabled: bool) -> None:
        """Switch a destination on or off; NotFound where it is not there."""
        known = self._apps.get(app, App(app)).destinations
        if destination not in known:
            raise NotFound(f"app {app} has no destination {destination}")
        self._apps[app] = App(app, known | {destination: replace(known[destination], enabled=enabled)})
        self._revisions[app, destination] = str(next(self._numbers))

    async def opened(self, app: str) -> Opened:
        """The app as it is stored now, with the revision of each destination."""
        if app not in self._apps:
            raise NotFound(f"there is no app {app}")
        found = self._apps[app]
        return Opened(found, {name: self._revisions[app, name] for name in found.destinations})

    async def change(self, app: str, edit: Edit, expected: str) -> None:
        """Put or delete one destination whose revision is `expected`, and touch no other."""
        opened = await self.opened(app)
        if opened.revision(edit.name) != expected:
            raise Outdated(f"app {app}: {edit.name} was changed in between")
        others = {name: each for name, each in opened.app.destinations.items() if name != edit.name}
        after = {} if edit.after is None else {edit.name: edit.after}
        if not after and expected == ABSENT:
            raise NotFound(f"app {app} has no destination {edit.name}")
        self._apps[app] = App(app, dict(sorted((others | after).items())))
        self._revisions[app, edit.name] = str(next(self._numbers))

    async def add(self, app: str) -> None:
        """Make an app without destinations; InvalidSettings where there is one of that name."""
        if app in self._apps:
            raise InvalidSettings([f"name: there is an app {app} already"])
        self._apps[app] = App(app)

    async def delete(self, app: str) -> None:
        """Delete an app with its destinations; NotFound where it is not there."""
        if self._apps.pop(app, None) is None:
            raise NotFound(f"there is no app {app}")

    async def names(self) -> list[str]:
        """The apps' names, sorted."""
        return sorted(self._apps)

    async def everything(self) -> dict[str, App]:
        """All apps by name."""
        return {name: self._apps[name] for name in sorted(self._apps)}

    def _revise(self, app: App) -> None:
        self._revisions |= {(app.name, name): str(next(self._numbers)) for name in app.destinations}
