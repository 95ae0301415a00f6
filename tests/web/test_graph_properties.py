"""What holds of any event graph: bars, lines, marks and words, whatever is on record."""

from __future__ import annotations

import math
from itertools import pairwise

import orjson
from fakes.history import DELIVERED, NOW, found, history_of
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.models import Severity, Status
from worker.web.graph import POINTS, ROWS, SLOTS, Asked, look
from worker.web.graph_json import graph_json
from worker.web.graph_lines import GAP, broken
from worker.web.graph_words import summary
from worker.web.spans import Span

NOW_MS = round(NOW * 1000)
OFFSETS = st.integers(0, 7200).map(lambda n: NOW + n / 2)
VALUES = st.one_of(st.floats(allow_nan=True), st.floats(-1e6, 1e6), st.integers(-100, 100))
POINT_LISTS = st.lists(st.tuples(OFFSETS, VALUES).map(list), max_size=30)
NAMES = st.sampled_from(["used", "__proto__", "constructor", "<b>x</b>", "W" * 200])
METRICS = st.fixed_dictionaries(
    {"name": NAMES, "points": POINT_LISTS},
    optional={
        "unit": st.sampled_from(["bytes", "%", "</script>"]),
        "threshold": st.floats(-1e6, 1e6),
        "value": st.floats(-1e6, 1e6),
        "comparator": st.sampled_from([">", "<", "=="]),
    },
)
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "at": OFFSETS,
            "severity": st.sampled_from([each.value for each in Severity]),
            "status": st.sampled_from([each.value for each in Status]),
            "title": st.sampled_from(["disk full", "disk slow", "<img src=x onerror=alert(1)>", "__proto__"]),
        },
        optional={"metric": METRICS},
    ),
    max_size=70,
)
ENDS = st.integers(0, 3_700_000).map(lambda n: NOW_MS + n)
WORDS = st.sampled_from(["", "disk", "full", "nothing"])


def graph_of(events, since, until, **filters):
    """What is shown of these within the span."""
    made = [
        found(id=f"e{n}", standings=[DELIVERED], **{name: finite(value) for name, value in event.items()})
        for n, event in enumerate(events)
    ]
    return look(history_of(*made), "checkout", Asked(Span(since, until), **filters))


def finite(value):
    """Points as intake lets them through: it refuses those that are no numbers."""
    if not isinstance(value, dict):
        return value
    return value | {"points": [point for point in value["points"] if abs(point[1]) < 1e299]}


@given(EVENTS, ENDS, ENDS, WORDS, st.sampled_from(["", "critical"]), st.sampled_from(["", "firing"]))
def test_bars_and_rows_are_of_the_same_events(events, one, other, text, severity, status):
    """The bars count what the table lists, and what is older; each slot lies in the span, and they join."""
    since, until = min(one, other), max(one, other) + 1
    graph = graph_of(events, since, until, text=text, severity=severity, status=status)
    total = sum(slot.total for slot in graph.slots)
    assert total == len(graph.rows) if not graph.more else total > len(graph.rows) == ROWS
    assert all(since <= round(row.at * 1000) <= until for row in graph.rows), "both ends are within the span"
    assert len(graph.slots) <= SLOTS
    ends = [slot.at + slot.width_s for slot in graph.slots]
    assert [slot.at for slot in graph.slots[1:]] == ends[:-1]
    assert graph.slots[0].at * 1000 <= since <= until < ends[-1] * 1000 + 1
    counted = sum(sum(bar["counts"]) for bar in graph_json("checkout", graph)["slots"]["bars"])
    assert counted == total, "every kind has its bars"


@given(EVENTS, ENDS)
def test_the_answer_is_json_that_a_browser_can_draw(events, until):
    """Times are whole milliseconds in order, values finite or a gap, and no name is a key."""
    graph = graph_of(events, NOW_MS, until + 1)
    told = orjson.loads(orjson.dumps(graph_json("checkout", graph)))
    for metric in told["metrics"]:
        assert len(metric["times_ms"]) == len(metric["values"])
        assert metric["times_ms"] == sorted(metric["times_ms"])
        assert metric["factor"] > 0
        assert all(value is None or math.isfinite(value) for value in metric["values"])
        assert all(NOW_MS <= marker["at_ms"] <= until + 1 for marker in metric["markers"])
    assert {metric["name"] for metric in told["metrics"]} <= set(told["metric_names"])
    assert all(sentence.endswith(".") for sentence in summary(graph))


@settings(max_examples=20)
@given(st.integers(POINTS, 20_000), st.integers(0, 2**32), st.sampled_from([1.0, 0.1]))
def test_many_points_keep_their_outline(count, seed, step):
    """However many there are, about two thousand go to the browser, and among them the lowest and the highest."""
    values = [math.sin(n / 50) * 100 + (n * 7919 + seed) % 13 for n in range(count)]
    values[seed % count], values[(seed * 31) % count] = 5000.0, -5000.0
    points = [[NOW + n * step, value] for n, value in enumerate(values)]
    half = count // 2
    events = [
        {
            "at": NOW + n,
            "severity": "info",
            "status": "firing",
            "title": "x",
            "metric": {"name": "load", "points": part},
        }
        for n, part in enumerate(points[i : i + 5000] for i in range(0, count, 5000))
    ]
    (metric,) = graph_of(events, NOW_MS, NOW_MS + 20_000_000).metrics
    assert len(metric.points) <= POINTS + 2
    assert {min(values), max(values)} <= {value for _, value in metric.points}
    assert [at for at, _ in metric.points] == sorted(at for at, _ in metric.points)
    first = [value for at, value in metric.points if at < NOW + half * step]
    assert len(first) > POINTS / 8, "from all of the span"


@given(
    st.lists(st.tuples(st.integers(0, 10**7).map(lambda n: n / 1000), st.floats(-1e9, 1e9)), unique_by=lambda p: p[0])
)
def test_a_line_is_broken_where_nothing_was_measured(points):
    """Every point stays as it is; a gap comes only between two, and only where their distance is unusual."""
    points.sort()
    times, values = broken(points)
    kept = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    assert kept == [(round(at * 1000), value) for at, value in points]
    assert times == sorted(times)
    steps = [b[0] - a[0] for a, b in pairwise(kept)]
    gaps = values.count(None)
    assert gaps <= len(steps) / 2, "the usual is what most of them are"
    assert values[:1] != [None] != values[-1:]


def test_a_gap_between_two_alerts():
    """The points of two alerts, two hours apart, are two lines."""
    minutes = [*range(10), *range(130, 140)]
    times, values = broken([(60.0 * minute, 1.0) for minute in minutes])
    assert values.count(None) == 1
    assert values[10] is None
    assert 540_000 < times[10] < 130 * 60_000
    assert times[11] - times[9] > GAP * 60_000
