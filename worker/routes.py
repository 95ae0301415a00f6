"""From a delivery's reference to the destination, the code that serves it and the limits that bind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from worker.channels.channel import Channel, Limit
from worker.models import App, DeliveryId, Destination
from worker.rates import parse_rate

KEPT: Final = 250_000
"""More routes than the settings' own cache holds apps."""


@dataclass(frozen=True, slots=True)
class Route:
    """A destination that can be sent to."""

    destination: Destination
    channel: Channel
    limits: tuple[Limit, ...]


class Routes:
    """Remembers each destination's route for as long as its settings are the same."""

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._channels = channels
        self._known: dict[tuple[str, str], Route] = {}

    def find(self, apps: Mapping[str, App], delivery: DeliveryId) -> Route | None:
        """The route of a delivery; None where its destination is gone or nobody can read its settings."""
        destination = destination_of(apps, delivery)
        if destination is None or (destination.problem and not destination.locked):
            return None
        known = self._known.get((delivery.app, delivery.destination))
        if known is None or known.destination is not destination:
            channel = self._channels[destination.channel]
            known = Route(destination, channel, limits_of(destination, channel))
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[delivery.app, delivery.destination] = known
        return known


def destination_of(apps: Mapping[str, App], delivery: DeliveryId) -> Destination | None:
    """The destination that a delivery goes to, as it is set up now; None where it is gone."""
    app = apps.get(delivery.app)
    return app.destinations.get(delivery.destination) if app else None


def limits_of(destination: Destination, channel: Channel) -> tuple[Limit, ...]:
    """The limits that bind a destination: its vendor's, its own, or none."""
    if destination.locked:
        return ()
    if destination.rate_limit == "vendor":
        return channel.limits(destination.settings)
    rate = parse_rate(destination.rate_limit)
    if rate is None:
        return ()
    count, per_s = rate
    return (Limit(f"own/{destination.app}/{destination.name}", count, per_s),)
