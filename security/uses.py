"""Every command of `bellhop`, plain and with `--json`: how each is used here, and which is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import typer
from typer.main import get_command

from security.scenes import Apps
from worker.cli import app

Words = tuple[str, ...]
JSON: Final = "--json"


@dataclass(frozen=True, slots=True)
class Known:
    """What commands can be asked about: the apps that are applied, an event, and files of the tester's."""

    apps: Apps
    event: str
    applied: str
    changed: str
    password: str
    """A file with the password of a user of the console."""
    short: bool


LASTING: Final[Mapping[Words, Words]] = {
    ("up",): ("--flower-port", "0"),
    ("worker",): (),
    ("web",): ("--port", "0"),
    ("sandbox",): ("--port", "0", "--smtp-port", "0", "--nsca-port", "0"),
    ("deliveries", "watch"): (),
}
"""Those that go on until they are ended; `up` runs all the while."""
LONG: Final = frozenset({("demo",), ("worker",)})
"""Those that start everything by themselves: at full size only."""


def uses(known: Known) -> dict[Words, list[Words]]:
    """By command the arguments that it is called with, but for `--json`."""
    typed = ("ann", "--password-file", known.password)
    event, good, parroted = known.event, list(known.apps["good"]), list(known.apps["parroted"])
    shown = parroted[:3] if known.short else parroted
    return {
        ("apps", "apply"): [(known.applied, "--dry-run"), (known.changed, "--dry-run")],
        ("apps", "diff"): [(known.changed,)],
        ("apps", "export"): [()],
        ("apps", "list"): [()],
        ("destinations", "list"): [()],
        ("destinations", "show"): [(app, name) for app in ("parroted", "tampered") for name in shown],
        ("destinations", "disable"): [("good", name) for name in good[:1]],
        ("destinations", "enable"): [("good", name) for name in good[:1]],
        ("destinations", "test"): [(app, name) for app in ("good", "parroted") for name in shown],
        ("deliveries", "list"): [("--limit", "10000"), ("--state", "failed")],
        ("deliveries", "show"): [(event,), ("parroted-0",), ("tampered-0",)],
        ("explain",): [(event,), ("parroted-0",), ("bad-0",)],
        ("send",): [("--app", "good", "--title", "By hand", "--wait", "2"), ("--app", "nobody", "--title", "x")],
        ("replay",): [("--dry-run",), ("--app", "parroted")],
        ("status",): [()],
        ("doctor",): [()],
        ("keys", "generate"): [()],
        ("keys", "list"): [()],
        ("keys", "rotate"): [()],
        ("keys", "forget"): [("0123456789ab",)],
        ("users", "add"): [(*typed, "--app", "good")],
        ("users", "password"): [typed],
        ("users", "list"): [()],
        ("users", "revoke"): [("ann", "--app", "good")],
        ("users", "remove"): [("ann",)],
        ("tokens", "add"): [("ci", "--app", "good")],
        ("tokens", "list"): [()],
        ("tokens", "revoke"): [("ci",)],
        ("audit",): [(), ("--app", "good")],
        ("demo",): [("--once",)],
    }


def commands(typer_app: typer.Typer = app) -> dict[Words, bool]:
    """Every command there is, and whether it knows `--json`."""
    return dict(_commands(get_command(typer_app), ()))


def _commands(command: Any, words: Words) -> Iterator[tuple[Words, bool]]:
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(inner, (*words, name))
    if not hasattr(command, "commands"):
        yield words, any(JSON in option.opts for option in command.params)


def uncovered(typer_app: typer.Typer = app) -> list[str]:
    """The commands that nothing here calls."""
    nothing: Apps = {name: {} for name in ("good", "parroted")}
    called = {*uses(Known(nothing, "", "", "", "", short=False)), *LASTING}
    return [" ".join(words) for words in commands(typer_app) if words not in called]


def calls(known: Known) -> Iterator[Words]:
    """Every call, each command's plain ones and those with `--json`."""
    there = commands()
    for words, each in uses(known).items():
        if words not in there or (known.short and words in LONG):
            continue
        for arguments in each:
            yield (*words, *arguments)
            if there[words]:
                yield (*words, *arguments, JSON)


def lasting(known: Known) -> Iterator[Words]:
    """Those that go on until they are ended."""
    there = commands()
    for words, arguments in LASTING.items():
        if words == ("up",) or words not in there or (known.short and words in LONG):
            continue
        yield (*words, *arguments)
        if there[words]:
            yield (*words, *arguments, JSON)
