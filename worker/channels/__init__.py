"""The channels, one small file each; `CHANNELS` is the list of them, kept by hand."""

from __future__ import annotations

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
    near = get_close_matches(name.lower(), CHANNELS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise InvalidSettings([f"channel: {name[:40]!r} is not known{meant} (known: {', '.join(CHANNELS)})"])
