"""What gives cause for doubt about a destination, told wherever one is shown: applied, listed, exported, tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from worker.allow_list import AllowList
from worker.channels import CHANNELS
from worker.channels.channel import Channel
from worker.channels.wording import one_line
from worker.models import App, Destination
from worker.trial import address_warnings


def doubts_about(
    destination: Destination, channels: Mapping[str, Channel] = CHANNELS, *, allowed: AllowList | None = None
) -> list[str]:
    """Sentences, each beginning with the field (`settings.url: …`), without secrets; none for unreadable settings.

    Args:
        destination: the destination.
        channels: the channels that there are.
        allowed: what the operator allows; None: whether addresses may be reached is not looked at.
    """
    channel = channels.get(destination.channel)
    if channel is None or destination.settings is None:
        return []
    found = [f"settings.{warning}" for warning in channel.all_warnings(destination.settings)]
    if allowed is not None:
        found += address_warnings(channel, destination.settings, allowed)
    return [one_line(warning) for warning in found]


def warnings_about(
    destination: Destination, channels: Mapping[str, Channel] = CHANNELS, *, allowed: AllowList | None = None
) -> list[str]:
    """The same, each with the destination's path: `apps.checkout.destinations.ops-room.settings.url: …`."""
    path = path_of(destination)
    return [f"{path}.{doubt}" for doubt in doubts_about(destination, channels, allowed=allowed)]


def warnings_of(
    apps: Mapping[str, App], channels: Mapping[str, Channel] = CHANNELS, *, allowed: AllowList | None = None
) -> list[str]:
    """The same of all destinations."""
    destinations = (each for app in apps.values() for each in app.destinations.values())
    return [warning for each in destinations for warning in warnings_about(each, channels, allowed=allowed)]


def path_of(destination: Destination) -> str:
    """Where a destination stands in the settings file."""
    return f"apps.{destination.app}.destinations.{destination.name}"


def as_comments(warnings: Iterable[str]) -> str:
    """Lines that YAML passes over."""
    return "".join(f"# warning: {warning}\n" for warning in warnings)
