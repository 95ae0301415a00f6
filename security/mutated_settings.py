"""Mutated settings files: YAML and JSON, damaged as text and as trees."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from security.mutator import as_json, mutated_bytes, mutated_value
from security.sampled import as_written
from worker.appsfile import read_apps, warnings_of, write_apps
from worker.channels import CHANNELS
from worker.errors import InvalidSettings

EXAMPLE: Final = Path(__file__).parents[1] / "config" / "apps.example.yaml"
ENVIRONMENT: Final[Mapping[str, str]] = {"HOME": "/home/somebody", "LONG": "x" * 70_000, "X": "x", "EMPTY": ""}
LONGEST_WORDS: Final = 2000

Input = bytes


@cache
def trees() -> tuple[Any, ...]:
    """A file for each way that a channel goes."""
    return tuple(
        {
            "apps": {
                "checkout": {
                    "destinations": {
                        "ops-room": {"channel": name, "enabled": True, "settings": raw, "rate_limit": "30/min"},
                        "off": {"channel": name, "settings": deepcopy(raw), "enabled": False, "on_ambiguous": "stop"},
                    }
                }
            }
        }
        for name, raw in as_written()
    )


@cache
def texts() -> tuple[bytes, ...]:
    """The same as YAML, and the example."""
    written = (yaml.safe_dump(tree, sort_keys=False).encode() for tree in trees())
    return (*written, EXAMPLE.read_bytes())


def make(random: Random) -> Input:
    """Half of them are damaged as text, half hold odd values."""
    if random.choice((True, False)):
        return mutated_bytes(random, random.choice(texts()), texts())
    tree = _damaged(random)
    if random.choice((True, False)):
        return as_json(tree)
    try:
        return yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=True).encode()
    except (yaml.YAMLError, UnicodeError, RecursionError):  # half a surrogate pair, for one
        return as_json(tree)


def _damaged(random: Random) -> Any:
    """Mostly in the settings of one destination: what is wrong around them hides what they would do."""
    tree = deepcopy(random.choice(trees()))
    if random.randrange(4) == 0:
        return mutated_value(random, tree, 0.01)
    destination = tree["apps"]["checkout"]["destinations"]["ops-room"]
    for _ in range(random.choice([1, 1, 2, 3])):
        part = random.choice(["settings", "settings", "settings", "rate_limit"])
        destination[part] = mutated_value(random, destination[part], 0.01)
    return tree


def run(given: Input) -> bool:
    """Whether it is a settings file; then it is one again when it is exported. Anything but that is a crash."""
    try:
        apps = read_apps(given, ENVIRONMENT)
        warnings_of(apps)
        write_apps(apps)
    except InvalidSettings as error:
        for problem in error.problems:
            if not problem or len(problem) > LONGEST_WORDS:
                raise AssertionError(f"a problem of {len(problem)} characters: {problem[:200]!r}") from None
        return False
    for app in apps.values():
        for destination in app.destinations.values():
            CHANNELS[destination.channel].limits(destination.settings)
            repr(destination)
    return True
