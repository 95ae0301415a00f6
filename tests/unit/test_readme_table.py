"""The table of settings in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from config.describe import COMMAND, document
from config.settings import PREFIX, SECRETS, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_what_the_code_says():
    """docs/settings.md cannot drift from config/settings.py."""
    assert PAGE.read_text(encoding="utf-8") == document(), f"out of date; renew it: {COMMAND}"


def test_every_setting_has_its_row_with_words():
    """Names as they are typed, once each, with a default and a description in one line."""
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.+) \|$", document(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [f"{PREFIX}{name}".upper() for name in Settings.model_fields]
    assert all(len(words) > 10 for _, _, words in rows)


def test_the_page_shows_defaults_as_they_are_typed():
    """Numbers, choices and folders in code font; what has no default says so."""
    page = document()
    assert "| `BELLHOP_BATCH` | `200` |" in page
    assert "| `BELLHOP_LOG_FORMAT` | `auto` |" in page
    assert "| `BELLHOP_STATE_DIR` | `.bellhop` |" in page
    assert "| `BELLHOP_MASTER_KEYS` | unset |" in page


def test_the_files_of_secrets_are_named():
    """Each secret's `_FILE` variable is on the page."""
    assert [name for name in SECRETS if f"`{PREFIX}{name.upper()}_FILE`" not in document()] == []
