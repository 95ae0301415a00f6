"""The picture itself: a real PNG with line, threshold and trigger in it, whatever the event holds."""

from __future__ import annotations

import math
import os
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pictures.conftest import NOW, seen

from worker import demo
from worker.channels.colours import colour_of
from worker.events import parse_event
from worker.models import Severity, Status
from worker.pictures.chart import Chart
from worker.pictures.charts import chart_of
from worker.pictures.drawing import LINE, THRESHOLD, NothingToDraw, draw
from worker.pictures.renderer import PNG_BYTES

SIZE = (1280, 640)
DOCS = Path(__file__).parents[2] / "docs" / "images" / "metric.png"


def rgb(colour: str) -> tuple[int, ...]:
    """`#d9480f` as three numbers."""
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def pixels(png: bytes, colour: str) -> int:
    """How many pixels have this colour, or nearly so: the palette moves it a little."""
    image, wanted = seen(png), rgb(colour)
    near = lambda shade: all(abs(a - b) <= 12 for a, b in zip(shade, wanted, strict=True))  # noqa: E731 - one line
    return sum(count for count, shade in image.getcolors(SIZE[0] * SIZE[1]) if near(shade))


def test_a_picture_has_line_threshold_and_trigger(make_event):
    """1280 x 640 pixels on white, and each thing in its colour; without a threshold there is none."""
    event = make_event()
    png = draw(chart_of(event))
    assert seen(png).size == SIZE
    assert pixels(png, "#ffffff") > 0.8 * SIZE[0] * SIZE[1]
    for colour in (LINE, THRESHOLD, colour_of(event)):
        assert pixels(png, colour) > 500, colour
    bare = draw(chart_of(make_event({"threshold": None})))
    assert pixels(bare, THRESHOLD) == 0


def test_a_picture_is_small_and_always_the_same(make_event):
    """A mail takes it along without growing by much, and two attempts send the same."""
    chart = chart_of(make_event())
    assert draw(chart) == draw(chart)
    assert len(draw(chart)) < 40_000


def test_the_trigger_has_the_severitys_colour(make_event):
    """Each severity has its own, and back to normal another."""
    colours = set()
    for status, severity in product(Status, Severity):
        event = make_event(status=status, severity=severity)
        colours.add(colour_of(event))
        assert pixels(draw(chart_of(event)), colour_of(event)) > 300
    assert len(colours) == 5


def test_dollars_are_no_formulas(make_event):
    r"""What matplotlib would read as mathematics is drawn as it stands, also where it would not be valid."""
    for words in ("$\\frac{1}{0}$", "$\\undefined{$", "100$ and 200$", "$" * 50, "\\$x^2$"):
        metric = {"name": words, "unit": words[:8], "aggregation": words, "comparator": words}
        assert seen(draw(chart_of(make_event(metric, title=words)))).size == SIZE


@pytest.mark.parametrize(
    "points",
    [
        ((NOW, 1.0),),
        ((NOW, 1.0),) * 100,
        ((NOW - 60, 5.0), (NOW, 5.0)),
        ((NOW - 60, 0.0), (NOW, 0.0)),
        ((NOW - 60, -1e300), (NOW, 1e300)),
        ((NOW - 60, math.inf), (NOW - 30, 1.0), (NOW, math.nan)),
        ((NOW, 2.0), (NOW - 60, 1.0), (NOW - 30, 3.0)),
        ((NOW - 60, 5e-324), (NOW, 1e-310)),
        ((NOW - 60, 12_345_678.0), (NOW, 12_345_678.000001)),
        tuple((NOW - number, float(number % 17)) for number in range(10_000)),
        ((NOW - 399 * 86_400, 1.0), (NOW, 2.0)),
        ((NOW - 1e-6, 1.0), (NOW, 2.0)),
    ],
    ids=str,
)
def test_hostile_points_make_a_picture(make_event, points):
    """One point, equal ones, huge, tiny, unsorted, no numbers, ten thousand: still a picture."""
    for metric in ({}, {"threshold": None, "value": None, "window_s": 0.0}, {"threshold": 1e300, "value": -1e300}):
        png = draw(chart_of(make_event({"points": points} | metric)))
        assert seen(png).size == SIZE
        assert len(png) <= PNG_BYTES


