"""The tables of settings say what the code says."""

from __future__ import annotations

from config.describe import ALL, IN_README, README, page_with_table, readme_with_table, rows
from config.settings import Settings


def test_the_tables_are_as_the_code_is():
    """No setting is missing or described as it was once; `python -m config.describe` makes both tables anew."""
    readme, page = README.read_text("utf-8"), ALL.read_text("utf-8")
    assert readme == readme_with_table(readme), "run `python -m config.describe`"
    assert page == page_with_table(page), "run `python -m config.describe`"


def test_every_setting_has_a_row_and_a_description():
    """Each setting has a name, a default and words of its own, and the README's are among them."""
    lines = list(rows(Settings.model_fields))
    assert len(lines) == len(Settings.model_fields)
    assert all(len(line.split("|")[3].strip()) > 10 for line in lines)
    assert len(list(rows(IN_README))) == len(IN_README)


def test_a_newcomer_reads_it_in_a_minute():
    """The README is at most 120 lines, and its first command stands within the first 25."""
    lines = README.read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert any(line.startswith("$ make demo") for line in lines[:25])
