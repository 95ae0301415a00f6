"""What commands are given at the command line: files of any size and kind end in words."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from config.settings import settings
from worker.channels import CHANNELS
from worker.cli import app
from worker.commands.pairs import parsed_pairs
from worker.errors import InvalidSettings

HIPCHAT = CHANNELS["hipchat"]
GOOD = json.dumps({"app": "checkout", "title": "Disk full"})


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    """An empty folder, and no Redis that anything could be sent to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    yield
    settings.cache_clear()


def refused(*arguments, text=None):
    """What a command that was refused as it was written said."""
    result = CliRunner().invoke(app, arguments, input=text)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {1, 2}
    return result.output


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{nope", "line 3: each line must be a JSON object: event: is not JSON"),
        ("[1]", "line 3: each line must be a JSON object: event: must be a JSON object, not a list"),
        ("[" * 300_000, "line 3: each line must be a JSON object: event: has 300000 bytes"),
        ("[" * 200_000, "line 3: each line must be a JSON object: event: is not JSON"),
        ("\x1b[31m", "line 3: each line must be a JSON object: event: is not JSON"),
        ('{"app": "checkout", "title": "t", "x": ' + "[" * 50 + "]" * 50 + "}", "event 2: extra: must not be nested"),
    ],
)
def test_a_bad_line_is_named(line, words):
    """By its number, before anything is sent."""
    said = refused("send", "--file", "-", text=f"{GOOD}\n\n{line}\n{GOOD}\n")
    assert words in said
    assert said.replace("\n", "").isprintable()


def test_what_is_no_line_end_to_json_is_none_here():
    """U+2028 and its like may stand in a text as they are: what fails is the Redis that is not there."""
    events = f'{{"app": "checkout", "title": "a\u2028b\x85c"}}\n{GOOD}\n'
    result = CliRunner().invoke(app, ["send", "--file", "-"], input=events)
    assert result.exit_code == 3


@pytest.mark.parametrize("command", [("send", "--file"), ("apps", "apply")])
@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/mem", "."])
def test_a_file_that_is_none_ends_in_words(command, path):
    """An endless device, one that cannot be read, and a folder."""
    assert path in refused(*command, path) or path == "/dev/zero"


def test_a_secrets_file_has_a_bound(tmp_path):
    """`--set token=@FILE` reads no more than a setting may have, and shows none of it."""
    (tmp_path / "large").write_text("x" * 70_000)
    (tmp_path / "token").write_text("Canary5ecretTokenOfForty0Characters00000\n")
    assert parsed_pairs(["token=@token"], HIPCHAT) == {"token": "Canary5ecretTokenOfForty0Characters00000"}
    for file in ("large", "/dev/zero"):
        with pytest.raises(InvalidSettings, match="token: the file behind @ has more than 65536 characters"):
            parsed_pairs([f"token=@{file}"], HIPCHAT)
    (tmp_path / "bytes").write_bytes(os.urandom(100) + b"\xff")
    with pytest.raises(InvalidSettings, match="token: cannot read the file behind @: it is not text"):
        parsed_pairs(["token=@bytes"], HIPCHAT)
