"""The benchmark's pure parts: what it counts, what it makes of it, and what it prints."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import (
    BARE,
    BELLHOP,
    PLAIN,
    Latency,
    Round,
    Throughput,
    latency,
    lost,
    percentile,
    summarised,
    targets,
)
from benchmarks.load import APPS, event, message, room_path, settings
from benchmarks.processes import Stat, parse_stat, tree_ticks
from benchmarks.report import as_json, closing, rows
from benchmarks.sink import Connection, Tally, content_length
from worker.channels.hipchat import CHANNEL
from worker.events import parse_event

SINK = "http://127.0.0.1:8080"
STAT = "4242 (celery (main) x) S 17 4242 4242 0 -1 4194560 900 80 1 0 300 20 7 3 20 0 9 0 1000 99 88 77 66\n"


class Transport:
    """Remembers what a connection answers."""

    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += data


def a_round(bellhop_us=150.0, bellhop_per_s=6000.0, missing=0, idle=None):
    """One round with figures that meet every target unless told otherwise."""
    return Round(
        (
            Throughput(BARE, 1000, 10_000.0, 90.0),
            Throughput(BELLHOP, 1000, bellhop_per_s, bellhop_us, missing),
            Throughput(PLAIN, 500, 600.0, 1600.0),
        ),
        idle or Latency(4.0, 6.0, 12.0),
    )


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_percentile_covers_its_share_and_no_smaller_value_does(values, share):
    """A percentile is one of the values, covers its share of them, and the next smaller value does not."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    smaller = [value for value in values if value < found]
    assert not smaller or sum(value <= max(smaller) for value in values) < share * len(values)


def test_percentiles_of_known_times():
    """Of 1 to 100 ms the p50, p95 and p99 are 50, 95 and 99 ms."""
    assert latency([float(n) for n in range(100, 0, -1)], 0) == Latency(50.0, 95.0, 99.0, 0)


def test_latency_of_nothing_is_no_number():
    """Where no event arrived there is no latency, and all of them are lost."""
    found = latency([], 200)
    assert math.isnan(found.p50)
    assert found.lost == 200


def test_stat_line_with_brackets_in_the_name():
    """A process' name may hold spaces and brackets; its parent and all four of its times are still found."""
    assert parse_stat(STAT) == Stat(4242, 17, 330)


def test_processor_time_is_that_of_the_whole_tree():
    """Children and grandchildren count, whatever their order; strangers and their children do not."""
    stats = [Stat(5, 3, 1000), Stat(3, 2, 100), Stat(2, 1, 10), Stat(9, 1, 7), Stat(1, 0, 5), Stat(4, 2, 1)]
    assert tree_ticks(2, stats) == 1111


def test_processor_time_of_a_process_that_is_gone_is_nothing():
    """Asking for a process that has ended is no error."""
    assert tree_ticks(77, [Stat(1, 0, 5)]) == 0


def test_ratios_are_taken_within_each_round():
    """The ratio is the median of each round's own, so that a slow moment of the machine cancels out."""
    slow = Round((Throughput(BARE, 1000, 1000.0, 900.0), Throughput(BELLHOP, 1000, 600.0, 1500.0)))
    bellhop = summarised([a_round(), slow, a_round()])[1]
    assert bellhop.x_bare == pytest.approx(0.6)
    assert bellhop.x_bare_by_cpu == pytest.approx(0.6)
    assert bellhop.per_s == 6000.0


def test_targets_hold_and_are_missed():
    """Each target says by its own figure whether it holds."""
    assert [target.holds for target in targets([a_round()])] == [True, True, True, True]
    bad = a_round(bellhop_us=161.0, bellhop_per_s=5999.0, idle=Latency(5.1, 8.0, 20.1))
    assert [target.holds for target in targets([bad])] == [False, False, False, False]


def test_what_was_not_measured_is_neither_held_nor_missed():
    """With measures left out their targets have no value and no verdict, and the table still comes."""
    only = [Round((Throughput(BELLHOP, 1000, 6000.0, 150.0),))]
    assert all(target.value is None and target.holds is None for target in targets(only))
    assert rows(only) == [(BELLHOP, "6,000", "150", "", "")]


