"""What commands print: words of producers and vendors among it, none of which a terminal obeys."""

from __future__ import annotations

import json

import pytest
import typer
from rich.text import Text

from security.hostile_json import ESCAPES
from worker.commands.output import fail, print_json, print_line, print_table, warn


def _fail(text):
    with pytest.raises(typer.Exit):
        fail(text)


@pytest.mark.parametrize(
    "say",
    [
        print_line,
        warn,
        _fail,
        lambda text: print_table(["A"], [[text]]),
        lambda text: print_table(["A"], [[Text("x"), text]]),
    ],
)
def test_people_see_no_control_character_but_line_ends(capsys, say):
    """No escape sequence, no carriage return, no C1 control, no change of direction."""
    say(f"before {ESCAPES} after")
    printed = "".join(capsys.readouterr())
    assert "before" in printed
    assert "after" in printed
    assert printed.replace("\n", "").isprintable()


def test_a_line_stays_one_line(capsys):
    """A title of two lines cannot pass for a delivery of its own."""
    print_line("title\nother-app/e1 delivered")
    assert capsys.readouterr().out == "title other-app/e1 delivered\n"


def test_json_is_the_same_data_without_what_terminals_obey(capsys):
    """C1 controls and DEL, which JSON need not escape, are escaped; a script reads what was there."""
    print_json({"detail": ESCAPES + "\x7f"})
    printed = capsys.readouterr().out
    assert not set(printed) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}
    assert json.loads(printed) == {"detail": ESCAPES + "\x7f"}