def test_without_a_point_that_can_be_drawn_there_is_no_picture(make_event):
    """It says so, instead of drawing an empty one."""
    for points in ((), ((NOW, math.nan),), ((1.0, 1.0),), ((NOW * 1000, 1.0),)):
        with pytest.raises(NothingToDraw):
            draw(chart_of(make_event({"points": points})))


FLOATS = st.floats() | st.floats(NOW - 7200, NOW + 60) | st.floats(-100, 100)
TEXTS = st.text(max_size=40) | st.sampled_from(
    ["$\\frac$", "x" * 2000, "漢字🔥 שלום", "\x00\n\x1b[31m", "", "\u202e", "\ud7ff"]
)
CHARTS = st.builds(
    Chart,
    title=TEXTS,
    subtitle=TEXTS,
    colour=st.sampled_from(["#c53030", "#2f855a"]),
    at=FLOATS,
    mark=TEXTS,
    points=st.lists(st.tuples(FLOATS | st.floats(NOW - 7200, NOW), FLOATS), max_size=30).map(tuple),
    unit=TEXTS,
    threshold=st.none() | FLOATS,
    beyond=st.sampled_from([-1, 0, 1]),
    value=st.none() | FLOATS,
    window_s=st.none() | FLOATS,
)


@pytest.mark.filterwarnings("ignore:Glyph")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(chart=CHARTS)
@example(chart=Chart("", "", "#c53030", NOW, "", ((NOW, 0.0),), threshold=5e-324, value=-5e-324, window_s=5e-324))
@example(chart=Chart("", "", "#c53030", 0.0, "", ((0.0, 1.0),), window_s=1e9))
@example(chart=Chart("", "", "#c53030", 1e300, "", ((2.5e11, 1.0),)))
def test_no_chart_is_too_strange_to_draw(chart):
    """Whatever it holds, it becomes a picture within its bounds, or it is said that there is nothing to draw."""
    try:
        png = draw(chart)
    except NothingToDraw:
        return
    assert seen(png).size == SIZE
    assert len(png) <= PNG_BYTES


def test_an_event_of_words_without_end_makes_a_small_chart(make_event):
    """What is said is cut before it travels."""
    metric = {"name": "n" * 256, "unit": "u" * 256, "aggregation": "a" * 256, "comparator": "c" * 256}
    chart = replace(chart_of(make_event(metric, title="t" * 1024)), points=())
    assert len(chart.title) <= 200
    assert len(chart.subtitle) <= 300


def test_the_chart_says_what_the_event_does(make_event):
    """Title, rule in people's units, when it was, and the side of the threshold where the trouble is."""
    chart = chart_of(make_event())
    assert chart.title == "[CRITICAL] Memory used by Apache is above 1 GiB"
    assert chart.subtitle == "avg(used) > 1.07 GB for 300 s · now 1.46 GB · app shop"
    assert chart.mark == "triggered 14:05:00 UTC"
    assert chart.beyond == 1
    resolved = chart_of(make_event(status=Status.RESOLVED))
    assert (resolved.mark, resolved.title[:10]) == ("resolved 14:05:00 UTC", "[RESOLVED]")


@pytest.mark.parametrize(
    ("comparator", "side"),
    [(">", 1), (">=", 1), ("MORE_OR_EQUAL", 1), ("<", -1), ("LESS", -1), ("=", 0), ("", 0), ("UN_EQUAL", 0)],
)
def test_a_comparator_tells_the_side(make_event, comparator, side):
    """Signs and Sematext's words alike."""
    assert chart_of(make_event({"comparator": comparator})).beyond == side


def test_the_picture_in_the_docs_is_small():
    """The demo's first alert, as docs/pictures.md shows it; BELLHOP_SCREENSHOTS=1 draws it anew."""
    alert = demo.firing(NOW, "docs")[0]
    png = draw(chart_of(parse_event(alert, default_id="1", received_at=NOW, max_bytes=100_000)))
    if os.environ.get("BELLHOP_SCREENSHOTS"):
        DOCS.write_bytes(png)
    assert seen(DOCS.read_bytes()).size == SIZE
    assert len(png) < 40_000
