"""The growth measure's pure parts: what it reads of memory, its orders, its fast filling, and its verdicts."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import fakeredis
import orjson
import pytest
from matplotlib.figure import Figure

from benchmarks import growth_apps, load
from benchmarks.growth_apps import CALLS, FEW, Lookup, batches, names
from benchmarks.growth_backlog import RUN, Backlog, fill
from benchmarks.growth_figures import Apps, Growth
from benchmarks.growth_records import Left, Records, age, ends, says_weight
from benchmarks.growth_retries import Waiting
from benchmarks.growth_table import nothing_each, table, targets
from benchmarks.memory import Weight, gained, kind, mib, parse_status, weigh
from benchmarks.watching import Seen, us_each

STATUS = "Name:\tcelery\nVmPeak:\t  900000 kB\nVmHWM:\t  120000 kB\nVmRSS:\t  100000 kB\n"
SAYS = {"kept": {"events": 2, "results": 0}, "kept_bytes": {"events": 900, "results": 0}}

GOOD = Growth(
    backlogs=((Backlog(10_000, 300.0, 100 * 2**20), Backlog(1_000_000, 330.0, 120 * 2**20)),),
    many_apps=100_000,
    apps=(Apps(Lookup(900.0, 100.0, 95.0), Lookup(950.0, 120.0, 96.0), 300.0, 360.0),),
    waiting=Waiting(10_000, 100_000, 100_000, 100 * 2**20, 100 * 2**20, 1024.0, {"owed": Weight(1, 900_000, 0)}, 400.0),
    records=Records(1000, 300_000, 1_324_000, {"event": Weight(1000, 900_000, 0)}, SAYS),
    left=Left(5000, 1009, 1000, 101, 0, 23.9, 0, 1),
)


class Weighed:
    """A Redis of (bytes, rest of its life in ms) by key; fakeredis knows no MEMORY USAGE. Its own pipeline, too."""

    def __init__(self, keys):
        self._keys = keys
        self._answers = []

    def scan_iter(self, **_):
        return iter(self._keys)

    def pipeline(self, **_):
        return Weighed(self._keys)

    def memory_usage(self, key, **_):
        self._answers.append(self._keys[key][0])

    def pttl(self, key):
        self._answers.append(self._keys[key][1])

    def execute(self):
        return self._answers


def missed(found):
    """What the targets that this run misses are about."""
    return [target.what for target in targets(found) if not target.holds]


def test_everything_at_its_bound_holds():
    """Where each figure is at its bound and none is past it, every target holds."""
    assert missed(GOOD) == []
    assert len(targets(GOOD)) == 14


@pytest.mark.parametrize(
    ("worse", "what"),
    [
        ({"backlogs": ((Backlog(1, 300.0, 100), Backlog(2, 331.0, 120)),)}, "CPU per delivery, 2 events wait"),
        ({"backlogs": ((Backlog(1, 300.0, 100), Backlog(2, 330.0, 121)),)}, "worker memory, 2 events wait"),
        ({"backlogs": ((Backlog(1, 300.0, 100), Backlog(2, math.nan, 120)),)}, "CPU per delivery, 2 events wait"),
        ({"apps": (Apps(Lookup(1, 100, 1), Lookup(1, 121, 1), 300, 360),)}, "settings lookup"),
        ({"apps": (Apps(Lookup(1, 100, 1), Lookup(1, 120, 1), 300, 361),)}, "CPU per delivery, 100,000 apps"),
        ({"waiting": replace(GOOD.waiting, redis_each=1025.0)}, "Redis beside the text, 100,000 wait"),
        ({"waiting": replace(GOOD.waiting, many_bytes=110 * 2**20)}, "worker memory, 100,000 wait"),
        ({"records": replace(GOOD.records, grown_bytes=1_325_000)}, "Redis beside the text, a settled record"),
        ({"records": replace(GOOD.records, status={"kept": {"events": 2}})}, "status says"),
        ({"left": replace(GOOD.left, endless=5000)}, "keys without an end"),
        ({"left": replace(GOOD.left, longest_hours=72.0)}, "longest life of a key"),
        ({"left": replace(GOOD.left, aged=5000)}, "records listed that are too old"),
        ({"left": replace(GOOD.left, results=1201)}, "results kept"),
        ({"left": replace(GOOD.left, rejected_kept=201)}, "rejected events kept"),
        ({"left": replace(GOOD.left, events=1)}, "events left on the stream"),
    ],
)
def test_each_target_is_missed_by_its_own_figure(worse, what):
    """One figure past its bound misses its own target and no other."""
    (only,) = missed(replace(GOOD, **worse))
    assert only.startswith(what)


def test_table_has_figures_and_a_plot():
    """The table tells figures as people read them, by key where Redis holds something, and can be drawn."""
    found = table(GOOD)
    rows = {row[0]: row[1:] for row in found.rows}
    assert rows["CPU per delivery, 10,000 / 1,000,000 events wait"] == ("300 us", "330 us", "1.10 x")
    assert rows["lookup of ten apps seen before, 10 / 100,000 apps configured"] == ("100 us", "120 us", "1.20 x")
    assert rows["settled record, text / all of it, 1,000"] == ("300 B", "1,324 B", "1,024 B each")
    assert rows["  of it owed"] == ("", "", "9 B each")
    figure = Figure()
    found.plot(figure)
    assert len(figure.axes) == 2
    assert orjson.loads(orjson.dumps(found.data))["many_apps"] == 100_000


def test_nothing_is_less_than_anything_that_could_be_kept():
    """The tolerance is smaller than the smallest object that could stand for a delivery: its reference."""
    reference = "hipchat/app-1/room/1"
    assert nothing_each(GOOD.waiting) < sys.getsizeof(reference)
    assert nothing_each(GOOD.waiting) == pytest.approx(46.6, abs=0.1)


def test_what_was_lost_anywhere_is_told():
    """Deliveries that never came, and apps whose delivery does not wait, count as lost."""
    records, left = replace(GOOD.records, lost=1), replace(GOOD.left, lost=2)
    bad = replace(GOOD, records=records, left=left, waiting=replace(GOOD.waiting, many=99_990))
    assert table(bad).lost == 13
    assert table(GOOD).lost == 0


def test_sizes_of_a_process():
    """Now and at the peak are read from the fields that the manual names; a missing one is an error."""
    assert parse_status(STATUS, "VmRSS") == 100_000 * 1024
    assert parse_status(STATUS, "VmHWM") == 120_000 * 1024
    with pytest.raises(ValueError, match="no VmSwap"):
        parse_status(STATUS, "VmSwap")
    assert mib(3 * 2**19) == "1.5 MiB"


def test_keys_go_by_the_names_of_the_architecture():
    """A key's kind is what follows the prefix, up to the next colon; ids may hold colons of their own."""
    assert kind("bellhop:event:app/a:b", "bellhop") == "event"
    assert kind("bellhop:owed", "bellhop") == "owed"
    assert kind("_kombu.binding.celery", "bellhop") == kind("few:owed", "bellhop") == "others"


