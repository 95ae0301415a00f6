"""The figures of `make security` in their short form: each part at a small scale."""

from __future__ import annotations

import pytest

from security.parts import PARTS, measured
from security.report import line

pytestmark = pytest.mark.slow

SCALE = 0.01


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_security_figures_holds(name):
    """Nothing passes, leaks, crashes, hangs or fails."""
    rows = measured(name, SCALE, print)
    broken = [f"{line(row)}\n{row.note}" for row in rows if not row.holds]
    assert rows
    assert not broken, "\n".join(broken)
