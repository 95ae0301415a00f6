"""The channels, one small file each; `CHANNELS` is the list of them, kept by hand."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from worker.channels import email, hipchat, nagios, pagerduty, slack, webhook
from worker.channels.channel import Channel
from worker.errors import InvalidSettings

CHANNELS: dict[str, Channel] = {
    "hipchat": hipchat.CHANNEL,
    "slack": slack.CHANNEL,
    "email": email.CHANNEL,
    "pagerduty": pagerduty.CHANNEL,
    "nagios": nagios.CHANNEL,
    "webhook": webhook.CHANNEL,
}


def channel_named(name: str) -> Channel:
    """The channel of that name; InvalidSettings with the known ones where there is none."""
    if name in CHANNELS:
        return CHANNELS[name]
    raise InvalidSettings([f"channel: {no_channel(name, CHANNELS)}"])


def no_channel(name: str, channels: Iterable[str]) -> str:
    """That no channel has this name. It is shown where it is misspelt; anything else may be a secret gone astray."""
    near = get_close_matches(name.lower(), list(channels), n=1)
    said = f"{name[:40]!r} is not a channel; did you mean {near[0]}?" if near else "what is given is not a channel"
    return f"{said} (known: {', '.join(sorted(channels))})"
