"""Numbers in people's units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pictures.numbers import scale_for, symbol_of, with_unit

ANY = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1_073_741_824, "bytes", "1.07 GB"),
        (1_464_274_175.5, "bytes", "1.46 GB"),
        (999, "bytes", "999 B"),
        (1e9, "bytes/s", "1 GB/s"),
        (1843, "events", "1843 events"),
        (18_430, "events", "18.4 k events"),
        (-2_500_000, "", "-2.5 M"),
        (97.26, "percent", "97.3 %"),
        (0.00025, "seconds", "250 µs"),
        (0.25, "s", "250 ms"),
        (3600, "s", "3600 s"),
        (86_400, "s", "86,400 s"),
        (0, "bytes", "0 B"),
        (0.0001234, "", "0.000123"),
        (1.5e-7, "", "1.5e-07"),
        (1e300, "bytes", "1e+276 YB"),
        (4.0, "load", "4 load"),
        (100.0, "", "100"),
    ],
)
def test_numbers_are_said_as_people_say_them(value, unit, said):
    """Three digits and the unit's prefix: 1.07 GB, not 1073741824 bytes."""
    assert with_unit(value, unit) == said


def test_ticks_have_one_prefix_and_as_many_decimals_as_they_need():
    """Labels of one axis differ where their values do, and zero is just that."""
    scale = scale_for(1.6e9, "bytes")
    assert [scale.label(value, 4e8) for value in (0.0, 4e8, 8e8, 1.6e9)] == ["0 GB", "0.4 GB", "0.8 GB", "1.6 GB"]
    fine = scale_for(1.0002, "")
    assert [fine.label(value, 0.0001) for value in (1.0001, 1.0002)] == ["1.0001", "1.0002"]


def test_a_long_unit_is_cut():
    """There is no room for more than a word."""
    assert symbol_of("x" * 300) == "x" * 11 + "…"


@given(value=ANY, step=ANY, unit=st.text(max_size=20))
def test_no_number_is_too_strange(value, step, unit):
    """Whatever a metric measures, it has a label of some letters."""
    assert 0 < len(with_unit(value, unit)) < 60
    assert 0 < len(scale_for(value, unit).label(value, step)) < 60
