"""The form of one destination: its own fields and those that its channel's settings model makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from worker.appsfile import NAME, NAME_RULE
from worker.channels.channel import Channel, ChannelSettings
from worker.errors import InvalidSettings
from worker.kept_secrets import misled_secrets
from worker.models import Destination, OnAmbiguous
from worker.rates import VENDOR, parse_rate
from worker.settings_fields import read_settings
from worker.settings_tree import unfolded
from worker.web.form_fields import FormField, Kind, first_and_others, form_fields
from worker.web.form_values import Posted, Read, filled, read
from worker.web.form_view import Control, Said, controls, id_of

SETTINGS: Final = "settings"
OWN: Final = "destination"
_NAME_FIELD: Final = FormField(
    "name", Kind.TEXT, "Name", required=True, help="What lists and results call it: letters, digits and . _ -"
)
_ENABLED: Final = FormField(
    "enabled", Kind.CHECK, "Enabled", default=True, help="Alerts are delivered here. Test works either way."
)
_RATE_LIMIT: Final = FormField(
    "rate_limit",
    Kind.TEXT,
    "Rate limit",
    default=VENDOR,
    help="How fast messages may go: `vendor` (the limits that it publishes), `off`, or such as `30/min`. What is over "
    "it waits.",
)
_ON_AMBIGUOUS: Final = FormField(
    "on_ambiguous",
    Kind.SELECT,
    "When no answer comes",
    default=OnAmbiguous.RETRY.value,
    choices=((OnAmbiguous.RETRY.value, "send once more"), (OnAmbiguous.STOP.value, "do not send again")),
    help="A message that went out and drew no answer may have arrived.",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to put right: beside which control (an id), and in the words of the summary."""

    id: str
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form asks for. `settings` are there where they are in order, whatever else is not."""

    name: str
    settings: ChannelSettings | None
    enabled: bool = True
    rate_limit: str = VENDOR
    on_ambiguous: OnAmbiguous = OnAmbiguous.RETRY
    problems: list[Problem] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """By control's name."""
    about_settings: bool = False
    """Whether one of the problems is about the settings."""


@dataclass(frozen=True, slots=True)
class View:
    """The form as its template draws it."""

    name: Control | None
    """Of a destination that is to be added."""
    first: tuple[Control, ...]
    enabled: Control
    others: tuple[Control, ...]
    own: tuple[Control, ...]

    @property
    def unfolded(self) -> bool:
        """Whether what is folded away has something in it to see."""
        folded = (*self.others, *self.own)
        return any(control.changed or control.troubled for control in folded)


