"""A destination as it is stored, and back. `seal` and `unseal` are the only place where secrets become storable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from pydantic import ValidationError

from worker.channels.channel import Channel, ChannelSettings
from worker.models import Destination, OnAmbiguous
from worker.settings_fields import settings_problems
from worker.settings_tree import revealed, unfolded

VERSION = 1


def seal(app: str, destination: str, settings: ChannelSettings) -> str:
    """`settings`, secrets and all, as the text that is stored for this destination of this app."""
    del app, destination  # an encrypted form will be bound to both, so that it cannot be moved to another
    return orjson.dumps(unfolded(settings, revealed)).decode()


def unseal(app: str, destination: str, sealed: str) -> dict[str, Any]:
    """The reverse of `seal`; ValueError where it is not what `seal` made."""
    del app, destination
    fields = orjson.loads(sealed)
    if not isinstance(fields, dict):
        raise ValueError("the stored settings are not a map")  # noqa: TRY004, a value from the store, not a caller's mistake
    return fields


def to_stored(destination: Destination) -> bytes:
    """The JSON that is stored for a destination whose settings can be read."""
    stored = {
        "v": VERSION,
        "channel": destination.channel,
        "enabled": destination.enabled,
        "settings": seal(destination.app, destination.name, destination.settings),
        "rate_limit": destination.rate_limit,
        "on_ambiguous": destination.on_ambiguous.value,
    }
    return orjson.dumps(stored)


def with_enabled(raw: bytes, *, enabled: bool) -> bytes:
    """The stored JSON with another `enabled` and nothing else touched: its settings stay sealed."""
    return orjson.dumps(_map(raw) | {"enabled": enabled})


def from_stored(app: str, name: str, raw: bytes, channels: Mapping[str, Channel]) -> Destination:
    """The destination that `raw` stores; one that cannot be read has no settings, and `problem` says why."""
    unread = Destination(app, name, channel="", settings=None)
    try:
        stored = _map(raw)
        unread = replace(unread, channel=str(stored["channel"]), enabled=stored["enabled"] is True)
        if stored["v"] != VERSION:
            return replace(unread, problem="it was stored by another version of Bellhop; apply its settings again")
        channel = channels.get(unread.channel)
        if channel is None:
            return replace(unread, problem=f"its channel {unread.channel!r} is not one that this version knows")
        return replace(
            unread,
            settings=_settings(channel, unseal(app, name, stored["settings"])),
            rate_limit=str(stored["rate_limit"]),
            on_ambiguous=OnAmbiguous(stored["on_ambiguous"]),
        )
    except _SettingsError as problem:
        return replace(unread, problem=str(problem))
    except (ValueError, KeyError, TypeError):
        # orjson's error quotes nothing, a KeyError or ValueError may: so none of their texts is kept.
        return replace(unread, problem="what is stored is damaged; apply its settings again")


class _SettingsError(Exception):
    """Its text may be shown."""


def _settings(channel: Channel, fields: dict[str, Any]) -> ChannelSettings:
    try:
        return channel.settings.model_validate(fields)
    except ValidationError as error:
        raise _SettingsError("; ".join(settings_problems(error, channel, fields, "settings"))) from None


def _map(raw: bytes) -> dict[str, Any]:
    stored = orjson.loads(raw)
    if not isinstance(stored, dict):
        raise ValueError("not a map")  # noqa: TRY004, a value from the store, not a caller's mistake
    return stored
