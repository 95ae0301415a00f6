"""What the pages for people show is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SHOWN = re.compile(r"!\[[^\]]*\]\((?!https?:)([^)#\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_that_a_page_shows_is_there(page):
    """A picture that was renamed or left out would be a broken one, which no other test sees."""
    shown = SHOWN.findall(page.read_text(encoding="utf-8"))
    assert [name for name in shown if not (page.parent / name).is_file()] == []
