"""An app's destinations as they are stored, and back: the only place where secrets become storable.

Each save of an app makes a fresh data key, wraps it under the newest master key, and seals every secret with it::

    :key       {"v": 2, "master": "<id>", "wrapped": "<base64>"}
    ops-room   {"v": 2, "channel": "hipchat", "enabled": true, "settings": {"room": "Ops Room", "token": null},
                "sealed": [[["token"], "<base64>"]], "rate_limit": "vendor", "on_ambiguous": "retry"}

`enabled`, `rate_limit` and `on_ambiguous` are bound to nothing: what they can do is less than what the ledger can.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic import ValidationError

from worker.channels.channel import Channel, ChannelSettings
from worker.errors import Altered, BellhopError, KeyMissing
from worker.keys import ID_CHARS, KEY_BYTES, Cipher, MasterKeys
from worker.models import App, Destination, OnAmbiguous
from worker.rates import parse_rate
from worker.settings_fields import settings_problems
from worker.stores.sealed_settings import Place, resealed_settings, sealed_settings, whole_settings

VERSION: Final = 2
KEY_FIELD: Final = ":key"
"""Beside the destinations, whose names hold no colon: one HGETALL reads the key and what it seals as of one moment."""
OTHER_VERSION: Final = "it was stored by another version of Bellhop; apply its settings again"
MASTER: Final = re.compile(rf"[0-9a-f]{{{ID_CHARS}}}")
CHANNEL: Final = re.compile(r"[a-z0-9_-]{1,32}")
"""What a channel's name looks like. It becomes part of references before anything was unsealed."""
MALFORMED: Final = (ValueError, LookupError, TypeError)
"""Raised by what has not even the right form. Such an error may quote it: its text is never kept."""


def sealed_app(app: App, keys: MasterKeys) -> dict[str, bytes]:
    """The fields that are stored for an app whose settings can be read; none where it has no destinations."""
    if not app.destinations:
        return {}
    key, cipher = _fresh_key(app.name, keys)
    return {KEY_FIELD: key} | {name: _stored(each, cipher) for name, each in app.destinations.items()}


def sealed_destination(destination: Destination, key: bytes | None, keys: MasterKeys) -> dict[str, bytes]:
    """The fields to store for one destination beside the others of its app, which stay as they are.

    Args:
        destination: the destination.
        key: what the app has stored as KEY_FIELD; None where it has none, and then a fresh one is among the fields.
        keys: the master keys.

    Raises:
        BellhopError: where the app's data key cannot be had; nothing beside it could be read either.
    """
    if key is None:
        key, cipher = _fresh_key(destination.app, keys)
        return {KEY_FIELD: key, destination.name: _stored(destination, cipher)}
    had = _cipher(destination.app, {KEY_FIELD.encode(): key}, keys)
    if isinstance(had, BellhopError):
        raise had
    return {destination.name: _stored(destination, had)}


def unsealed_app(name: str, fields: Mapping[bytes, bytes], keys: MasterKeys, channels: Mapping[str, Channel]) -> App:
    """The app that `fields` store; a destination that cannot be read has no settings, and `problem` says why."""
    cipher = _cipher(name, fields, keys)
    return App(name, {key: _read(name, key, raw, channels, cipher) for key, raw in sorted(_named(fields))})


def resealed_app(name: str, fields: Mapping[bytes, bytes], keys: MasterKeys) -> dict[str, bytes]:
    """The same fields under a fresh data key and the newest master key.

    Raises:
        BellhopError: where not everything in them can be unsealed. Then they must stay as they are.
    """
    before = _cipher(name, fields, keys)
    key, after = _fresh_key(name, keys)
    return {KEY_FIELD: key} | {each: _resealed(name, each, raw, before, after) for each, raw in _named(fields)}


def with_enabled(raw: bytes, *, enabled: bool) -> bytes:
    """The stored JSON with another `enabled` and nothing else touched: its secrets stay sealed."""
    return orjson.dumps(_map(raw) | {"enabled": enabled})


def master_of(raw: bytes | None) -> str | None:
    """The id of the master key that is needed for what is stored as KEY_FIELD; None where it names none."""
    try:
        master = _map(raw or b"")["master"]
        return master if MASTER.fullmatch(master) else None
    except MALFORMED:
        return None


