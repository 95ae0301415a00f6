"""What differs between the stored apps and the wanted ones. Pure; a changed secret says only that it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from worker.models import App, Destination
from worker.settings_tree import unfolded

SECRET = "(secret)"  # noqa: S105, what is shown in a secret's place
UNREADABLE = "(unreadable)"


class What(StrEnum):
    """What happened to a destination or to one of its fields."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of a whole app (no destination), a destination (no field), or a field of it."""

    app: str
    destination: str
    what: What
    field: str = ""
    before: str = ""
    after: str = ""


def diff_apps(stored: Mapping[str, App], wanted: Mapping[str, App]) -> list[Change]:
    """What has to happen to `stored` so that it becomes `wanted`, in the order of names."""
    return [
        change
        for name in sorted({*stored, *wanted})
        for change in _app_changes(name, stored.get(name), wanted.get(name))
    ]


def _app_changes(name: str, stored: App | None, wanted: App | None) -> list[Change]:
    before = stored.destinations if stored else {}
    after = wanted.destinations if wanted else {}
    changes = []
    if stored is None or wanted is None:
        changes.append(Change(name, "", What.ADDED if stored is None else What.REMOVED))
    for destination in sorted({*before, *after}):
        changes += _destination_changes(before.get(destination), after.get(destination))
    return changes


def _destination_changes(before: Destination | None, after: Destination | None) -> list[Change]:
    if before is not None and after is not None:
        return _field_changes(before, after)
    one = after or before
    if one is None:
        return []
    return [Change(one.app, one.name, What.REMOVED if after is None else What.ADDED)]


def _field_changes(before: Destination, after: Destination) -> list[Change]:
    old, new = _fields(before), _fields(after)
    return [
        _field_change(after, field, old.get(field), new.get(field))
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    ]


def _field_change(destination: Destination, field: str, before: Any, after: Any) -> Change:
    what = What.ADDED if before is None else What.REMOVED if after is None else What.CHANGED
    return Change(destination.app, destination.name, what, field, _shown(before), _shown(after))


def shown_fields(destination: Destination) -> dict[str, str]:
    """Every field of a destination as it may be shown, by its path; of a secret only that it is set."""
    return {field: _shown(value) for field, value in _fields(destination).items()}


def _fields(destination: Destination) -> dict[str, Any]:
    """Every field by its path, the settings' with their defaults, so that leaving a default out is no change."""
    fields: dict[str, Any] = {
        "channel": destination.channel,
        "enabled": destination.enabled,
        "rate_limit": destination.rate_limit,
        "on_ambiguous": destination.on_ambiguous.value,
    }
    if destination.settings is None:
        return fields | {"settings": UNREADABLE}
    tree = unfolded(destination.settings, lambda _path, secret: secret, every=True)
    return fields | dict(_flat(tree, "settings"))


def _flat(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _flat(item, f"{path}.{key}")]
    return [] if value is None else [(path, value)]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return SECRET
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
