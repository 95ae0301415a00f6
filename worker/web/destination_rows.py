"""An app's destinations as its page lists them: where they lead, how they are, and what to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from worker.allow_list import AllowList
from worker.appsfile import warnings_of
from worker.channels import CHANNELS
from worker.doubts import path_of
from worker.models import App, Destination
from worker.settings_tree import unfolded
from worker.stores.troubles import Trouble
from worker.trial import trial_notice, trial_tags
from worker.web.form_fields import FormField, Kind, first_and_others, form_fields
from worker.web.last_results import LastResult

SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class DestinationRow:
    """One destination."""

    name: str
    channel: str
    label: str
    """The channel as people write it."""
    enabled: bool
    leads_to: str
    """The room, the channel, the recipients."""
    address: str
    """Where messages go, without path and token."""
    problem: str = ""
    warnings: tuple[str, ...] = ()
    trouble: Trouble | None = None
    last: LastResult | None = None

    @property
    def paused(self) -> bool:
        """Whether nothing is delivered until a Test succeeds."""
        return self.trouble is not None and self.trouble.paused_at > 0


def rows(
    app: App, troubles: Mapping[tuple[str, str], Trouble], last: Mapping[str, LastResult], allowed: AllowList
) -> list[DestinationRow]:
    """Each destination of the app, by name."""
    return [_row(each, troubles.get((app.name, name)), last.get(name), allowed) for name, each in _by_name(app)]


def _by_name(app: App) -> list[tuple[str, Destination]]:
    return sorted(app.destinations.items())


def _row(each: Destination, trouble: Trouble | None, last: LastResult | None, allowed: AllowList) -> DestinationRow:
    channel = CHANNELS.get(each.channel)
    return DestinationRow(
        name=each.name,
        channel=each.channel,
        label=channel.label if channel else each.channel or "unknown",
        enabled=each.enabled,
        leads_to=leads_to(each),
        address=address_of(each),
        problem=each.problem,
        warnings=tuple(warnings(each, allowed)),
        trouble=trouble,
        last=last,
    )


def warnings(destination: Destination, allowed: AllowList) -> list[str]:
    """What gives cause for doubt, each as `setting: sentence`."""
    said = warnings_of({destination.app: App(destination.app, {destination.name: destination})}, allowed=allowed)
    told = [each.removeprefix(path_of(destination)).removeprefix(": ").removeprefix(".") for each in said]
    return [each.removeprefix("settings.") for each in told]


def leads_to(destination: Destination) -> str:
    """The room, the channel, the recipients: the first of the fields that matter which holds words of its own."""
    channel = CHANNELS.get(destination.channel)
    if channel is None or destination.settings is None:
        return ""
    tree = unfolded(destination.settings, lambda _path, _secret: None)
    first, _ = first_and_others(form_fields(channel.settings, channel.form), channel.form)
    named = (tree.get(each.name) for each in first if each.kind is Kind.TEXT or _is_list_of_texts(each))
    value = next(filter(None, named), "")
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


def _is_list_of_texts(each: FormField) -> bool:
    return each.kind is Kind.LIST and each.item is not None and each.item.kind is Kind.TEXT


def address_of(destination: Destination) -> str:
    """Where its messages go, as logs may show it: `POST https://api.hipchat.com`."""
    channel = CHANNELS.get(destination.channel)
    with suppress(ValueError):
        if channel is not None and destination.settings is not None:
            notice = trial_notice(destination.app, 0.0, trial_tags(destination.settings))
            return channel.compose(notice, destination.settings).label
    return ""
