"""The settings file: text -> apps, and apps -> text. Every problem is found and named by its path; none shows a secret.

::

    apps:
      checkout:
        destinations:
          ops-room:
            channel: hipchat
            settings: {token: "${HIPCHAT_TOKEN}", room: Ops Room}
            rate_limit: 30/min
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import SecretStr

from worker.channels import CHANNELS, no_channel
from worker.channels.channel import Channel, ChannelSettings
from worker.doubts import as_comments, path_of, warnings_of
from worker.errors import InvalidSettings
from worker.models import App, Destination, OnAmbiguous
from worker.problems import Problems
from worker.rates import VENDOR, parse_rate
from worker.settings_fields import read_settings, settings_from_pairs
from worker.settings_tree import unfolded
from worker.strict_yaml import Tree, read_tree, scalar
from worker.substitution import escaped, substituted

__all__ = ["parse_rate", "read_apps", "settings_from_pairs", "warnings_of", "write_apps"]

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME_RULE = "may hold 1 to 64 of the characters A-Z a-z 0-9 . _ -"
LONGEST_TOLD = 20

FIELDS = ("channel", "enabled", "settings", "rate_limit", "on_ambiguous")


def read_apps(
    text: str | bytes, environment: Mapping[str, str], channels: Mapping[str, Channel] = CHANNELS
) -> dict[str, App]:
    """The apps of a settings file (YAML or JSON), by name.

    Args:
        text: the file's content; bytes are UTF-8.
        environment: what `${NAME}` stands for.
        channels: the channels that settings may name.

    Raises:
        InvalidSettings: with every problem, each as `path: what to do`. Then nothing of the file may be used.
    """
    tree = read_tree(text)
    if tree is None:
        raise InvalidSettings(["the file is empty; it begins with `apps:`"])
    problems = Problems()
    tree = substituted(tree, environment, problems)
    reader = _Reader(channels, problems)
    apps = reader.apps(tree)
    if problems:
        raise InvalidSettings(problems)
    return apps


def like(name: str, known: Iterable[str]) -> str:
    """`; did you mean token?`, or nothing where no known name is near."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


class _Reader:
    """Reads level by level; what is wrong goes onto `problems`, and reading goes on."""

    def __init__(self, channels: Mapping[str, Channel], problems: Problems) -> None:
        self._channels = channels
        self._problems = problems

    def apps(self, tree: Tree) -> dict[str, App]:
        top = self._map(tree, "", ("apps",))
        if "apps" not in top:
            self._problems.append("apps: is required")
            return {}
        named = self._named(top["apps"], "apps")
        return {name: self._app(name, value, f"apps.{name}") for name, value in named.items()}

    def _app(self, name: str, tree: Tree, path: str) -> App:
        fields = self._map(tree, path, ("destinations",))
        if isinstance(tree, dict) and "destinations" not in fields:
            self._problems.append(f"{path}.destinations: is required; write {{}} for none")
            return App(name)
        named = self._named(fields.get("destinations", {}), f"{path}.destinations")
        read = {key: self._destination(name, key, value, f"{path}.destinations.{key}") for key, value in named.items()}
        return App(name, {key: destination for key, destination in read.items() if destination})

    def _destination(self, app: str, name: str, tree: Tree, path: str) -> Destination | None:
        fields = self._map(tree, path, FIELDS)
        if not isinstance(tree, dict):
            return None
        channel = self._channel(fields, path)
        settings = channel and self._settings(channel, fields.get("settings", {}), f"{path}.settings")
        enabled = self._enabled(fields, f"{path}.enabled")
        rate_limit = self._rate_limit(fields, f"{path}.rate_limit")
        on_ambiguous = self._on_ambiguous(fields, f"{path}.on_ambiguous")
        if channel is None or settings is None:
            return None
        return Destination(app, name, channel.name, settings, enabled, rate_limit, on_ambiguous)

    def _channel(self, fields: dict[str, Tree], path: str) -> Channel | None:
        name = fields.get("channel")
        if isinstance(name, str) and name in self._channels:
            return self._channels[name]
        known = ", ".join(sorted(self._channels))
        if name is None:
            self._problems.append(f"{path}.channel: is required: one of {known}")
        elif isinstance(name, str):
            self._problems.append(f"{path}.channel: {no_channel(name, self._channels)}")
        else:
            self._problems.append(f"{path}.channel: must be one of {known}")
        return None

    def _settings(self, channel: Channel, tree: Tree, path: str) -> ChannelSettings | None:
        try:
            return read_settings(channel, tree, path)
        except InvalidSettings as wrong:
            self._problems.extend(wrong.problems)
            return None

    def _enabled(self, fields: dict[str, Tree], path: str) -> bool:
        value = fields.get("enabled", "true")
        enabled = scalar(value) if isinstance(value, str) else None
        if not isinstance(enabled, bool):
            self._problems.append(f"{path}: must be true or false")
        return enabled is True

    def _rate_limit(self, fields: dict[str, Tree], path: str) -> str:
        value = fields.get("rate_limit", VENDOR)
        # `false` is what other YAML 1.1 tools make of `off`.
        text = "off" if value == "false" else value
        if not isinstance(text, str):
            self._problems.append(f"{path}: must be off, vendor, or a rate such as 30/min")
            return VENDOR
        try:
            parse_rate(text)
        except ValueError as problem:
            self._problems.append(f"{path}: {problem}")
        return text.strip().lower()

    def _on_ambiguous(self, fields: dict[str, Tree], path: str) -> OnAmbiguous:
        value = fields.get("on_ambiguous", OnAmbiguous.RETRY.value)
        if not isinstance(value, str) or value not in set(OnAmbiguous):
            self._problems.append(f"{path}: must be retry or stop")
            return OnAmbiguous.RETRY
        return OnAmbiguous(value)

    def _named(self, tree: Tree, path: str) -> dict[str, Tree]:
        """A map whose keys people choose."""
        if not isinstance(tree, dict):
            self._problems.append(f"{path}: must be a map by name, not {kind_of(tree)}")
            return {}
        wrong = {name: None for name in tree if not NAME.fullmatch(name)}
        self._problems.extend(f"{path}: {_told(name)} {NAME_RULE}" for name in wrong)
        return {name: value for name, value in tree.items() if name not in wrong}

    def _map(self, tree: Tree, path: str, known: tuple[str, ...]) -> dict[str, Tree]:
        """A map whose keys are given."""
        if not isinstance(tree, dict):
            where = f"{path}: " if path else "the file: "
            self._problems.append(f"{where}must be a map with {', '.join(known)}, not {kind_of(tree)}")
            return {}
        prefix = f"{path}." if path else ""
        for name in tree:
            if name not in known:
                self._problems.append(f"{prefix}{name[:80]}: is not known here{like(name, known)}")
        return {name: value for name, value in tree.items() if name in known}


