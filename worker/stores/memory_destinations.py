"""The apps and their destinations in memory: for tests, with the same contract as on Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from worker.errors import NotFound
from worker.models import App


class MemoryDestinations:
    """`worker.stores.destinations.Destinations` without a server."""

    def __init__(self, apps: Iterable[App] = ()) -> None:
        self._apps = {app.name: app for app in apps}

    async def lookup(self, apps: Iterable[str]) -> dict[str, App]:
        """Those of `apps` that exist, by name."""
        return {name: self._apps[name] for name in apps if name in self._apps}

    async def save(self, apps: Iterable[App], removed: Iterable[str] = ()) -> None:
        """Put these apps' destinations in the place of what they had, and delete those removed."""
        for name in removed:
            self._apps.pop(name, None)
        self._apps |= {app.name: App(app.name, dict(sorted(app.destinations.items()))) for app in apps}

    async def set_enabled(self, app: str, destination: str, *, enabled: bool) -> None:
        """Switch a destination on or off; NotFound where it is not there."""
        known = self._apps.get(app, App(app)).destinations
        if destination not in known:
            raise NotFound(f"app {app} has no destination {destination}")
        self._apps[app] = App(app, known | {destination: replace(known[destination], enabled=enabled)})

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
