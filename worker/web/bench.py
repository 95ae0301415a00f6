"""One destination on the bench: the app as it is stored at this moment, and the form of what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass

from worker.appsdiff import diff_apps
from worker.channels import CHANNELS, no_channel
from worker.channels.channel import Channel
from worker.errors import NotFound
from worker.models import App, Destination
from worker.stores.edits import ABSENT, Opened
from worker.web.destination_rows import address_of
from worker.web.forms import Asked, DestinationForm
from worker.web.paths import path_of


@dataclass(frozen=True, slots=True)
class Bench:
    """What a request about one destination works with."""

    app: str
    name: str
    """Empty for one that is to be added."""
    channel: Channel
    stored: Destination | None
    revision: str
    taken: frozenset[str]
    """The names of the app's destinations."""
    now: float
    """Epoch seconds."""

    @property
    def form(self) -> DestinationForm:
        """Its form."""
        return DestinationForm(self.channel, self.stored)

    @property
    def action(self) -> str:
        """Where the form is posted to."""
        return path_of("apps", self.app, "destinations", *([self.name] if self.stored else []))

    @property
    def address(self) -> str:
        """Where messages go now, without path and token: the addresses themselves may be secrets."""
        return address_of(self.stored) if self.stored else ""

    @property
    def suggestion(self) -> str:
        """A name that is not taken: `hipchat`, `hipchat-2`."""
        numbered = (f"{self.channel.name}-{number}" for number in range(2, len(self.taken) + 3))
        return (
            self.channel.name
            if self.channel.name not in self.taken
            else next(n for n in numbered if n not in self.taken)
        )

    def asked_for(self, asked: Asked) -> Destination:
        """The destination that a form without problems asks for."""
        return Destination(
            self.app,
            asked.name,
            self.channel.name,
            asked.settings,
            asked.enabled,
            asked.rate_limit,
            asked.on_ambiguous,
        )

    def changes(self, after: Destination) -> list[str]:
        """The names of the fields that would differ from what is stored; all secrets compared, and none shown."""
        if self.stored is None:
            return []
        before, then = ({self.app: App(self.app, {each.name: each})} for each in (self.stored, after))
        return [change.field for change in diff_apps(before, then)]


def bench_for_new(opened: Opened, channel: str, now: float) -> Bench:
    """For one that is to be added; NotFound where there is no such channel."""
    if channel not in CHANNELS:
        raise NotFound(no_channel(channel, CHANNELS))
    return Bench(opened.app.name, "", CHANNELS[channel], None, ABSENT, frozenset(opened.app.destinations), now)


def bench_for(opened: Opened, name: str, now: float) -> Bench:
    """For one that is there; NotFound where it is not, or where this version knows nothing of its channel."""
    stored = opened.app.destinations.get(name)
    if stored is None:
        raise NotFound(f"app {opened.app.name} has no destination {name[:64]}")
    if stored.channel not in CHANNELS:
        raise NotFound(f"{opened.app.name}/{name}: {stored.problem or 'its channel is not known'}")
    taken = frozenset(opened.app.destinations)
    return Bench(opened.app.name, name, CHANNELS[stored.channel], stored, opened.revision(name), taken, now)