class DestinationForm:
    """The form of a destination of `channel`, which is stored as `stored` or not at all yet."""

    def __init__(self, channel: Channel, stored: Destination | None) -> None:
        self._channel = channel
        self._stored = stored
        self._settings = stored.settings if stored is not None else None
        self._fields = form_fields(channel.settings, channel.form)
        self._tree: dict[str, Any] = {}
        if self._settings is not None:
            self._tree = unfolded(self._settings, lambda _path, secret: secret, every=True)

    def filled(self, name: str = "") -> Posted:
        """What a browser would send of the form as it is shown first; `name` is a suggestion."""
        own = self._stored or Destination("", name, self._channel.name, None)
        return Posted(
            [
                *filled(self._fields, self._tree, SETTINGS),
                (f"{OWN}.name", name),
                (f"{OWN}.enabled", "true" if own.enabled else "false"),
                (f"{OWN}.rate_limit", "" if own.rate_limit == VENDOR else own.rate_limit),
                (f"{OWN}.on_ambiguous", own.on_ambiguous.value),
            ]
        )

    def view(self, posted: Posted, said: Said) -> View:
        """The form, filled in as `posted`."""
        made = {each.field.name: each for each in controls(self._fields, posted, self._tree, SETTINGS, said)}
        first, others = first_and_others(self._fields, self._channel.form)
        name, enabled, *own = controls([_NAME_FIELD, _ENABLED, _RATE_LIMIT, _ON_AMBIGUOUS], posted, {}, OWN, said)
        return View(
            name if self._stored is None else None,
            tuple(made[each.name] for each in first),
            enabled,
            tuple(made[each.name] for each in others),
            tuple(own),
        )

    def read(self, posted: Posted) -> Asked:
        """What is asked for, and every problem with it."""
        said = read(self._fields, posted, self._tree, SETTINGS)
        settings, found = self._validated(said)
        own = list(self._own_problems(posted))
        errors = {name: words for name, words in [*own, *found] if name}
        return Asked(
            name=self._name(posted),
            settings=settings,
            enabled=_last(posted, f"{OWN}.enabled") == "true",
            rate_limit=_last(posted, f"{OWN}.rate_limit").strip().lower() or VENDOR,
            on_ambiguous=_on_ambiguous(posted) or OnAmbiguous.RETRY,
            problems=[self._problem(name, words) for name, words in [*own, *found]],
            errors=errors,
            about_settings=bool(found),
        )

    def places(self, said: Iterable[str]) -> dict[str, str]:
        """Sentences that begin with a setting's name -> by the control that each is about; others under nothing."""
        names = {each.name: f"{SETTINGS}.{each.name}" for each in self._fields}
        placed: dict[str, str] = {}
        for sentence in said:
            path, _, words = sentence.removeprefix(f"{SETTINGS}.").partition(": ")
            name = names.get(path.partition(".")[0], "") if words else ""
            placed[name] = "\n".join(filter(None, [placed.get(name, ""), words if name else sentence]))
        return placed

    def label_of(self, path: str) -> str:
        """What the form calls the field at `settings.headers.X-Key` or `enabled`."""
        parts = path.split(".")
        known = {each.name: each.label for each in self._fields}
        own = {each.name: each.label for each in (_ENABLED, _RATE_LIMIT, _ON_AMBIGUOUS)}
        if parts[0] != SETTINGS or len(parts) == 1:
            return own.get(parts[0], parts[0])
        return " ".join([known.get(parts[1], parts[1]), *parts[2:]])

    def _validated(self, said: Read) -> tuple[ChannelSettings | None, list[tuple[str, str]]]:
        """(the settings, or None; (control's name, words) of each problem)."""
        if said.problems:
            return None, said.problems
        try:
            settings = read_settings(self._channel, said.tree, SETTINGS)
        except InvalidSettings as wrong:
            return None, [_placed(problem, said.places) for problem in wrong.problems]
        if self._settings is None:
            return settings, []
        misled = misled_secrets(self._channel, self._settings, settings, said.kept)
        return None if misled else settings, [_placed(problem, said.places) for problem in misled]

    def _name(self, posted: Posted) -> str:
        return self._stored.name if self._stored is not None else _last(posted, f"{OWN}.name").strip()

    def _own_problems(self, posted: Posted) -> Iterator[tuple[str, str]]:
        name = self._name(posted)
        if not NAME.fullmatch(name) or not name.strip("."):
            yield f"{OWN}.name", NAME_RULE
        try:
            parse_rate(_last(posted, f"{OWN}.rate_limit") or VENDOR)
        except ValueError as problem:
            yield f"{OWN}.rate_limit", str(problem)
        if _on_ambiguous(posted) is None:
            yield f"{OWN}.on_ambiguous", "must be retry or stop"

    def _problem(self, name: str, words: str) -> Problem:
        return Problem(id_of(name or self._named_in(words)), self._label(name), words)

    def _named_in(self, words: str) -> str:
        """Which control a sentence about all of them speaks of first."""
        found = [each.name for each in self._fields if re.search(rf"\b{re.escape(each.name)}\b", words)]
        return f"{SETTINGS}.{found[0] if found else self._fields[0].name}"

    def _label(self, name: str) -> str:
        own = {f"{OWN}.{each.name}": each.label for each in (_NAME_FIELD, _RATE_LIMIT, _ON_AMBIGUOUS)}
        known = {f"{SETTINGS}.{each.name}": each.label for each in self._fields}
        settings = ".".join(name.split(".")[:2])
        return own.get(name) or known.get(settings, "")


def _placed(problem: str, places: Mapping[str, str]) -> tuple[str, str]:
    """`settings.to.1: is no address` -> the name of the control that this was typed into, and the words."""
    path, _, words = problem.partition(": ")
    steps, beyond = path.split("."), list[str]()
    while len(steps) > 1:
        name = places.get(".".join(steps))
        if name is not None:
            return name, ": ".join(filter(None, [".".join(beyond), words]))
        beyond.insert(0, steps.pop())
    return "", words if path == SETTINGS else problem


def _last(posted: Posted, name: str) -> str:
    return posted.getall(name, [""])[-1]


def _on_ambiguous(posted: Posted) -> OnAmbiguous | None:
    text = _last(posted, f"{OWN}.on_ambiguous") or OnAmbiguous.RETRY.value
    return OnAmbiguous(text) if text in set(OnAmbiguous) else None
