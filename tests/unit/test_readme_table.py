"""The README's table of settings says what the code says."""

from __future__ import annotations

from config.describe import README, described, rows
from config.settings import Settings


def test_the_table_is_as_the_code_is():
    """No setting is missing or described as it was once; `python -m config.describe` makes it anew."""
    readme = README.read_text("utf-8")
    assert readme == described(readme), "run `python -m config.describe`"


def test_every_setting_has_a_row_and_a_description():
    """Each setting has a name, a default and words of its own."""
    lines = list(rows())
    assert len(lines) == len(Settings.model_fields)
    assert all(len(line.split("|")[3].strip()) > 10 for line in lines)


def test_a_newcomer_reads_it_in_a_minute():
    """The README is at most 120 lines, and its first command stands within the first 25."""
    lines = README.read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert any(line.startswith("$ make demo") for line in lines[:25])
