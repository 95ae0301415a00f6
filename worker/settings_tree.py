"""A channel's settings as plain values, with a say in what becomes of each secret on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

Path = tuple[str, ...]
Secret = Callable[[Path, SecretStr], Any]


def unfolded(settings: BaseModel, secret: Secret, *, path: Path = (), every: bool = False) -> dict[str, Any]:
    """A model's fields as maps, lists and scalars.

    Args:
        settings: the model.
        secret: (path, value) -> what stands for a secret.
        path: where the model stands.
        every: also the fields that were not given, with their defaults.
    """
    return {
        written: _plain(getattr(settings, name), secret, (*path, written), every=every)
        for name, field in type(settings).model_fields.items()
        if every or name in settings.model_fields_set
        for written in [written_name(name, field)]
    }


def _plain(value: Any, secret: Secret, path: Path, *, every: bool) -> Any:
    if isinstance(value, SecretStr):
        return secret(path, value)
    if isinstance(value, BaseModel):
        return unfolded(value, secret, path=path, every=every)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, secret, (*path, str(key)), every=every) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, secret, (*path, str(i)), every=every) for i, item in enumerate(value)]
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def revealed(_path: Path, secret: SecretStr) -> str:
    """A secret as it is: only for what is stored, and for comparing."""
    return secret.get_secret_value()


SHORTEST_HIDDEN = 4
"""Shorter secrets occur in any text; hiding them would hide the text."""


def without(secrets: list[str], text: str) -> str:
    """`text` with every one of `secrets` as stars: for what validators may echo."""
    for secret in secrets:
        if len(secret) >= SHORTEST_HIDDEN:
            text = text.replace(secret, "***")
    return text


def written_name(name: str, field: FieldInfo) -> str:
    """The field's name as people write it: `from`, which Python keeps for itself."""
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name


def written_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the names that people write."""
    return {written_name(name, field): field for name, field in model.model_fields.items()}


def holds(annotation: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value of this type is, or holds, one of `kinds`; a map's keys do not count."""
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, BaseModel):
            return any(holds(field.annotation, kinds) for field in annotation.model_fields.values())
        return issubclass(annotation, kinds)
    if isinstance(annotation, str):  # one choice of a Literal
        return str in kinds
    return any(holds(part, kinds) for part in _parts(annotation))


def _parts(annotation: Any) -> tuple[Any, ...]:
    parts = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    return parts[1:] if isinstance(origin, type) and issubclass(origin, Mapping) else parts
