"""The isolation measure's pure parts: its loads, what it counts, and what it makes of it."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from benchmarks import sink
from benchmarks.isolation import BURST_AT_S, NEIGHBOUR, WARM_S, Took, cases, slower, table, took_by_others
from benchmarks.mixed import Due, Stream, schedule, took_ms
from benchmarks.ratios import middle, ratio, times
from benchmarks.sink import Connection, Tally
from benchmarks.table import Options

POST = b"POST %s HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"


class Transport:
    """Remembers what a connection answers."""

    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += data


def connected():
    """A sink's connection, what it counts in, and what it answers to."""
    tally, transport = Tally(), Transport()
    connection = Connection(tally)
    connection.connection_made(transport)
    return connection, tally, transport


def a_round(calm=20.0, hanging=25.0, alone=10.0, greedy=15.0, burst=900.0):
    """One round with these p95, in milliseconds."""
    return [Took(p95 / 2, p95, 0) for p95 in (calm, hanging, alone, greedy, burst)]


@given(st.floats(1, 500), st.floats(0.1, 20), st.integers(1, 7))
def test_schedule_is_even_and_apps_take_turns(per_s, seconds, apps):
    """A stream sends its rate times the time, evenly from the beginning, and no app twice before every other."""
    names = tuple(f"a{number}" for number in range(apps))
    due = schedule([Stream("one", names, per_s, 0)], seconds)
    assert len(due) == round(per_s * seconds)
    assert all(one.at_s == pytest.approx(place / per_s) for place, one in enumerate(due))
    assert [one.app for one in due] == [names[place % apps] for place in range(len(due))]


def test_schedule_mixes_streams_by_time():
    """Two streams are sent as one, in the order of time, told apart by their numbers."""
    due = schedule([Stream("a", ("a",), 2, 0), Stream("b", ("b",), 4, 100)], 1)
    assert [one.number for one in due] == [0, 100, 101, 1, 102, 103]


def test_loads_are_what_the_targets_speak_of():
    """One destination in 20 hangs, one app sends 100 times what each other does, beside the same others."""
    calm, hanging, alone, greedy, burst = cases(Options(1))
    assert len(hanging.others.apps) == 19 * len(hanging.neighbours.apps)
    assert hanging.others.per_s == 19 * hanging.neighbours.per_s
    assert hanging.seconds > sink.HANG_S
    assert greedy.neighbours.per_s == 100 * greedy.others.per_s / len(greedy.others.apps)
    assert calm.others == hanging.others
    assert alone.others == greedy.others == burst.others
    assert (calm.hang, hanging.hang, alone.burst, burst.burst) == (False, True, 0, 5000)


def test_short_runs_still_count_something():
    """However small the scale, some of the others' events are due after the warm-up and after the burst."""
    for case in cases(Options(1, 0.01)):
        due = schedule(case.streams, case.seconds)
        assert any(one.at_s >= max(WARM_S, BURST_AT_S) and one.number < NEIGHBOUR for one in due)


def test_only_the_others_count_and_only_once_warm():
    """The neighbour's events and those of the warm-up are left out; one that never came is without end, and lost."""
    due = [Due(0.0, 0, "a"), Due(3.0, 1, "a"), Due(4.0, 2, "a"), Due(3.5, NEIGHBOUR, "n")]
    sent = {0: 100.0, 1: 103.0, 2: 104.0, NEIGHBOUR: 103.5}
    arrived = {0: 109.0, 1: 103.01, NEIGHBOUR: 203.5}
    took = took_by_others(due, sent, arrived, WARM_S)
    assert took.p50 == pytest.approx(10.0)
    assert math.isinf(took.p95)
    assert took.lost == 1
    assert took_ms(sent, arrived, [0]) == [pytest.approx(9000.0)]


def test_ratios_are_taken_within_each_round():
    """A slow moment of the machine slows both sides of a round, and cancels out."""
    rounds = [a_round(), a_round(calm=200.0, hanging=250.0), a_round()]
    hanging, calm = [each[1] for each in rounds], [each[0] for each in rounds]
    assert slower(hanging, calm) == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (a_round(hanging=30.0, greedy=20.0), [True, True]),
        (a_round(hanging=30.1, greedy=20.1), [False, False]),
        (a_round(hanging=math.inf, greedy=math.inf), [False, False]),
    ],
)
def test_verdicts(one, holds):
    """Each target holds up to its bound and no further, and never where events did not arrive."""
    found = table(cases(Options(1)), [one])
    assert [target.holds for target in found.targets] == holds
    assert len(found.targets) == 2


def test_table_has_every_load_and_the_burst_has_no_target():
    """There is a row for each load, a ratio for the three with a neighbour, losses of all rounds, and a plot."""
    lossy = [*a_round()[:4], Took(1.0, 900.0, 3)]
    found = table(cases(Options(1)), [a_round(), lossy])
    assert [row[1] for row in found.rows] == ["400", "400", "100", "600", "100"]
    assert [row[4] for row in found.rows] == ["", "1.25 x", "", "1.50 x", "90.00 x"]
    assert found.lost == 3
    figure = Figure()
    found.plot(figure)
    assert figure.axes


def test_sink_keeps_waiting_what_is_below_hang():
    """A request below /hang/ is counted apart and answered late, and other connections are answered meanwhile."""

    async def post() -> None:
        hanging, tally, waits = connected()
        other = Connection(tally)
        other.connection_made(answered := Transport())
        hanging.data_received(POST % b"/hang/v2/room/a/notification")
        other.data_received(POST % b"/v2/room/a/notification")
        assert waits.written == b""
        assert answered.written.startswith(b"HTTP/1.1 204 ")
        assert (tally.hung, tally.count) == (1, 1)

    asyncio.run(post())


def test_sink_refuses_until_it_is_reset():
    """After /refuse every POST is counted and told to come back; /reset ends that."""
    connection, tally, transport = connected()
    connection.data_received(b"GET /refuse HTTP/1.1\r\n\r\n")
    transport.written = b""
    connection.data_received(POST % b"/v2/room/a/notification")
    assert transport.written.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 3000" in transport.written
    assert tally.count == 1
    connection.data_received(b"GET /reset HTTP/1.1\r\n\r\n")
    transport.written = b""
    connection.data_received(POST % b"/v2/room/a/notification")
    assert transport.written.startswith(b"HTTP/1.1 204 ")


def test_what_is_no_number_stays_none():
    """A ratio to nothing, and a median with such a value in it, are no numbers rather than good ones."""
    assert math.isnan(ratio(1.0, 0.0))
    assert math.isnan(middle([1.0, math.nan, 2.0]))
    assert math.isnan(middle([]))
    assert times(1.256) == "1.26 x"
