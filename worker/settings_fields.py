"""Text fields, from a file or a form -> a channel's settings, with problems that name the field and show no value."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from worker.channels.channel import Channel, ChannelSettings
from worker.errors import InvalidSettings
from worker.problems import MOST
from worker.settings_tree import holds, without, written_fields
from worker.strict_yaml import MAX_DEPTH, Tree, scalar

TEXTS: tuple[type, ...] = (str, SecretStr, PurePath)


def read_settings(channel: Channel, tree: Tree, path: str = "") -> ChannelSettings:
    """The settings that `tree` spells, every scalar in it text; InvalidSettings with every problem and its path."""
    if not isinstance(tree, dict):
        raise InvalidSettings([f"{path}: must be a map of {channel.label}'s settings"])
    try:
        return channel.settings.model_validate(_typed_model(tree, channel.settings))
    except ValidationError as error:
        raise InvalidSettings(settings_problems(error, channel, tree, path)) from None


def settings_from_pairs(pairs: Mapping[str, str], channel: Channel) -> ChannelSettings:
    """The settings that `{"room": "Ops", "headers.X-Key": "k"}` spells; a dot leads into a map.

    Raises:
        InvalidSettings: every problem, each as `field: what to do`.
    """
    tree: dict[str, Tree] = {}
    for name, value in pairs.items():
        *outer, last = name.split(".")
        if len(outer) > MAX_DEPTH:
            raise InvalidSettings([f"{name[:80]}: leads deeper than {MAX_DEPTH} levels"])
        here = tree
        for part in outer:
            inner = here.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InvalidSettings([f"{name}: {part} is already set to a text"])
            here = inner
        if isinstance(here.get(last), dict):
            raise InvalidSettings([f"{name}: is already set to a map"])
        here[last] = value
    return read_settings(channel, tree)


def secret_fields(channel: Channel) -> frozenset[str]:
    """The names of the channel's fields that are or hold secrets."""
    fields = written_fields(channel.settings)
    return frozenset(name for name, field in fields.items() if holds(field.annotation, (SecretStr,)))


def settings_problems(error: ValidationError, channel: Channel, given: Mapping[str, Any], path: str = "") -> list[str]:
    """What pydantic found, each as `path: what to do`, with what stands in secret fields of `given` as stars."""
    hidden = [text for name in secret_fields(channel) for text in _leaves(given.get(name))]
    hidden.sort(key=len, reverse=True)
    found = error.errors(include_url=False)[: MOST + 1]
    return [without(hidden, _problem(each, channel, path)) for each in found]


def _problem(found: Any, channel: Channel, path: str) -> str:
    where = ".".join(part for part in (path, *_readable(found["loc"])) if part) or "settings"
    if found["type"] == "missing":
        return f"{where}: is required"
    if found["type"] == "extra_forbidden":
        known = list(written_fields(channel.settings)) if len(found["loc"]) == 1 else []
        near = get_close_matches(str(found["loc"][-1]), known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        return f"{where}: is not a setting of {channel.name}{meant}"
    words = found["msg"].removeprefix("Value error, ")
    named = words.partition(": ")[0]
    # A model's own check names the field at fault in its sentence: it belongs to the path.
    joint = "." if not found["loc"] and named in written_fields(channel.settings) else ": "
    return f"{where}{joint}{words}"


def _readable(loc: tuple[int | str, ...]) -> list[str]:
    """The path without pydantic's own names for the members of a union and the steps of a validator."""
    return [str(part)[:80] for part in loc if isinstance(part, int) or not any(c in part for c in "[(")]


def _leaves(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _leaves(item)]
    if isinstance(value, list):
        return [text for item in value for text in _leaves(item)]
    return [value] if isinstance(value, str) else []


def _typed_model(tree: Mapping[str, Tree], model: type[BaseModel]) -> dict[str, Any]:
    fields = written_fields(model)
    return {name: _typed(value, fields[name]) if name in fields else value for name, value in tree.items()}


def _typed(value: Tree, field: FieldInfo) -> Any:
    inner = _model_in(field.annotation)
    if inner is not None and isinstance(value, dict):
        return _typed_model(value, inner)
    if inner is not None and isinstance(value, list):
        return [_typed_model(item, inner) if isinstance(item, dict) else item for item in value]
    return value if holds(field.annotation, TEXTS) else _scalars(value)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The one model that a field of this type holds, be it optional or in a list."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _scalars(value: Tree) -> Any:
    if isinstance(value, dict):
        return {key: _scalars(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scalars(item) for item in value]
    return None if value is None else scalar(value)
