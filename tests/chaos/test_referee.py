"""The chaos suite's referee sees what is lost, doubled and not marked: a suite that cannot fail proves nothing."""

from __future__ import annotations

import pytest

from chaos.load import event, pairs
from chaos.order import overtaken, silent
from chaos.referee import tally
from chaos.row import Check, Measured
from chaos.vendor import Arrived
from chaos.verdict import at_most, measured

ONE, KEY = "ev000001x", ("webhook", "ev000001x")
DRAINED = Check("in the end nothing is owed", holds=True, found="")


def arrived(name=ONE, at=10.0, *, accepted=True):
    """One request to the web hook."""
    return Arrived(at, "webhook", name, "app-0", accepted, 204 if accepted else 503, answered=True, key="key")


def result(name=ONE, outcome="delivered", reason="ok", *, ambiguous=False):
    """What Bellhop says of it."""
    return {"channel": "webhook", "event_id": name, "outcome": outcome, "reason": reason, "ambiguous": ambiguous}


def counted(arrivals, results, events=None):
    """The tally of one event, or of these, to one web hook."""
    return tally([(each, 1.0) for each in events or [event(ONE, "app-0")]], {"app-0": ["webhook"]}, arrivals, results)


def test_what_arrived_once_is_fine():
    """One acknowledged event, one arrival that was taken, one result: everything holds."""
    found = measured(counted([arrived()], [result()]), DRAINED)
    assert isinstance(found, Measured)
    assert found.holds
    assert (found.events, found.deliveries, found.lost, found.duplicates) == (1, 1, 0, 0)


@pytest.mark.parametrize("arrivals", [[], [arrived(accepted=False)]], ids=["never came", "was refused"])
def test_what_bellhop_calls_delivered_and_never_arrived_is_lost(arrivals):
    """The receiver decides: a result of "delivered" proves nothing."""
    found = measured(counted(arrivals, [result()]), DRAINED)
    assert found.lost == 1
    assert not found.holds


def test_what_was_settled_with_a_reason_is_not_lost():
    """A failure that says why is an answer; silence is not."""
    assert not counted([], [result(outcome="failed", reason="no_answer")]).lost
    assert counted([], []).lost == [KEY]


def test_a_duplicate_must_be_marked():
    """Taken twice: a duplicate, which holds only where the result says that it may be one."""
    twice = [arrived(at=10), arrived(at=20)]
    unmarked, marked = (measured(counted(twice, [result(ambiguous=said)]), DRAINED) for said in (False, True))
    assert (unmarked.duplicates, unmarked.marked, unmarked.holds) == (1, 0, False)
    assert (marked.duplicates, marked.marked, marked.holds) == (1, 1, True)


def test_two_results_of_one_delivery_do_not_hold():
    """A delivery is settled once."""
    assert not measured(counted([arrived()], [result(), result()]), DRAINED).holds


def test_a_firing_after_its_resolved_is_seen():
    """The order at the receiver, and a firing one that is missing without being called superseded."""
    both = pairs(1, ["app-0"])
    firing, over = (each["id"] for each in both)
    results = [result(firing), result(over)]
    wrong = counted([arrived(over, at=10), arrived(firing, at=11)], results, both)
    right = counted([arrived(firing, at=10), arrived(over, at=11)], results, both)
    assert overtaken(wrong) == [("webhook", firing)]
    assert not overtaken(right)
    missing = counted([arrived(over)], [result(over), result(firing, "skipped", "expired")], both)
    superseded = counted([arrived(over)], [result(over), result(firing, "skipped", "superseded")], both)
    assert silent(missing) == [("webhook", firing)]
    assert not silent(superseded)


def test_a_figure_that_never_came_does_not_hold():
    """None is no small number."""
    assert not at_most("goes on", None, 5.0).holds
    assert at_most("goes on", 5.0, 5.0).holds
