"""The fields of a channel's form, made from its settings model alone: a new channel has its form by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePath
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from worker.channels.channel import FormHints
from worker.settings_tree import written_name

LONG_CHARS: Final = 4096
"""Texts that may be longer than this get several lines; a path on Linux is no longer, and has one."""
LISTS: Final = (list, tuple, set, frozenset)


class Kind(StrEnum):
    """What people fill a field in with."""

    TEXT = "text"
    AREA = "area"
    """Several lines."""
    NUMBER = "number"
    SECRET = "secret"  # noqa: S105, the word, not a secret
    CHECK = "check"
    SELECT = "select"
    LIST = "list"
    """Rows of `item`."""
    MAP = "map"
    """Rows of a name and an `item`."""
    GROUP = "group"
    """The `fields` of a model within."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. `name` is what people write in settings files."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    required: bool = False
    default: Any = None
    """What it means when nothing is filled in, as a plain value; None where that is nothing."""
    choices: tuple[tuple[str, str], ...] = ()
    """(value, words) of a SELECT."""
    item: FormField | None = None
    fields: tuple[FormField, ...] = ()
    only_with: tuple[str, str] | None = None
    """(another field, the value of that with which alone this one means anything)."""

    @property
    def default_text(self) -> str:
        """The default as it would be posted."""
        return text_of(self.default)


def form_fields(model: type[BaseModel], hints: FormHints | None = None) -> tuple[FormField, ...]:
    """The fields of a model, in the model's order.

    Raises:
        TypeError: for a type that nothing can be filled in with. A test over CHANNELS finds it before anybody does.
    """
    hints = hints or FormHints()
    return tuple(_field(written_name(name, field), field, hints) for name, field in model.model_fields.items())


def first_and_others(
    fields: tuple[FormField, ...], hints: FormHints
) -> tuple[tuple[FormField, ...], tuple[FormField, ...]]:
    """(what most people fill in, the others)."""
    by_name = {field.name: field for field in fields}
    first = tuple(by_name[name] for name in hints.first or [field.name for field in fields if field.required])
    return first, tuple(field for field in fields if field not in first)


def text_of(value: Any) -> str:
    """A plain value as forms hold it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _field(name: str, field: FieldInfo, hints: FormHints) -> FormField:
    label = field.title or name.replace("_", " ").capitalize()
    default = _plain_default(field)
    known = {"default": default, "required": field.is_required() or name in hints.marked}
    if name in hints.only_with:
        known["only_with"] = hints.only_with[name]
    long = any(isinstance(each, MaxLen) and each.max_length > LONG_CHARS for each in field.metadata)
    made = _of_type(name, label, field.annotation, long=long)
    return replace(made, help=field.description or "", **known)


def _of_type(name: str, label: str, annotation: Any, *, long: bool = False) -> FormField:
    """A field of this type, without what only the model's field knows."""
    core, optional = _core(annotation)
    origin, arguments = get_origin(core), get_args(core)
    if origin is Literal:
        return _select(name, label, [(text_of(value), text_of(value)) for value in arguments], optional=optional)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return FormField(name, Kind.MAP, label, item=_item(label, arguments[1], Kind.GROUP))
    if origin in LISTS:
        return FormField(name, Kind.LIST, label, item=_item(label, arguments[0]))
    if not isinstance(core, type):
        raise TypeError(f"{name}: there is no control for the type {annotation}")
    if issubclass(core, BaseModel):
        return FormField(name, Kind.GROUP, label, fields=form_fields(core))
    return _scalar(name, label, core, optional=optional, long=long)


def _scalar(name: str, label: str, core: type, *, optional: bool, long: bool) -> FormField:
    if issubclass(core, SecretStr):
        return FormField(name, Kind.SECRET, label)
    if issubclass(core, Enum):
        return _select(name, label, [(text_of(each.value), _words(each)) for each in core], optional=optional)
    if issubclass(core, bool):
        yes_no = [("true", "yes"), ("false", "no")]
        return _select(name, label, yes_no, optional=True) if optional else FormField(name, Kind.CHECK, label)
    if issubclass(core, int | float):
        return FormField(name, Kind.NUMBER, label)
    if issubclass(core, str | PurePath):
        return FormField(name, Kind.AREA if long else Kind.TEXT, label)
    raise TypeError(f"{name}: there is no control for the type {core.__name__}")


def _item(label: str, annotation: Any, *never: Kind) -> FormField:
    item = _of_type("", label, annotation)
    if item.kind in {Kind.LIST, Kind.MAP, *never}:
        raise TypeError(f"{label}: there is no control for a {item.kind.value} in each row")
    return item


def _core(annotation: Any) -> tuple[Any, bool]:
    """(the type without `Annotated` and None, whether None is allowed)."""
    if get_origin(annotation) is Annotated:
        return _core(get_args(annotation)[0])
    parts = get_args(annotation)
    if NoneType in parts:
        others = [part for part in parts if part is not NoneType]
        return (_core(others[0])[0], True) if len(others) == 1 else (annotation, True)
    return annotation, False


def _select(name: str, label: str, choices: list[tuple[str, str]], *, optional: bool) -> FormField:
    unset = [("", "(not set)")] if optional else []
    return FormField(name, Kind.SELECT, label, choices=(*unset, *choices))


def _words(choice: Enum) -> str:
    """`text`, and `14: aes 256` where the value alone says little."""
    name = choice.name.lower().replace("_", " ")
    return f"{choice.value}: {name}" if isinstance(choice, IntEnum) else str(choice.value)


def _plain_default(field: FieldInfo) -> Any:
    if field.is_required() or field.default is PydanticUndefined:
        return None
    return field.default.value if isinstance(field.default, Enum) else field.default
