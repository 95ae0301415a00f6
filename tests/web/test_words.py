"""Times, durations and numbers as pages show them."""

from __future__ import annotations

import pytest

from worker.web.words import NONE, ago, ms, number, when

AT = 1_795_000_000.5


def test_a_time_is_shown_to_the_second_and_told_whole():
    """People read the text, programs the attribute."""
    assert when(AT) == '<time datetime="2026-11-18T11:06:40.500+00:00">2026-11-18 11:06:40</time>'
    assert when(None) == NONE


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7199, "1 hour ago"), (200_000, "2 days ago")],
)
def test_how_long_ago_is_said_in_words(seconds, said):
    """The greatest unit that is whole."""
    assert f">{said}<" in ago(AT, AT + seconds)
    assert ago(None, AT) == "never"


@pytest.mark.parametrize(("value", "said"), [(0, "0 ms"), (999, "999 ms"), (1234, "1.2 s"), (600_000, "10 min")])
def test_durations_have_their_unit(value, said):
    """As people would say it."""
    assert ms(value) == said
    assert ms(None) == NONE


def test_numbers_can_be_read():
    """With commas."""
    assert number(1_234_567) == "1,234,567"
