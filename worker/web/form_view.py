"""A form as its template draws it: one control per field, with what is said of it beside it. It holds no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import SecretStr

from worker.web.form_fields import FormField, Kind
from worker.web.form_values import FORGET, ROWS, STORED_ROW, Posted

NEW_ROW: Final = "__row__"
"""Stands for the id in the row that scripts copy."""
TYPED_AGAIN: Final = "Type it again: what is typed here is never sent back."


@dataclass(frozen=True, slots=True)
class Said:
    """What is said beside the controls, by their names."""

    errors: Mapping[str, str] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    """Whether the page is shown again after it was sent, with what was typed but the secrets."""


@dataclass(frozen=True, slots=True)
class Control:
    """One field with its value. `id` is `name` as an element's id."""

    field: FormField
    name: str
    value: str = ""
    stored: bool = False
    """Whether a secret is stored that an empty field keeps."""
    forget: bool = False
    error: str = ""
    warning: str = ""
    note: str = ""
    rows: tuple[Row, ...] = ()
    blank: Row | None = None
    """The row that scripts copy."""
    controls: tuple[Control, ...] = ()
    """A group's."""

    @property
    def id(self) -> str:
        """For labels and links."""
        return id_of(self.name)

    @property
    def kind(self) -> str:
        """For the template; a value of several lines has to have several."""
        return Kind.AREA.value if self.field.kind is Kind.TEXT and "\n" in self.value else self.field.kind.value

    @property
    def troubled(self) -> bool:
        """Whether something is said of it, or of a part of it."""
        rows = [control for row in self.rows for control in row.controls]
        return bool(self.error or self.warning) or any(each.troubled for each in (*rows, *self.controls))

    @property
    def changed(self) -> bool:
        """Whether it is filled in with anything but its default."""
        inner = any(control.changed for control in self.controls)
        plain = bool(self.value) and self.value != self.field.default_text
        return self.stored or plain or bool(self.rows) or inner


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list or map: its id, and its controls."""

    id: str
    number: int
    controls: tuple[Control, ...]


def id_of(name: str) -> str:
    """An element's id from a control's name."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)


def controls(
    fields: Sequence[FormField], posted: Posted, stored: Mapping[str, Any], path: str, said: Said
) -> tuple[Control, ...]:
    """The controls of these fields, filled in as `posted` says.

    Args:
        fields: the form's.
        posted: names and texts, from `filled` or from a browser.
        stored: the settings that are stored, as for `filled`: to know which secrets there are.
        path: what the names begin with.
        said: what to say beside them.
    """
    drawing = _Drawing(posted, said)
    return tuple(drawing.control(each, f"{path}.{each.name}", stored.get(each.name)) for each in fields)


class _Drawing:
    def __init__(self, posted: Posted, said: Said) -> None:
        self._posted = posted
        self._said = said

    def control(self, each: FormField, name: str, stored: Any) -> Control:
        drawn = self._drawn(each, name, stored)
        return replace(drawn, error=self._said.errors.get(name, ""), warning=self._said.warnings.get(name, ""))

    def _drawn(self, each: FormField, name: str, stored: Any) -> Control:
        match each.kind:
            case Kind.SECRET:
                return self._secret(each, name, isinstance(stored, SecretStr))
            case Kind.GROUP:
                inner = [self.control(one, f"{name}.{one.name}", (stored or {}).get(one.name)) for one in each.fields]
                used = "on" if f"{name}{ROWS}" in self._posted else ""
                return Control(each, name, value=used, controls=tuple(inner))
            case Kind.LIST | Kind.MAP:
                rows = dict.fromkeys(self._posted.getall(f"{name}{ROWS}", []))
                made = [self._row(each, name, row, number, stored) for number, row in enumerate(rows, 1)]
                return Control(each, name, rows=tuple(made), blank=self._row(each, name, NEW_ROW, 0, None))
            case Kind.CHECK | Kind.SELECT:
                return Control(each, name, value=self._posted.getall(name, [each.default_text])[-1])
            case Kind.TEXT | Kind.AREA | Kind.NUMBER:
                return Control(each, name, value=self._posted.getall(name, [""])[-1])

    def _secret(self, each: FormField, name: str, stored: bool) -> Control:  # noqa: FBT001
        typed = bool(self._posted.getall(name, [""])[-1])
        note = TYPED_AGAIN if typed and self._said.again else ""
        forget = f"{name}{FORGET}" in self._posted
        return Control(each, name, stored=stored, forget=forget, note=note)

    def _row(self, each: FormField, name: str, row: str, number: int, stored: Any) -> Row:
        item = each.item
        if item is None:
            raise TypeError(f"{each.name}: has no rows")
        if each.kind is Kind.LIST:
            values = stored if isinstance(stored, list) else []
            had = {f"{STORED_ROW}{index}": value for index, value in enumerate(values)}.get(row)
            return Row(row, number, (self.control(item, f"{name}.{row}", had),))
        key_name = f"{name}.{row}.key"
        key = self._posted.getall(key_name, [""])[-1]
        had = stored.get(key) if isinstance(stored, dict) else None
        named = FormField("key", Kind.TEXT, "Name")
        value = self.control(replace(item, label="Value"), f"{name}.{row}.value", had)
        return Row(row, number, (self.control(named, key_name, None), value))
