"""The benchmark of pictures: that it runs what it says."""

from __future__ import annotations

import pytest

from benchmarks.pictures import measured

pytestmark = pytest.mark.slow


async def test_everything_is_measured(tmp_path):
    """Start, pace, size, what each kind of delivery pays, and the wait for a process that hangs."""
    rows = dict(await measured(1, tmp_path))
    assert len(rows) == 9
    assert all(rows.values())
