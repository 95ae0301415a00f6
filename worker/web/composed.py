"""The message that a destination would be sent now for an event, for people to see: secrets are stars. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.channels import CHANNELS
from worker.channels.channel import excerpt
from worker.models import App, DeliveryId, Destination, Event, Notice
from worker.progress import LATE_AFTER_S
from worker.shown_request import ShownRequest, shown_request
from worker.stores.records import DeliveryRecord
from worker.web.deliveries_view import label


@dataclass(frozen=True, slots=True)
class Composed:
    """What would be sent to one destination, or why there is nothing to show, and what to know besides."""

    destination: str
    channel: str
    request: ShownRequest | None = None
    words: str = ""


def composed(event: Event, delivery: DeliveryRecord, app: App | None, now: float) -> Composed:
    """By the destination's settings as they are at `now` (epoch seconds); `app` is None where it is gone."""
    destination = app.destinations.get(delivery.destination) if app else None
    if destination is None:
        words = "There is no destination of this name any more: nothing would be sent."
        return Composed(delivery.destination, label(delivery.channel), words=words)
    if destination.settings is None or destination.channel not in CHANNELS:
        words = f"Its settings cannot be read: {destination.problem}"
        return Composed(destination.name, label(delivery.channel), words=words)
    return _made(event, destination, delivery, now)


def _made(event: Event, destination: Destination, delivery: DeliveryRecord, now: float) -> Composed:
    channel, late = CHANNELS[destination.channel], now - event.received_at
    reference = DeliveryId(destination.channel, event.app, destination.name, event.id)
    notice = Notice(event, str(reference), attempt=1, now=now, late_s=late if late > LATE_AFTER_S else 0.0)
    try:
        request = shown_request(channel.compose(notice, destination.settings), destination.settings)
    except Exception as problem:  # noqa: BLE001 - a template's error, or a defect of ours: the page goes without it
        words = excerpt(str(problem).encode("utf-8", "replace"), destination.settings)
        return Composed(destination.name, channel.label, words=f"No message can be made of it: {words}")
    return Composed(destination.name, channel.label, request, _besides(destination, delivery))


def _besides(destination: Destination, delivery: DeliveryRecord) -> str:
    if not destination.enabled:
        return "It is switched off: what is owed to it is skipped."
    if destination.channel != delivery.channel:
        return f"It was {label(delivery.channel)} when the event came."
    return ""
