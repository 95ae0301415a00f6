"""What the benchmark makes of its figures: percentiles, ratios within each round, targets, two processes beside one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import comparison, latency
from benchmarks.comparison import ALERTMANAGER, BARE, BELLHOP, BULLMQ, PLAIN, TWO, Compared
from benchmarks.figures import Latency, Throughput, median_latency, percentile
from benchmarks.figures import latency as percentiles
from benchmarks.latency import BUSY, IDLE, STEADY, Sample
from benchmarks.load import APPS
from benchmarks.measure import Spent
from benchmarks.peers import alertmanager
from benchmarks.scaling import scaling
from benchmarks.table import Options, at_least, at_most


def a_round(bellhop_us=150.0, bellhop_per_s=6000.0, missing=0, two_per_s=8000.0):
    """One round with figures that meet every target unless told otherwise."""
    found = (
        Throughput(BARE, 1000, 10_000.0, 90.0),
        Throughput(BELLHOP, 1000, bellhop_per_s, bellhop_us, missing, redis_us=50.0, sink_us=20.0),
        Throughput(BULLMQ, 1000, 6400.0, 160.0),
        Throughput(ALERTMANAGER, 500, 6500.0, 155.0),
        Throughput(PLAIN, 500, 600.0, 1600.0),
        Throughput(TWO, 2000, two_per_s, 170.0, redis_us=60.0, sink_us=25.0),
    )
    return {each.name: each for each in found}


def compared(*rounds, absent=None, shared=True):
    """What those rounds come to."""
    return Compared(rounds, absent or {}, 2, shared)


def a_sample(p50=4.0, p95=20.0, p99=15.0, lost=0, limit=0.0):
    """One load of one round."""
    return Sample(200.0, Latency(p50, p95, p99, 30.0, lost), tuple(float(n) for n in range(100)), limit)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_percentile_covers_its_share_and_no_smaller_value_does(values, share):
    """A percentile is one of the values, covers its share of them, and the next smaller value does not."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    smaller = [value for value in values if value < found]
    assert not smaller or sum(value <= max(smaller) for value in values) < share * len(values)


def test_percentiles_of_known_times():
    """Of 1 to 100 ms the p50, p95, p99 and longest are 50, 95, 99 and 100 ms."""
    assert percentiles([float(n) for n in range(100, 0, -1)], 0) == Latency(50.0, 95.0, 99.0, 100.0, 0)


def test_latency_of_nothing_is_no_number_and_holds_no_target():
    """Where no event arrived there is no latency, all of them are lost, and what is aimed at is missed."""
    found = percentiles([], 200)
    assert math.isnan(found.p50)
    assert found.lost == 200
    assert at_most("idle, p50", 5.0, "ms", found.p50).holds is False


def test_median_latency_adds_the_losses():
    """Each percentile's median is its own; what was lost in any round stays lost."""
    found = median_latency([Latency(1, 9, 10, 11, 1), Latency(2, 7, 20, 21, 0), Latency(3, 8, 30, 31, 2)])
    assert found == Latency(2, 8, 20, 21, 3)


def test_ratios_are_taken_within_each_round():
    """The ratio is the median of each round's own, so that a slow moment of the machine cancels out."""
    slow = {
        BARE: Throughput(BARE, 1000, 1000.0, 900.0),
        BELLHOP: Throughput(BELLHOP, 1000, 600.0, 1500.0),
        BULLMQ: Throughput(BULLMQ, 1000, 640.0, 1600.0),
    }
    found = compared(a_round(), slow, a_round())
    assert comparison.rows(found)[1][:5] == (BELLHOP, "6,000", "0.60", "150", "1.67")
    assert comparison.targets(found)[0].value == pytest.approx(150 / 160)


def test_targets_hold_and_are_missed():
    """Each target says by its own figure whether it holds."""
    assert [target.holds for target in comparison.targets(compared(a_round()))] == [True] * 5
    bad = a_round(bellhop_us=161.0, bellhop_per_s=5999.0, two_per_s=4000.0)
    assert [target.holds for target in comparison.targets(compared(bad))] == [False] * 5


def test_a_peer_that_is_absent_is_shown_with_its_reason():
    """Its target is neither held nor missed, and the others' still are."""
    one = {name: each for name, each in a_round().items() if name != BULLMQ}
    found = compared(one, absent={BULLMQ: "there is no npm here"})
    assert comparison.rows(found)[-1] == (BULLMQ, "", "", "", "", "", "", "not measured: there is no npm here")
    assert [target.holds for target in comparison.targets(found)] == [None, True, True, True, True]


def test_what_bellhop_lost_counts_and_what_peers_lost_is_noted():
    """A delivery of Bellhop's that did not come about fails the run; a peer's stands in its row."""
    found = a_round(missing=2) | {PLAIN: Throughput(PLAIN, 490, 600.0, 1600.0, lost=10)}
    table = comparison.table(compared(a_round(missing=1), found))
    assert table.lost == 3
    assert next(row for row in table.rows if row[0] == PLAIN)[-1] == "10 lost"


