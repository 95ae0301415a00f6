"""A form as a browser without scripts reads it from a page and sends it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class BrowserForm(HTMLParser):
    """The form with the id `form` on a page: where it goes, and its (name, value) pairs as they would be sent."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.action = ""
        self.pairs: list[tuple[str, str]] = []
        self.types: dict[str, str] = {}
        self._inside = self._template = False
        self._disabled = 0
        self._name = ""
        self._text: list[str] | None = None
        self._options: list[tuple[str, bool]] = []
        self.feed(text)

    def fill(self, **fields: Any) -> BrowserForm:
        """Type into fields, `__` for a dot; None empties one, a list replaces all of that name."""
        for given, value in fields.items():
            name = given.replace("__", ".")
            values = [""] if value is None else value if isinstance(value, list) else [value]
            place = next((i for i, (known, _) in enumerate(self.pairs) if known == name), len(self.pairs))
            others = [pair for pair in self.pairs if pair[0] != name]
            self.pairs = [*others[:place], *((name, each) for each in values), *others[place:]]
        return self

    def value(self, name: str) -> str:
        """What would be sent under that name."""
        return dict(self.pairs)[name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "form":
            self._inside = known.get("id") == "form"
            self.action = known.get("action") or "" if self._inside else self.action
        if tag == "template":
            self._template = True
        if tag == "fieldset" and "disabled" in known:
            self._disabled += 1
        if not self._inside or self._template or self._disabled or "disabled" in known:
            return
        name = known.get("name") or ""
        if tag == "input" and name:
            self._input(name, known)
        elif tag == "select":
            self._name, self._options = name, []
        elif tag == "option":
            self._options.append((known.get("value") or "", "selected" in known))
        elif tag == "textarea":
            self._name, self._text = name, []

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "template":
            self._template = False
        elif tag == "select" and self._name:
            chosen = [value for value, selected in self._options if selected] or [self._options[0][0]]
            self.pairs.append((self._name, chosen[-1]))
            self._name = ""
        elif tag == "textarea" and self._text is not None:
            text = "".join(self._text)
            self.pairs.append((self._name, text.removeprefix("\n").replace("\n", "\r\n")))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _input(self, name: str, known: dict[str, str | None]) -> None:
        kind = known.get("type") or "text"
        self.types[name] = kind
        if kind not in {"checkbox", "radio"} or "checked" in known:
            self.pairs.append((name, known.get("value") or ""))
