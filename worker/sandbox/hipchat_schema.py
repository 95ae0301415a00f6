"""HipChat v2's rules for a room notification, as its published JSON schema has them.

https://github.com/jenkinsci/hipchat-plugin/tree/master/src/main/resources/schema
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, in the parts that HipChat's error has."""

    field: str
    validation: str
    message: str
    value: Any
    expected: str | None = None


class Spec(Protocol):
    """What a value must be."""

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `shortest` to `longest` characters."""

    shortest: int = 0
    longest: int | None = None

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        if not isinstance(value, str):
            return _wrong_type(value, name, "string")
        if len(value) < self.shortest:
            return _wrong_length(value, name, "minLength", f"greater than or equal to {self.shortest}")
        if self.longest is not None and len(value) > self.longest:
            return _wrong_length(value, name, "maxLength", f"less than or equal to {self.longest}")
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few strings."""

    options: tuple[str, ...]

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        if not isinstance(value, str):
            return _wrong_type(value, name, "string")
        if value in self.options:
            return None
        words = f"Value {_shown(value)} for field '{name}' is not in the enumeration: {list(self.options)}"
        return Problem(name, "enum", words, value, ", ".join(self.options))


@dataclass(frozen=True, slots=True)
class Flag:
    """A JSON boolean; the string "true" was refused: https://github.com/jenkinsci/hipchat-plugin/issues/39 ."""

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        return None if isinstance(value, bool) else _wrong_type(value, name, "boolean")


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number."""

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return None if good else _wrong_type(value, name, "number")


@dataclass(frozen=True, slots=True)
class Items:
    """An array of one kind."""

    item: Spec

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        if not isinstance(value, list):
            return _wrong_type(value, name, "array")
        found = (self.item.check(item, f"{name}[{at}]") for at, item in enumerate(value))
        return next(filter(None, found), None)


@dataclass(frozen=True, slots=True)
class Fields:
    """An object; fields that the schema does not name pass, as they did."""

    known: Mapping[str, Spec]
    required: tuple[str, ...] = field(default=())

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        if not isinstance(value, dict):
            return _wrong_type(value, name or "body", "object")
        for key in self.required:
            if value.get(key) is None:
                path = _path(name, key)
                return Problem(path, "required", f"Required field '{path}' is missing", None)
        found = (self.known[key].check(item, _path(name, key)) for key, item in value.items() if key in self.known)
        return next(filter(None, found), None)


@dataclass(frozen=True, slots=True)
class TextOr:
    """A string, or an object instead."""

    text: Text
    other: Fields

    def check(self, value: Any, name: str) -> Problem | None:
        """The first problem of `value`, or None."""
        spec: Spec = self.other if isinstance(value, dict) else self.text
        return spec.check(value, name)


def _path(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _shown(value: Any) -> str:
    # The service ran on Python 2, and its messages show it: u'true'.
    text = f"u{value!r}" if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _wrong_type(value: Any, name: str, kind: str) -> Problem:
    return Problem(name, "type", f"Value {_shown(value)} for field '{name}' is not of type '{kind}'", value, kind)


def _wrong_length(value: str, name: str, validation: str, bound: str) -> Problem:
    words = f"Length of value {_shown(value)} for field '{name}' must be {bound}"
    return Problem(name, validation, words, value, bound)


_ICON = TextOr(Text(1), Fields({"url": Text(1), "url@2x": Text(1)}, ("url",)))
_LOZENGES = ("lozenge", *(f"lozenge-{kind}" for kind in ("success", "error", "current", "complete", "moved")))
_ATTRIBUTE = Fields(
    {
        "label": Text(1, 50),
        "value": Fields(
            {"label": Text(1), "url": Text(1), "style": Choice(_LOZENGES), "icon": _ICON}, required=("label",)
        ),
    },
    required=("value",),
)
_CARD = Fields(
    {
        "style": Choice(("file", "image", "application", "link", "media")),
        "id": Text(1),
        "title": Text(1, 500),
        "description": TextOr(
            Text(1, 1000),
            Fields({"value": Text(1, 1000), "format": Choice(("html", "text"))}, required=("value", "format")),
        ),
        "format": Choice(("compact", "medium")),
        "url": Text(1),
        "thumbnail": Fields(
            {"url": Text(1, 250), "url@2x": Text(1, 250), "width": Number(), "height": Number()}, required=("url",)
        ),
        "activity": TextOr(Text(1), Fields({"html": Text(1), "icon": _ICON}, required=("html",))),
        "attributes": Items(_ATTRIBUTE),
        "icon": _ICON,
    },
    required=("style", "title", "id"),
)
NOTIFICATION = Fields(
    {
        "message": Text(1, 10_000),
        "message_format": Choice(("html", "text")),
        "color": Choice(("yellow", "green", "red", "purple", "gray", "random")),
        "notify": Flag(),
        "from": Text(0, 64),
        "attach_to": Text(0, 36),
        "card": _CARD,
    },
    required=("message",),
)
MESSAGE = Fields({"message": Text(1, 10_000)}, required=("message",))