def test_table_from_figures():
    """The table has a row per measure and percentile, with ratio and verdict."""
    table = rows([a_round(bellhop_per_s=5000.0)])
    assert table[0] == (BARE, "10,000", "90", "1.00 (by CPU 1.00)", "")
    assert table[1] == (
        BELLHOP,
        "5,000",
        "150",
        "0.50 (by CPU 0.60)",
        ">= 0.6 x bare: 0.5, MISSED\n>= 10 x plain Celery: 10.7, holds",
    )
    assert table[3] == ("idle, XADD to arrival, p50", "4.0 ms", "", "", "<= 5 ms: 4, holds")
    assert len(table) == 6


def test_json_has_medians_targets_and_every_round():
    """A script finds the ratios, the targets with their verdicts, the losses, and each round's figures."""
    data = orjson.loads(orjson.dumps(as_json([a_round(), a_round(missing=2)], "valkey 9")))
    assert data["rounds"] == len(data["each_round"]) == 2
    assert data["throughput"][1]["x_bare"] == 0.6
    assert set(data["idle_ms"]) == {"p50", "p95", "p99"}
    assert [target["holds"] for target in data["targets"]] == [True, True, True, True]
    assert data["lost"] == 2
    assert set(data["machine"]) == {"cpus", "python", "redis"}


def test_losses_of_all_rounds_and_of_single_events_count():
    """What is lost in any round, or of the single events, is counted and said; plain Celery's losses are its own."""
    plain = Round((Throughput(PLAIN, 1, 1.0, 1.0, lost=5),))
    measured = [a_round(missing=1), a_round(idle=Latency(1.0, 1.0, 1.0, lost=2)), plain]
    assert lost(measured) == 3
    assert closing(measured) == "3 deliveries were LOST (plain Celery lost 5)"
    assert lost([a_round()]) == 0


def test_sink_counts_posts_however_they_are_cut():
    """Every request is answered once and counted by its path, whether bytes come singly or requests together."""
    tally, transport = Tally(), Transport()
    connection = Connection(tally)
    connection.connection_made(transport)
    request = b"POST /v2/room/a/notification HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    for byte in request:
        connection.data_received(bytes([byte]))
    connection.data_received(request * 2)
    assert tally.count == 3
    assert list(tally.by_path) == ["/v2/room/a/notification"]
    assert transport.written.count(b"HTTP/1.1 204 ") == 3


def test_sink_tells_and_forgets():
    """GET /stats tells the count, and /reset forgets it."""
    tally, transport = Tally(), Transport()
    connection = Connection(tally)
    connection.connection_made(transport)
    tally.add("/x")
    connection.data_received(b"GET /stats HTTP/1.1\r\n\r\n")
    assert orjson.loads(transport.written.split(b"\r\n\r\n")[1])["count"] == 1
    connection.data_received(b"GET /reset HTTP/1.1\r\n\r\n")
    assert tally.count == 0


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"POST / HTTP/1.1\r\ncontent-LENGTH: 12\r\nX: 1", 12),
        (b"POST / HTTP/1.1\r\nContent-Length: 7", 7),
        (b"GET /", 0),
    ],
)
def test_content_length(head, length):
    """The length is found whatever its letters' case and place; without one nothing follows."""
    assert content_length(head) == length


def test_events_are_valid_and_of_conditions_of_their_own():
    """Each event is one that Bellhop takes, and no two wait for each other or count as repeated."""
    raws = [orjson.dumps(event("run", number)) for number in range(2 * APPS)]
    parsed = [parse_event(raw, default_id="", received_at=1.7e9, max_bytes=4096) for raw in raws]
    assert len({one.dedup_key for one in parsed}) == len({one.id for one in parsed}) == 2 * APPS
    assert len({one.app for one in parsed}) == APPS


def test_each_room_is_where_the_sink_looks_for_it():
    """The path by which the sink tells single events apart is the one that HipChat's channel posts to."""
    composed = message(SINK)
    assert composed.url == f"{SINK}{room_path(0)}"
    assert settings(7, SINK).address.url == f"{SINK}{room_path(7)}"
    assert CHANNEL.name == "hipchat"
