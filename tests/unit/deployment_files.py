"""Dockerfile, docker-compose.yml, .dockerignore and Procfile as values."""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: (name, the rest on one line)."""
    lines = [line for line in _text("Dockerfile").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def last_stage() -> dict[str, str]:
    """What holds in the image that is left: each instruction's last word since the last FROM."""
    stage: dict[str, str] = {}
    for name, rest in instructions():
        stage = {name: rest} if name == "FROM" else stage | {name: rest}
    return stage


def compose() -> dict[str, Any]:
    """The compose file, anchors and merges resolved, variables not."""
    return yaml.safe_load(_text("docker-compose.yml"))


def procfile() -> dict[str, str]:
    """The Procfile's commands by name, read as honcho and foreman read them."""
    return dict(re.findall(r"^([A-Za-z0-9_-]+):\s*(.+)$", _text("Procfile"), re.MULTILINE))


def commands() -> dict[str, list[str]]:
    """Every command line that these files start of ours, by where it stands."""
    stage = last_stage()
    entrypoint, default = json.loads(stage["ENTRYPOINT"]), json.loads(stage["CMD"])
    ours = {name: service for name, service in compose()["services"].items() if "build" in service}
    return {
        "Dockerfile": [*entrypoint, *default],
        **{f"compose {n}": [*s.get("entrypoint", entrypoint), *s.get("command", default)] for n, s in ours.items()},
        **{f"Procfile {name}": shlex.split(line) for name, line in procfile().items()},
    }


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets `path` through: the last pattern that fits it, or a folder above it, decides."""
    sent = True
    above = [str(PurePosixPath(path)), *(str(each) for each in PurePosixPath(path).parents)]
    for line in _text(".dockerignore").splitlines():
        pattern = line.removeprefix("!").strip()
        if pattern and not line.startswith("#") and any(_fits(each, pattern) for each in above):
            sent = line.startswith("!")
    return sent


def _fits(path: str, pattern: str) -> bool:
    return fnmatch(path, pattern) or (pattern.startswith("**/") and fnmatch(path, pattern.removeprefix("**/")))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
