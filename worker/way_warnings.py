"""What gives cause for doubt in the way that a message takes: others may read it, or answer it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from worker.address_fields import field_of
from worker.channels.channel import Channel, ChannelSettings
from worker.hosts import literal
from worker.messages import HttpPost
from worker.trial import trial_notice, trial_tags


def way_warnings(channel: Channel, settings: ChannelSettings) -> list[str]:
    """Each as `setting: sentence`, for messages over HTTP; mail's own channel warns of the same."""
    with suppress(ValueError):
        message = channel.compose(trial_notice("test", 0.0, trial_tags(settings)), settings)
        if isinstance(message, HttpPost):
            return list(_doubts(message, settings))
    return []


def _doubts(message: HttpPost, settings: ChannelSettings) -> Iterator[str]:
    parts = urlsplit(message.url)
    if parts.scheme == "http" and not _is_here(parts.hostname or ""):
        yield f"{field_of(message, settings)}: http; alerts and secrets go over the network in clear"
    if parts.scheme == "https" and not message.verify_tls:
        yield "settings.verify_tls: off; anybody in between can take the server's place"


def _is_here(host: str) -> bool:
    address = literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)
