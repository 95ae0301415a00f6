"""The points that are left of what a producer sent, and the axes that hold them."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from worker.pictures.series import DAY_S, cleaned, frame_of, moment, number, thinned, window_of

NOW = 1_795_442_700.0
ANY = st.floats(allow_nan=True, allow_infinity=True)
TIMES = ANY | st.floats(NOW - 3600, NOW)
POINTS = st.lists(st.tuples(TIMES, ANY), max_size=60)


def test_points_are_sorted_and_those_that_are_none_are_left_out():
    """NaN, infinity and times far from the trigger go; points of one second stay in their order."""
    points = [(NOW, 3.0), (NOW - 60, 1.0), (NOW - 60, 2.0), (NOW, math.nan), (math.inf, 1.0), (NOW * 1000, 1.0), (0, 9)]
    assert cleaned(points, NOW) == [(NOW - 60, 1.0), (NOW - 60, 2.0), (NOW, 3.0)]


def test_a_long_series_keeps_its_peaks():
    """Of 10,000 points on 640 columns the lowest and the highest are still there, in order."""
    points = [(NOW + second, math.sin(second / 7)) for second in range(10_000)]
    points[4321], points[8765] = (NOW + 4321, 99.0), (NOW + 8765, -99.0)
    kept = thinned(points, 640)
    assert len(kept) <= 4 * 641
    assert kept == sorted(kept)
    assert {points[0], points[-1], points[4321], points[8765]} <= set(kept)


def test_a_short_series_is_left_alone():
    """Nothing is lost where there is room."""
    points = [(NOW, 1.0), (NOW + 1, 2.0)]
    assert thinned(points, 640) is points


def test_the_window_begins_where_there_are_points():
    """A window is shaded as far as something was measured in it."""
    assert window_of(300.0, NOW, NOW - 3600) == NOW - 300
    assert window_of(7200.0, NOW, NOW - 3600) == NOW - 3600
    assert window_of(300.0, NOW, NOW) is None
    assert [window_of(window, NOW, NOW - 60) for window in (None, 0.0, -1.0, math.nan)] == [None] * 4


def test_values_that_go_down_far_are_shown_from_zero_on():
    """A share of the whole is seen as one; what is high all the time is not pressed flat."""
    assert frame_of([(NOW - 60, 1.0), (NOW, 10.0)], NOW, None, ()).bottom == 0
    assert frame_of([(NOW - 60, 90.0), (NOW, 100.0)], NOW, None, ()).bottom > 80


@given(points=POINTS, at=ANY, window_s=st.none() | ANY, marks=st.lists(st.none() | ANY, max_size=2))
def test_axes_hold_whatever_there_is(points, at, window_s, marks):
    """Any points, any trigger: finite axes of some length, with all points, the trigger and every mark on them."""
    at = moment(at)
    kept = thinned(cleaned(points, at), 640)
    if not kept:
        return
    marks = [number(mark) for mark in marks]
    frame = frame_of(kept, at, window_of(window_s, at, kept[0][0]), marks)
    assert all(map(math.isfinite, (frame.left, frame.right, frame.bottom, frame.top, frame.top - frame.bottom)))
    assert frame.right - frame.left >= 5
    assert frame.bottom < frame.top
    assert frame.left <= min(at, kept[0][0])
    assert max(at, kept[-1][0]) < frame.right < at + 420 * DAY_S
    assert all(frame.bottom <= value <= frame.top for _, value in kept)
    assert all(frame.bottom <= mark <= frame.top for mark in marks if mark is not None)