def test_weights_by_kind_and_what_came_to_them():
    """All keys are weighed by kind, those without an end are counted, and only what changed is a gain."""
    keys = {b"bellhop:event:a/1": (100, 60_000), b"bellhop:beat": (50, -1)}
    before = weigh(Weighed(keys), "bellhop")
    assert before == {"event": Weight(1, 100, 0), "beat": Weight(1, 50, 1)}
    came = gained(before, weigh(Weighed(keys | {b"bellhop:event:a/2": (120, -1)}), "bellhop"))
    assert came == {"event": Weight(1, 120, 1)}
    many = {b"bellhop:event:a/%d" % number: (1, 60_000) for number in range(2500)}
    assert weigh(Weighed(many), "bellhop") == {"event": Weight(2500, 2500, 0)}


def test_records_ends_and_ageing():
    """The longest life counts in hours, keys without an end are told, and ageing puts the whole list in the past."""
    redis = fakeredis.FakeRedis()
    redis.set("bellhop:event:a/1", "x", ex=3600 * 5)
    redis.set("bellhop:event:a/2", "x")
    redis.zadd("bellhop:recent", {"a/1": 1.0e12, "a/2": 1.1e12})
    longest, endless = ends(redis)
    assert longest == pytest.approx(5.0, abs=0.01)
    assert endless == 2
    age(redis)
    assert redis.zscore("bellhop:recent", "a/2") == 1.1e12 - 25 * 3_600_000


def test_fast_filling_makes_the_events_of_the_load():
    """What Redis' script puts on the stream is, event by event, what the load would."""
    redis, shown = fakeredis.FakeRedis(), []
    fill(redis, 1203, lambda *now: shown.append(now))
    events = [orjson.loads(fields[b"event"]) for _, fields in redis.xrange(f"{load.PREFIX}:events")]
    assert events == [load.event(RUN, number) for number in range(1203)]
    assert shown[-1] == ("filling the stream", 1203, 1203)


def test_no_event_of_a_second_round_was_seen_in_the_first():
    """An id counts once a day, so rounds on one Redis need ids of their own; all bytes of the texts count."""
    redis = fakeredis.FakeRedis()
    sizes = [growth_apps.fill(redis, "ten", names(3), load.PREFIX) for _ in range(2)]
    texts = [fields[b"event"] for _, fields in redis.xrange(f"{load.PREFIX}:events")]
    assert len({orjson.loads(text)["id"] for text in texts}) == 6
    assert sum(sizes) == sum(map(len, texts))


@pytest.mark.parametrize("count", [FEW, 300])
def test_every_app_is_looked_up(count):
    """The first pass takes each app once; the second takes each as often as the others, in another order."""
    first, again = batches(count, 1), batches(count, 2)
    assert sorted(name for some in first for name in some) == sorted(names(count))
    assert len(again) == CALLS
    assert {name for some in again for name in some} == set(names(count))
    assert count == FEW or first != again[: len(first)]


def test_status_must_weigh_everything_that_it_counts():
    """A weight that is missing, or nothing where something is kept, does not do."""
    assert says_weight(SAYS)
    assert not says_weight({"kept": {"events": 2}})
    assert not says_weight({"kept": {"events": 2, "results": 1}, "kept_bytes": {"events": 900, "results": 0}})
    assert not says_weight({})


def test_cost_needs_deliveries():
    """Processor time is per delivery between two looks; without any there is no figure."""
    assert us_each(Seen(100, 1.0), Seen(1100, 1.3)) == pytest.approx(300.0)
    assert math.isnan(us_each(Seen(100, 1.0), Seen(100, 1.3)))