def _told(name: str) -> str:
    """A name, unless it is so long that it may be a secret which slipped out of its place."""
    return f"the name {name!r}" if len(name) <= LONGEST_TOLD else f"a name of {len(name)} characters"


def kind_of(tree: Tree) -> str:
    """What a value is, in words and without showing it."""
    if isinstance(tree, dict):
        return "a map"
    if isinstance(tree, list):
        return "a list"
    return "nothing" if tree is None else "text"


def write_apps(apps: Mapping[str, App]) -> str:
    """`apps` as YAML that `read_apps` reads back; each secret is a `${APP_DESTINATION_FIELD}`, never itself.

    Warnings stand above it as comments.
    """
    taken: set[str] = set()
    tree = {name: {"destinations": _destinations(app, taken)} for name, app in sorted(apps.items())}
    text = yaml.dump({"apps": tree}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return as_comments(warnings_of(dict(sorted(apps.items())))) + text


class _Dumper(yaml.SafeDumper):
    """Quotes doubly what is not printable: in single quotes PyYAML would turn U+0085, U+2028 and U+2029 into spaces."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write the same value out each time: aliases are not read."""
        return True


def _text_node(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text_node)


def _destinations(app: App, taken: set[str]) -> dict[str, Any]:
    return {name: written(destination, taken) for name, destination in sorted(app.destinations.items())}


def written(destination: Destination, taken: set[str]) -> dict[str, Any]:
    """A destination as the file has it; `taken` gathers the names of the variables that stand for secrets.

    Raises:
        InvalidSettings: where its stored settings cannot be read, so that an export never loses one silently.
    """
    if destination.settings is None:
        raise InvalidSettings([f"{path_of(destination)}.settings: {destination.problem}"])

    def placeholder(path: tuple[str, ...], _secret: SecretStr) -> _Written:
        name = variable((destination.app, destination.name, *path), taken)
        taken.add(name)
        return _Written(f"${{{name}}}")

    fields: dict[str, Any] = {
        "channel": destination.channel,
        "enabled": destination.enabled,
        "settings": _escaped(unfolded(destination.settings, placeholder)),
    }
    if destination.rate_limit != VENDOR:
        fields["rate_limit"] = destination.rate_limit
    if destination.on_ambiguous is not OnAmbiguous.RETRY:
        fields["on_ambiguous"] = destination.on_ambiguous.value
    return fields


def variable(path: Iterable[str], taken: set[str]) -> str:
    """A variable's name for the secret at `path`: `CHECKOUT_OPS_ROOM_TOKEN`, numbered where it is taken."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(path).upper()).strip("_")
    name = f"_{name}" if name[:1].isdigit() or not name else name
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(other for other in numbered if other not in taken)


class _Written(str):
    """Text that is to be written as it is."""

    __slots__ = ()


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, _Written):
        return str(value)
    return escaped(value) if isinstance(value, str) else value
