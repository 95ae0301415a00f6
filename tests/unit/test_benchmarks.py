"""The benchmark's events, its sink, and what it reads of processes."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import orjson
import pytest

from benchmarks import steady
from benchmarks.load import APPS, event, message, room_path, settings
from benchmarks.measure import ROOT, Spent, environment, others, processors
from benchmarks.processes import Stat, exact_s, parse_busy, parse_stat, process_s, tree_ticks
from benchmarks.sink import NUMBER, Connection, Tally, content_length
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


class Pipeline:
    """Redis as far as sending events goes; remembers what was put on the stream, and how many at a time."""

    def __init__(self):
        self.added, self.waiting, self.batches = [], [], []

    def pipeline(self, *, transaction):
        assert not transaction
        return self

    def xadd(self, key, fields):
        self.waiting.append((key, fields["event"]))

    def execute(self):
        self.batches.append(len(self.waiting))
        self.added += self.waiting
        self.waiting = []


def connected():
    """A connection to a sink, its tally and its transport."""
    tally = Tally()
    connection, transport = Connection(tally), Transport()
    connection.connection_made(transport)
    return connection, tally, transport


def post(path, body):
    """A request as a client sends it."""
    return b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processor_time_of_one_process_grows_with_its_work():
    """A process that has computed for a while has spent more than one that has only begun."""
    work = "import sys; sum(range(9_000_000)); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        spent, exactly = process_s(process.pid), exact_s(process.pid)
        process.stdin.close()
    assert spent > 0
    assert exactly > 0


def test_what_others_take_of_the_processors():
    """Of what the processors did, what this run did not spend was done by others; never less than nothing."""
    text = "cpu  9 9 9 9 9 9 9 9\ncpu0 100 10 20 5000 70 3 4 1 50 0\ncpu11 1 1 1 9 9 1 1 1\ncpu1 8 0 0 1 1 0 0 0\n"
    assert parse_busy(text, {0}) == 138
    assert parse_busy(text, {0, 1}) == 146
    before, after = Spent(1.0, 1.0, 1.0, 1.0, 10.0), Spent(2.0, 1.5, 1.25, 1.25, 15.0)
    assert others(before, after, 2.0) == 1.5
    assert others(before, replace(after, everybody=11.0), 2.0) == 0.0


@pytest.mark.parametrize(
    ("mine", "workers", "expected"),
    [
        ({3}, 1, ({3}, {3})),
        ({0, 1}, 1, ({0}, {1})),
        ({0, 1}, 2, ({0, 1}, {0, 1})),
        ({5, 2, 4}, 2, ({2, 4}, {5})),
        ({0, 1, 2, 3}, 1, ({0}, {1, 2, 3})),
    ],
)
def test_workers_have_processors_of_their_own_where_there_are_enough(mine, workers, expected):
    """Each worker has one; the others have the rest, or share them all where there is no rest."""
    assert processors(mine, workers) == expected


def test_children_do_not_see_this_machines_settings():
    """A worker that is measured has Bellhop's defaults, whatever is set here, and this source tree."""
    found = environment({"BELLHOP_BATCH": "7"})
    assert found["BELLHOP_BATCH"] == "7"
    assert found["PYTHONPATH"] == str(ROOT)
    assert [name for name in found if name.startswith("BELLHOP_")] == ["BELLHOP_BATCH"]


def test_sink_counts_each_request_once_however_it_is_cut():
    """Requests may come in pieces and several at once: each is answered once, when it is there whole."""
    connection, tally, transport = connected()
    raw = post("/a", b"12345") + post("/b", b"")
    for at in range(0, len(raw), 7):
        connection.data_received(raw[at : at + 7])
    connection.data_received(raw)
    assert tally.count == transport.written.count(b"204 No Content") == 4
    assert set(tally.by_path) == {"/a", "/b"}


def test_sink_tells_and_forgets():
    """Statistics come as JSON; after a reset the count is nothing."""
    connection, tally, transport = connected()
    connection.data_received(post("/a", b""))
    transport.written = b""
    connection.data_received(b"GET /stats HTTP/1.1\r\n\r\n")
    assert orjson.loads(transport.written.split(b"\r\n\r\n")[1])["count"] == 1
    connection.data_received(b"GET /reset HTTP/1.1\r\n\r\n")
    assert tally.count == 0


def test_sink_tells_events_apart_by_their_number():
    """Once told to keep bodies, the sink knows when each event arrived first, though rooms are the same."""
    connection, tally, transport = connected()
    connection.data_received(post("/room", b"before host-1"))
    connection.data_received(b"GET /keep HTTP/1.1\r\n\r\n")
    for body in (b"on host-1007", b"on host-7", b"no number", b"on host-7"):
        connection.data_received(post("/room", body))
    firsts = [at for at, _ in tally.bodies]
    transport.written = b""
    connection.data_received(b"GET /events HTTP/1.1\r\n\r\n")
    assert orjson.loads(transport.written.split(b"\r\n\r\n")[1]) == {"1007": firsts[0], "7": firsts[1]}


def test_sink_keeps_no_bodies_unless_told_to():
    """Throughput is measured with a sink that does as little as it can."""
    connection, tally, _ = connected()
    connection.data_received(post("/room", b"on host-7"))
    assert tally.bodies is None
    assert tally.by_number() == {}


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
    """The path by which the sink tells rooms apart is the one that HipChat's channel posts to."""
    composed = message(SINK)
    assert composed.url == f"{SINK}{room_path(0)}"
    assert settings(7, SINK).address.url == f"{SINK}{room_path(7)}"
    assert CHANNEL.name == "hipchat"


def test_each_message_has_its_events_number():
    """The number by which the sink tells events apart is in the message that HipChat's channel composes."""
    assert NUMBER.search(message(SINK).body)[1] == b"0"


def test_events_are_sent_in_order_at_their_rate():
    """All are sent, in order and with a moment each; they take no less than their rate asks for."""
    redis, what = Pipeline(), [f"event {number}".encode() for number in range(30)]
    told = []
    began = time.monotonic()
    sent = steady.send(redis, what, 1000.0, told.append)
    assert [raw for _, raw in redis.added] == what
    assert {key for key, _ in redis.added} == {"bellhop:events"}
    assert len(sent) == sum(redis.batches) == told[-1] == 30
    assert sent == sorted(sent)
    assert sent[0] >= began
    assert sent[-1] - sent[0] >= (30 - redis.batches[-1]) / 1000.0 - 1e-6


@pytest.mark.parametrize(("sent", "per_s"), [([], 0.0), ([5.0], 0.0), ([5.0, 5.0], 0.0), ([5.0, 5.5, 6.0], 2.0)])
def test_rate_of_what_was_sent(sent, per_s):
    """The rate is that between the first and the last; of fewer than two there is none."""
    assert steady.rate(sent) == per_s