def _named(fields: Mapping[bytes, bytes]) -> list[tuple[str, bytes]]:
    named = [(key.decode("utf-8", "replace"), raw) for key, raw in fields.items()]
    return [(name, raw) for name, raw in named if name != KEY_FIELD]


def _fresh_key(app: str, keys: MasterKeys) -> tuple[bytes, Cipher]:
    """A new data key: as it is stored, and what seals with it."""
    data_key = os.urandom(KEY_BYTES)
    wrapped = base64.b64encode(keys.wrap(data_key, app)).decode()
    return orjson.dumps({"v": VERSION, "master": keys.newest, "wrapped": wrapped}), Cipher(data_key)


def _cipher(app: str, fields: Mapping[bytes, bytes], keys: MasterKeys) -> Cipher | BellhopError:
    """What unseals an app's secrets, or why nothing does: each destination that needs it will say so."""
    raw = fields.get(KEY_FIELD.encode(), b"")
    master = master_of(raw)
    try:
        if master is None:
            raise Altered
        return Cipher(keys.unwrap(base64.b64decode(_map(raw)["wrapped"], validate=True), master, app))
    except BellhopError as problem:
        return problem
    except MALFORMED:
        return Altered()


def _stored(destination: Destination, cipher: Cipher) -> bytes:
    place = Place(destination.app, destination.name, destination.channel)
    readable, sealed = sealed_settings(destination.settings, cipher, place)
    stored = {
        "v": VERSION,
        "channel": destination.channel,
        "enabled": destination.enabled,
        "settings": readable,
        "sealed": sealed,
        "rate_limit": destination.rate_limit,
        "on_ambiguous": destination.on_ambiguous.value,
    }
    return orjson.dumps(stored)


def _read(
    app: str, name: str, raw: bytes, channels: Mapping[str, Channel], cipher: Cipher | BellhopError
) -> Destination:
    channel, enabled = "", True
    try:
        stored = _map(raw)
        enabled = stored["enabled"] is True
        channel = stored["channel"] if CHANNEL.fullmatch(stored["channel"]) else ""
        return _whole(Place(app, name, channel), stored, channels, cipher)
    except KeyMissing as problem:
        return Destination(app, name, channel, None, enabled, problem=str(problem), locked=True)
    except BellhopError as problem:
        return Destination(app, name, channel, None, enabled, problem=str(problem))
    except MALFORMED:
        return Destination(app, name, channel, None, enabled, problem=str(Altered()))


def _whole(
    place: Place, stored: dict[str, Any], channels: Mapping[str, Channel], cipher: Cipher | BellhopError
) -> Destination:
    """The destination; BellhopError or one of MALFORMED where it cannot be read."""
    if stored["v"] != VERSION:
        raise BellhopError(OTHER_VERSION)
    if not place.channel:
        raise Altered
    channel = channels.get(place.channel)
    if channel is None:
        raise BellhopError(f"its channel {place.channel!r} is not one that this version knows")
    if isinstance(cipher, BellhopError):
        raise cipher
    settings = _settings(channel, whole_settings(stored["settings"], stored["sealed"], cipher, place))
    rate_limit = str(stored["rate_limit"])
    parse_rate(rate_limit)
    return Destination(*place, settings, stored["enabled"] is True, rate_limit, OnAmbiguous(stored["on_ambiguous"]))


def _settings(channel: Channel, fields: dict[str, Any]) -> ChannelSettings:
    try:
        return channel.settings.model_validate(fields)
    except ValidationError as error:
        raise BellhopError("; ".join(settings_problems(error, channel, fields, "settings"))) from None


def _resealed(app: str, name: str, raw: bytes, before: Cipher | BellhopError, after: Cipher) -> bytes:
    try:
        stored = _map(raw)
        if stored["v"] != VERSION:
            raise BellhopError(OTHER_VERSION)
        if isinstance(before, BellhopError):
            raise before
        place = Place(app, name, str(stored["channel"]))
        sealed = resealed_settings(stored["settings"], stored["sealed"], (before, after), place)
    except MALFORMED:
        raise Altered from None
    return orjson.dumps(stored | {"sealed": sealed})


def _map(raw: bytes) -> dict[str, Any]:
    stored = orjson.loads(raw)
    if not isinstance(stored, dict):
        raise ValueError("not a map")  # noqa: TRY004, a value from the store, not a caller's mistake
    return stored
