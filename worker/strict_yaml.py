"""YAML and JSON text -> maps, lists, text and None: strict, bounded, and without guessing at types.

Every scalar stays the text that was written, so that `room: 0123` and `rate_limit: off` mean what they say; who
knows the type of a field converts it. Aliases are refused, which also makes the size of the result a matter of the
size of the text (https://en.wikipedia.org/wiki/Billion_laughs_attack).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from worker.errors import InvalidSettings
from worker.problems import Problems

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 24
MAX_VALUES = 500_000
"""Of all maps and lists together: 20,000 destinations and more."""
MAX_NAME_CHARS = 256
MAX_TEXT_CHARS = 65_536
LONGEST_NUMBER = 64

Tree = dict[str, "Tree"] | list["Tree"] | str | None
"""What a text becomes."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def read_tree(text: str | bytes) -> Tree:
    """What `text` says, as YAML or JSON; InvalidSettings with line and column where it cannot be read.

    Args:
        text: at most 5 MiB; bytes are UTF-8, with or without a byte order mark.
    """
    plain = _decoded(text)
    if plain.lstrip().startswith("{"):
        try:
            return _json_tree(plain)
        except (json.JSONDecodeError, RecursionError):
            pass  # YAML's flow style begins with a brace too, and its reader tells line and column
    return _yaml_tree(plain)


def scalar(text: str) -> str | int | float | bool | None:
    """The value that a plain YAML scalar stands for: `30` -> 30, `off` -> False, `~` -> None, else the text."""
    if text in _NULLS:
        return None
    if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return float(text) if any(c in text for c in ".eE") else int(text)
    return _BOOLEANS.get(text.lower(), text)


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise InvalidSettings([f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB"])
    if isinstance(text, str):
        return text
    try:
        return text.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise InvalidSettings([f"line {line}: the file is not UTF-8 text"]) from None


def _json_tree(text: str) -> Tree:
    problems = Problems()

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in pairs:
            if name in fields:
                problems.append(f"`{name[:MAX_NAME_CHARS]}` is given twice in one map")
            fields[name] = value
        return fields

    tree = json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=unique)
    if problems:
        raise InvalidSettings(sorted(set(problems)))
    return _texts(tree, 0, _Count())


class _Count:
    """How many values a file has; each is counted where it is read."""

    def __init__(self) -> None:
        self._values = 0

    def one_more(self) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise InvalidSettings([f"the file has more than {MAX_VALUES} values"])


def _texts(value: Any, depth: int, count: _Count) -> Tree:
    count.one_more()
    if depth > MAX_DEPTH:
        raise InvalidSettings([f"maps and lists are nested deeper than {MAX_DEPTH} levels"])
    if isinstance(value, dict):
        return {_name(key): _texts(item, depth + 1, count) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item, depth + 1, count) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else _whole(value)


def _name(text: str, where: str = "") -> str:
    if len(text) > MAX_NAME_CHARS:
        raise InvalidSettings([f"{where}a name is longer than {MAX_NAME_CHARS} characters"])
    return _whole(text)


def _whole(text: str, where: str = "") -> str:
    """`text`; half of a surrogate pair is no character, and could be stored nowhere."""
    if len(text) > MAX_TEXT_CHARS:
        raise InvalidSettings([f"{where}a text is longer than {MAX_TEXT_CHARS} characters"])
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidSettings(["a text holds half of a surrogate pair (\\ud800 to \\udfff)"]) from None
    return text


def _yaml_tree(text: str) -> Tree:
    try:
        events = yaml.parse(text, Loader=_LOADER)
        return _Builder(events).document()
    except yaml.MarkedYAMLError as error:
        # Not str(error): that quotes the line, which may hold a secret.
        where = _place(error.problem_mark or error.context_mark)
        raise InvalidSettings([f"{where}not valid YAML: {_no_quotes(error.problem)}"]) from None
    except yaml.reader.ReaderError as error:
        raise InvalidSettings([f"{_offset(text, error.position)}this character is not allowed in YAML"]) from None


def _no_quotes(problem: str | None) -> str:
    """What is wrong, without what the file says there: `found undefined alias 'x'` quotes it."""
    words = re.sub(r"""(['"]).{3,}?\1""", "…", problem or "it cannot be read")
    return words[:200]


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _offset(text: str, position: int) -> str:
    before = text[:position]
    return f"line {before.count(chr(10)) + 1}, column {position - before.rfind(chr(10))}: "


class _Builder:
    """Builds the tree from the parser's events, so that nothing is expanded or constructed on the way."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._problems = Problems()
        self._count = _Count()

    def document(self) -> Tree:
        """The one document of the text."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        tree = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self._note(following, "a second document begins here; only one is read")
        if self._problems:
            raise InvalidSettings(self._problems)
        return tree

    def _node(self, event: Any, depth: int) -> Tree:
        self._count.one_more()
        if isinstance(event, yaml.AliasEvent):
            raise InvalidSettings([f"{_place(event.start_mark)}aliases (`*name`) are not read; write it out"])
        if event.tag not in {None, "!"}:
            self._note(event, "tags (`!name`) are not read; leave it out")
        if depth > MAX_DEPTH:
            raise InvalidSettings([f"{_place(event.start_mark)}nested deeper than {MAX_DEPTH} levels"])
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(depth + 1)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth + 1)
        if event.implicit[0] and event.value in _NULLS:
            return None
        return _whole(event.value, _place(event.start_mark))

    def _sequence(self, depth: int) -> Tree:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth))
        return items

    def _mapping(self, depth: int) -> Tree:
        items: dict[str, Tree] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth)
            value = self._node(next(self._events), depth)
            if not isinstance(key, str):
                self._note(event, "a name must be text")
            elif _name(key, _place(event.start_mark)) in items:
                # In `{a, a}`, braces for brackets, names are values, and may be secrets.
                self._note(event, f"{'a name' if value is None else f'`{key}`'} is given twice in one map")
            else:
                items[key] = value
        return items

    def _note(self, event: Any, problem: str) -> None:
        self._problems.append(f"{_place(event.start_mark)}{problem}")
