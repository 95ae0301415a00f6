"""`--set key=value`: how settings are typed at the command line without leaving secrets in the shell's history."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import typer

from worker.channels.channel import Channel
from worker.commands.files import content
from worker.commands.output import warn
from worker.errors import InvalidSettings
from worker.settings_fields import secret_fields
from worker.strict_yaml import MAX_TEXT_CHARS


def parsed_pairs(given: Iterable[str], channel: Channel) -> dict[str, str]:
    """`["token=@file", "room=Ops"]` -> the settings' texts.

    Only of secret fields `@FILE` and `-` have a meaning of their own: a chat's channel may begin with an @.

    Raises:
        InvalidSettings: a pair without `=`, a key twice, a file that cannot be read.
    """
    secret = secret_fields(channel)
    pairs: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            # Without quoting it: it may be a secret whose key was forgotten.
            raise InvalidSettings(["--set: must be key=value"])
        if name in pairs:
            raise InvalidSettings([f"{name}: is set twice"])
        pairs[name] = _secret(name, value) if name.split(".")[0] in secret else value
    return pairs


def _secret(name: str, value: str) -> str:
    if value == "-":
        return _asked(name)
    if value.startswith("@") and not value.startswith("@@"):
        return _from_file(name, value[1:])
    warn(f"{name}: stays in your shell's history; --set {name}=@FILE or --set {name}=- keep it out")
    return value.removeprefix("@") if value.startswith("@@") else value


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(name, hide_input=True, err=True))
    return sys.stdin.readline(MAX_TEXT_CHARS + 1).rstrip("\r\n")


def _from_file(name: str, path: str) -> str:
    try:
        text = content(path, MAX_TEXT_CHARS).decode().strip()
        if len(text) > MAX_TEXT_CHARS:
            raise InvalidSettings([f"{name}: the file behind @ has more than {MAX_TEXT_CHARS} characters"])
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        # Without quoting it: it may be a secret that begins with an @.
        raise InvalidSettings([f"{name}: cannot read the file behind @: {reason}; @@ stands for @ itself"]) from None
    return text
