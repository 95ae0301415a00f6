"""What can be done to a destination, for the pages and the HTTP API alike: each with its line in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from worker.channels import CHANNELS
from worker.models import Destination
from worker.stores.edits import Edit
from worker.stores.troubles import Troubles
from worker.trial import Trial, tried
from worker.web.console import Console
from worker.web.roles import User


@dataclass(frozen=True, slots=True)
class Tested:
    """What a Test did, and whether the destination was paused or held back until then and goes on now."""

    trial: Trial
    resumed: bool


class Desk:
    """Changes, switches, deletes and tests destinations of one app's or another's; who may is asked before."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._troubles = Troubles(console.redis, console.prefix)

    async def put(
        self, who: User, before: Destination | None, after: Destination, revision: str, changed: Iterable[str]
    ) -> None:
        """Save `after` in the place of `before`, of which this is the `revision`; `changed` are fields in words.

        Raises:
            Outdated: where it is not that revision any more.
            NotFound: where the app is not there.
            BellhopError: where its secrets cannot be sealed.
        """
        await self._console.destinations.change(after.app, Edit(after.name, after), revision)
        what = "destination.saved" if before else "destination.added"
        await self._console.audit.record(
            who, what, app=after.app, subject=after.name, detail=", ".join(changed) or after.channel
        )

    async def switch(self, who: User, app: str, name: str, *, enabled: bool) -> None:
        """On or off; NotFound where it is not there."""
        await self._console.destinations.set_enabled(app, name, enabled=enabled)
        what = "destination.enabled" if enabled else "destination.disabled"
        await self._console.audit.record(who, what, app=app, subject=name)

    async def delete(self, who: User, app: str, name: str, revision: str) -> None:
        """Delete it, if it still is of this revision (else Outdated); NotFound where it is not there."""
        await self._console.destinations.change(app, Edit(name, None), revision)
        await self._console.audit.record(who, "destination.deleted", app=app, subject=name)

    async def test(self, who: User, wanted: Destination, stored: Destination | None) -> Tested:
        """Send a message by these settings, saved or not. What is `stored` goes on where that is what was tried."""
        console, app, name = self._console, wanted.app, wanted.name
        trial = await tried(CHANNELS[wanted.channel], wanted.settings, console.carrier, now=console.now(), app=app)
        said = f"{trial.status_code or trial.reason}: {'delivered' if trial.delivered else 'not delivered'}"
        await console.audit.record(who, "destination.tested", app=app, subject=name, detail=said)
        same = stored is not None and stored.settings == wanted.settings
        return Tested(trial, trial.delivered and same and await self.resume(who, app, name))

    async def pause(self, who: User, app: str, name: str) -> None:
        """Deliver nothing to it until it is resumed; what comes meanwhile is kept as dead letters."""
        if await self._troubles.pause(app, name, who.name):
            await self._console.audit.record(who, "destination.paused", app=app, subject=name)

    async def resume(self, who: User, app: str, name: str) -> bool:
        """Deliver to it again as if nothing had been; whether there was anything."""
        resumed = await self._troubles.resume(app, name)
        if resumed:
            await self._console.audit.record(who, "destination.resumed", app=app, subject=name)
        return resumed