def test_results_that_are_not_delivered_count_as_lost():
    """What arrived but has no result that calls it delivered is lost all the same."""
    found = Throughput(BELLHOP, 100, 1.0, 1.0, lost=1)
    assert comparison.checked(found, 100, 97).lost == 3
    assert comparison.checked(found, 100, 100).lost == 1


def test_two_processes_are_accounted_for_what_redis_and_the_sink_take():
    """At 6,000 deliveries/s of 100 us beside the workers, 0.6 of two processors are gone: 1.4 remain."""
    one = Throughput(BELLHOP, 1000, 5000.0, 200.0, redis_us=60.0, sink_us=30.0, bench_us=10.0)
    two = Throughput(TWO, 1000, 6000.0, 230.0, redis_us=60.0, sink_us=30.0, bench_us=10.0)
    found = scaling(one, two, 2, shared=True)
    assert found.raw == pytest.approx(1.2)
    assert found.left == pytest.approx(1.4)
    assert found.accounted == pytest.approx(1.2 * 2 / 1.4)
    assert found.most_per_s == pytest.approx(2e6 / 300)


def test_two_processes_on_processors_of_their_own_need_no_accounting():
    """Where Redis and the sink run elsewhere the ratio is that of the rates."""
    one = Throughput(BELLHOP, 1000, 5000.0, 200.0, redis_us=100.0)
    found = scaling(one, Throughput(TWO, 1000, 9000.0, 210.0, redis_us=100.0), 2, shared=False)
    assert found.accounted == found.raw == pytest.approx(1.8)
    assert found.most_per_s == pytest.approx(10_000)


def test_two_processes_that_delivered_nothing_have_no_ratio():
    """Nothing is divided by nothing."""
    assert scaling(Throughput(BELLHOP, 0, 0.0, 0.0), Throughput(TWO, 9, 1.0, 1.0), 2, shared=True) is None


def test_latency_of_events_sent_and_arrived():
    """Each event's own time counts, in milliseconds, from its own XADD; what did not arrive is lost."""
    arrived = {str(APPS): 10.004, str(APPS + 1): 10.011, "7": 9.0}
    found = latency.sample([10.0, 10.001, 10.002], arrived)
    assert found.latency.p50 == pytest.approx(4.0)
    assert found.latency.worst == pytest.approx(10.0)
    assert found.latency.lost == 1
    assert found.per_s == pytest.approx(1000.0)
    assert len(found.percentiles) == 100


def test_latency_targets_and_rows():
    """Each load has its row with the rate that was really sent, and the targets their own percentile."""
    good = {IDLE: a_sample(), STEADY: a_sample(), BUSY: a_sample(p95=200.0, limit=5000.0)}
    table = latency.table([good])
    assert table.rows[0] == (IDLE, "200", "4.0 ms", "20.0 ms", "15.0 ms", "30.0 ms", "")
    assert table.rows[2][0] == "80 % of the limit of 5,000/s"
    assert [target.holds for target in table.targets] == [True] * 4
    bad = {IDLE: a_sample(p50=5.1, p99=20.1), STEADY: a_sample(p95=25.1, lost=1), BUSY: a_sample(p95=251.0)}
    assert [target.holds for target in latency.table([bad]).targets] == [False] * 4
    assert latency.table([bad]).lost == 1


def test_a_busy_machine_is_told():
    """Figures that other programs spoilt say so in their row; what a quiet machine does besides is not worth a word."""
    busy = compared(a_round() | {BELLHOP: replace(a_round()[BELLHOP], others=0.72)})
    assert [row[-1] for row in comparison.rows(busy)][:3] == ["", "other programs took 0.7 processors", ""]
    sample = replace(a_sample(lost=2), others=1.2)
    assert latency.table([{IDLE: sample, STEADY: sample, BUSY: a_sample()}]).rows[0][-1] == (
        "2 lost; other programs took 1.2 processors"
    )


def test_alertmanager_counts_all_that_it_spent():
    """It cannot be filled first: its processor time counts from the first alert posted, its rate by the arrivals."""
    before, after = Spent(1.0, 5.0, 2.0, 0.0), Spent(2.5, 5.0, 2.2, 0.0)
    found = alertmanager.figures(before, after, {"count": 10_000, "first": 4.0, "last": 6.0}, 10_002)
    assert (found.per_s, found.cpu_us, found.lost) == (5000.0, pytest.approx(150.0), 2)
    assert found.sink_us == pytest.approx(20.0)
    assert alertmanager.figures(before, after, {"count": 0, "first": 0.0, "last": 0.0}, 5).lost == 5


def test_options_scale_counts():
    """A quick look is smaller, but never too small to measure."""
    assert Options(3).of(20_000) == 20_000
    assert Options(1, 0.1).of(20_000, 200) == 2_000
    assert Options(1, 0.001).of(20_000, 200) == 200


def test_a_target_with_no_value_has_no_verdict():
    """What could not be measured is neither held nor missed."""
    assert at_least("x", 2.0, "x bare", None).holds is None
    assert at_most("x", 2.0, "ms", None).holds is None
    assert at_least("x", 2.0, "x bare", 2.0).holds
    assert at_most("x", 2.0, "ms", 2.0).holds
