"""`python -m security` and what the parts share."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import security
from security import __main__ as runner
from security.parts import PARTS, rows_of
from security.report import as_json, line, show
from security.row import Row
from security.uses import commands, uncovered
from worker.cli import app

HOLDS, FAILS = (
    Row("doors", "all shut", "3 of 3", holds=True),
    Row("windows", "all shut", "1 of 2", holds=False, note="the blue one"),
)


def test_the_table_shows_every_row_and_what_does_not_hold(capsys):
    """What was tried, what must come of it, what did; notes below."""
    show([HOLDS, FAILS])
    said = capsys.readouterr().out
    assert all(word in said for word in ("doors", "all shut", "3 of 3", "yes", "windows", "1 of 2", "NO"))
    assert "windows: the blue one" in said
    assert "1 of 2 rows hold" in said
    assert line(FAILS) == "windows: DOES NOT HOLD: 1 of 2"
    assert as_json([FAILS]) == [
        {"what": "windows", "aim": "all shut", "measured": "1 of 2", "holds": False, "note": "the blue one"}
    ]


def test_parts_are_listed_and_chosen_by_name():
    """`--list` says which there are; an unknown one is a usage error."""
    command = typer.Typer()
    command.command()(runner.main)
    listed = CliRunner().invoke(command, ["--list"])
    assert listed.exit_code == 0
    assert "canaries" in listed.stdout
    assert CliRunner().invoke(command, ["--only", "nothing"]).exit_code == 2


def test_a_part_that_cannot_be_measured_does_not_hold():
    """One that is broken says so in its row, and the others go on."""

    def broken(scale, say):
        raise RuntimeError("no Redis")

    assert rows_of("doors", broken, 1, print) == [Row("doors", "is measured", "RuntimeError: no Redis", holds=False)]


def test_every_part_has_a_name_and_a_purpose():
    """A part that is missing fails the run, and is not left out in silence."""
    modules = {
        each.stem for each in Path(security.__file__).parent.glob("*.py") if "\ndef measure(" in each.read_text()
    }
    assert set(PARTS) == modules
    assert all(PARTS.values())


def test_every_command_is_used_in_the_search_for_canaries():
    """A new command is used in security/uses.py, or `make security` does not hold."""
    assert uncovered() == []
    assert ("destinations", "test") in commands()
    assert commands()["apps", "export"], "knows --json"


def test_a_new_command_is_found_missing():
    """Whatever group it is in."""
    grown, group = typer.Typer(), typer.Typer()
    group.command("list")(lambda: None)
    group.command("reveal")(lambda: None)
    grown.add_typer(group, name="apps")
    grown.command("status")(lambda: None)
    assert uncovered(grown) == ["apps reveal"]


@pytest.mark.parametrize("of", [app])
def test_no_traceback_shows_local_variables(of):
    """These are where secrets are."""
    assert of.pretty_exceptions_show_locals is False
