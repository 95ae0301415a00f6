"""Settings that a program sends, as JSON: with secrets left out, or as the stars that it was shown, where they stay.

A secret field that is left out keeps what is stored of it, null takes it away, and stars stand for what is stored:
in a map for what has that name, in a list the first stars for the first that is stored, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from worker.channels.channel import Channel, ChannelSettings, json_body
from worker.errors import InvalidSettings
from worker.kept_secrets import misled_secrets
from worker.settings_fields import secret_fields, settings_problems
from worker.settings_tree import revealed, unfolded

STARS: Final = "********"
"""What is shown in a secret's place, however long it is."""
SETTINGS: Final = "settings"


def shown_settings(settings: ChannelSettings) -> dict[str, Any]:
    """Settings as they may be shown: those that were given, with stars for every secret."""
    return unfolded(settings, _stars)


def given_settings(channel: Channel, given: Mapping[str, Any], stored: ChannelSettings | None) -> ChannelSettings:
    """The settings that are asked for, with what is stored in the place of secrets that are to stay.

    Args:
        channel: the kind of destination.
        given: plain values, as JSON has them.
        stored: the settings as they are, of the same channel; None where there are none.

    Raises:
        InvalidSettings: with every problem and its path; among them each secret that was to stay although messages
            would not go as they did.
    """
    kept: list[str] = []
    tree = _completed(channel, given, stored, kept)
    try:
        settings = channel.settings.model_validate_json(json_body(tree))
    except ValidationError as error:
        raise InvalidSettings(settings_problems(error, channel, tree, SETTINGS)) from None
    misled = misled_secrets(channel, stored, settings, kept) if stored is not None else []
    if misled:
        raise InvalidSettings(misled)
    return settings


def _completed(
    channel: Channel, given: Mapping[str, Any], stored: ChannelSettings | None, kept: list[str]
) -> dict[str, Any]:
    had = unfolded(stored, revealed) if stored is not None else {}
    tree = dict(given)
    for name in secret_fields(channel):
        path = f"{SETTINGS}.{name}"
        if name in tree:
            tree[name] = _filled(tree[name], had.get(name), path, kept)
        elif had.get(name):
            tree[name] = had[name]
            kept.append(path)
    return tree


def _filled(given: Any, had: Any, path: str, kept: list[str]) -> Any:
    """`given` with what is stored in the place of stars."""
    if given == STARS:
        if not had:
            raise InvalidSettings([f"{path}: nothing is stored that could stay: send the secret itself"])
        kept.append(path)
        return had
    if isinstance(given, dict):
        known = had if isinstance(had, dict) else {}
        return {name: _filled(value, known.get(name), f"{path}.{name}", kept) for name, value in given.items()}
    if isinstance(given, list):
        return list(_filled_list(given, iter(had if isinstance(had, list) else []), path, kept))
    return given


def _filled_list(given: list[Any], had: Iterator[Any], path: str, kept: list[str]) -> Iterator[Any]:
    for place, value in enumerate(given):
        yield _filled(value, next(had, None) if value == STARS else None, f"{path}.{place}", kept)


def _stars(_path: tuple[str, ...], _secret: SecretStr) -> str:
    return STARS
