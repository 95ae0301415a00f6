"""Settings as a form's fields, and a form's fields as settings. Secrets are never among the first.

Names are paths: `settings.room`, `settings.headers.s0.value`. The rows of a list or map have ids: `s0` for what is
stored as the first, `n7` for one that was added; the field `settings.headers#` names those that are there, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from multidict import MultiDict
from pydantic import SecretStr

from worker.strict_yaml import Tree
from worker.web.form_fields import FormField, Kind, text_of

Posted = MultiDict[str]
ROWS: Final = "#"
"""Behind a list's name: the ids of its rows; behind an optional group's: that it is there."""
FORGET: Final = "!forget"
"""Behind a secret's name: not to be kept as it is stored."""
STORED_ROW: Final = "s"
FIRST_ROW: Final = "n0"
"""The empty one in which people begin."""
_NOTHING: Final = object()


def filled(fields: Sequence[FormField], tree: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The form's (name, text) pairs for settings as `unfolded` gives them, every field and SecretStr for secrets."""
    for each in fields:
        yield from _filled(each, f"{path}.{each.name}", tree.get(each.name, each.default))


def _filled(each: FormField, name: str, value: Any) -> Iterator[tuple[str, str]]:
    match each.kind:
        case Kind.SECRET:
            yield name, ""
        case Kind.GROUP:
            if value is not None:
                yield f"{name}{ROWS}", "on"
            yield from filled(each.fields, value or {}, name)
        case Kind.LIST:
            yield from _filled_rows(each, name, value or [])
        case Kind.MAP:
            yield from _filled_map(each, name, value or {})
        case Kind.CHECK | Kind.SELECT:
            yield name, text_of(value)
        case Kind.TEXT | Kind.AREA | Kind.NUMBER:
            # What is the default stands there as a hint, so that it goes on to be the default.
            yield name, "" if value == each.default else text_of(value)


def _filled_rows(each: FormField, name: str, values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    if each.required and not values:
        yield f"{name}{ROWS}", FIRST_ROW
    for number, value in enumerate(values):
        row = f"{STORED_ROW}{number}"
        yield f"{name}{ROWS}", row
        yield from _filled(_item(each), f"{name}.{row}", value)


def _filled_map(each: FormField, name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for number, (key, value) in enumerate(values.items()):
        row = f"{STORED_ROW}{number}"
        yield f"{name}{ROWS}", row
        yield f"{name}.{row}.key", key
        yield from _filled(_item(each), f"{name}.{row}.value", value)


@dataclass(slots=True)
class Read:
    """What a form says."""

    tree: dict[str, Tree] = field(default_factory=dict)
    """As a settings file would spell it; what is left out has its default."""
    places: dict[str, str] = field(default_factory=dict)
    """Path of a value -> name of the control that it came from, or would come from."""
    kept: list[str] = field(default_factory=list)
    """Paths of the secrets that stay as they are stored."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(name of a control, what to do)."""


def read(fields: Sequence[FormField], posted: Posted, stored: Mapping[str, Any], path: str) -> Read:
    """What was posted, with what is stored in the place of secrets that were left empty.

    Args:
        fields: the form's.
        posted: names and texts, of browsers or not: nothing in it is believed.
        stored: the settings as for `filled`; empty where there are none.
        path: what all names and paths begin with.
    """
    reader = _Reader(posted)
    reader.said.tree = reader.group(fields, path, path, stored)
    return reader.said


class _Reader:
    """Reads field by field. A name is where a field stands in the form, a path where its value stands in the tree."""

    def __init__(self, posted: Posted) -> None:
        self._posted = posted
        self.said = Read()

    def group(self, fields: Sequence[FormField], name: str, path: str, stored: Mapping[str, Any]) -> dict[str, Tree]:
        tree: dict[str, Tree] = {}
        for each in fields:
            value = self._value(each, f"{name}.{each.name}", f"{path}.{each.name}", stored.get(each.name))
            if value is not _NOTHING:
                tree[each.name] = value
        return tree

    def _value(self, each: FormField, name: str, path: str, stored: Any) -> Any:
        self.said.places.setdefault(path, name)
        match each.kind:
            case Kind.SECRET:
                return self._secret(name, path, stored)
            case Kind.GROUP:
                inner = self.group(each.fields, name, path, stored or {})
                return inner if inner or f"{name}{ROWS}" in self._posted else _NOTHING
            case Kind.LIST:
                return self._list(each, name, path, stored or [])
            case Kind.MAP:
                return self._map(each, name, path, stored or {})
            case Kind.CHECK | Kind.SELECT | Kind.NUMBER:
                text = self._text(name).strip()
                return _NOTHING if text in {"", each.default_text} else text
            case _:
                return self._line(name, stored) or _NOTHING

    def _line(self, name: str, stored: Any) -> str:
        # Browsers send every line end as CR LF: https://html.spec.whatwg.org/#constructing-the-form-data-set
        text = _normal(self._text(name))
        if not text.strip():
            return ""
        return stored if isinstance(stored, str) and _normal(stored) == text else text

    def _secret(self, name: str, path: str, stored: Any) -> Any:
        if text := self._text(name):
            return text
        if name not in self._posted or not isinstance(stored, SecretStr) or f"{name}{FORGET}" in self._posted:
            return _NOTHING
        self.said.kept.append(path)
        return stored.get_secret_value()

    def _list(self, each: FormField, name: str, path: str, stored: Sequence[Any]) -> Any:
        found: list[Tree] = []
        known = {f"{STORED_ROW}{number}": value for number, value in enumerate(stored)}
        for row in self._rows(name):
            had = known.get(row)
            value = self._value(_item(each), f"{name}.{row}", f"{path}.{len(found)}", had)
            if value is _NOTHING and isinstance(had, dict):
                value = {}  # a group that was stored without anything in it
            if value is _NOTHING:
                self.said.places.pop(f"{path}.{len(found)}", None)
            else:
                found.append(value)
        return found if found or each.default else _NOTHING

    def _map(self, each: FormField, name: str, path: str, stored: Mapping[str, Any]) -> Any:
        found: dict[str, Tree] = {}
        for row in self._rows(name):
            key = self._text(f"{name}.{row}.key").strip()
            place = f"{name}.{row}.value"
            value = self._value(_item(each), place, f"{path}.{key}", stored.get(key))
            if not key and value is not _NOTHING:
                self.said.problems.append((f"{name}.{row}.key", "a name is missing"))
            elif key in found:
                self.said.problems.append((f"{name}.{row}.key", "is there twice"))
            elif key and value is _NOTHING and _item(each).kind is Kind.SECRET:
                self.said.problems.append((place, f"type what {key} is"))
            elif key:
                found[key] = "" if value is _NOTHING else value
        return found or _NOTHING

    def _rows(self, name: str) -> list[str]:
        return list(dict.fromkeys(self._posted.getall(f"{name}{ROWS}", [])))

    def _text(self, name: str) -> str:
        """The last one of that name: a box that is checked comes behind the hidden field that says it is not."""
        return self._posted.getall(name, [""])[-1]


def _item(each: FormField) -> FormField:
    if each.item is None:
        raise TypeError(f"{each.name}: has no rows")
    return each.item


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
