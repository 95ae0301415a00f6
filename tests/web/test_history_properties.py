"""What holds of any history, whatever is in it and whatever comes in between."""

from __future__ import annotations

import math

from fakes.history import DELIVERED, NOW, add, event_of, found, history_of
from hypothesis import given
from hypothesis import strategies as st

from worker.models import Severity, Status
from worker.web.history_rows import DeliveryFilter
from worker.web.history_values import (
    LAST_MS,
    OWED,
    TIES,
    Loaded,
    Standing,
    found_of,
    key_of,
    milliseconds,
    next_key,
    number,
    seconds,
    standing_of,
    text,
)
from worker.web.history_writing import forget

MOMENTS = st.integers(0, 400).map(lambda n: NOW + n / 8)
APPS = st.sampled_from("abc")
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "at": MOMENTS,
            "arrived": MOMENTS,
            "app": APPS,
            "severity": st.sampled_from([each.value for each in Severity]),
            "status": st.sampled_from([each.value for each in Status]),
            "title": st.sampled_from(["disk full", "disk slow", "load high"]),
        }
    ),
    max_size=40,
)
VISIBLE = st.one_of(st.none(), st.sets(APPS))


def numbered(events, start=0):
    """Events with ids of their own."""
    return [found(id=f"e{start + n}", **each) for n, each in enumerate(events)]


@given(EVENTS, VISIBLE, MOMENTS, MOMENTS, st.integers(1, 80), st.sampled_from(["", "disk", "full"]))
def test_the_histogram_counts_each_event_once(events, visible, since, until, slots, text):
    """The sum of all slots is the number of events that the list has, and each slot's is that of its own span."""
    history = history_of(*numbered(events))
    bars = history.histogram(None, since, until, slots, visible=visible, text=text)
    listed = history.events(None, since, until, visible=visible, text=text, limit=1000)
    assert sum(bar.total for bar in bars) == len(listed)
    assert len(bars) <= slots
    for bar in bars:
        within = [row for row in listed if bar.at <= row.at < bar.at + bar.width_s]
        assert bar.total == len(within)
        assert all(bar.counts[row.severity, row.status] for row in within)
        assert bar.at % bar.width_s == 0


@given(EVENTS, EVENTS, VISIBLE, st.integers(1, 7), st.sampled_from(["", "disk"]))
def test_pages_have_each_event_once_and_in_order(events, later, visible, size, text):
    """Whatever is inserted while somebody turns the pages."""
    history, at_first = history_of(*numbered(events)), numbered(events)
    newcomers, rows, before = iter(numbered(later, 1000)), [], None
    while page := history.events(None, 0, 1e11, visible=visible, text=text, limit=size, before=before):
        rows += page
        before = page[-1].cursor
        add(history, *(each for each in [next(newcomers, None)] if each))
    ids = [row.id for row in rows]
    expected = {e.event.id for e in at_first if fits(e.event, visible, text)}
    assert len(ids) == len(set(ids))
    assert expected <= set(ids)
    assert [row.at for row in rows] == sorted((row.at for row in rows), reverse=True)


def fits(event, visible, words):
    """Whether a filter lets it through."""
    return (visible is None or event.app in visible) and words in event.title


STANDINGS = st.sampled_from([OWED, DELIVERED, Standing("failed", "not_found"), Standing("retrying", "timed_out")])
PLACES = st.lists(st.sampled_from([("room", "hipchat"), ("pager", "pagerduty"), ("mail", "email")]), unique=True)
FILTERS = st.fixed_dictionaries(
    {
        "app": st.sampled_from(["", "a"]),
        "destination": st.sampled_from(["", "room", "mail"]),
        "channel": st.sampled_from(["", "pagerduty"]),
        "state": st.sampled_from(["", "owed", "delivered", "failed"]),
        "reason": st.sampled_from(["", "ok", "timed_out"]),
        "visible": VISIBLE,
    }
)


@st.composite
def deliveries(draw):
    """Events with deliveries in any state."""
    made = []
    for n, each in enumerate(draw(EVENTS)):
        to = draw(PLACES)
        made.append(found(id=f"e{n}", to=to, standings=[draw(STANDINGS) for _ in to], **each))
    return made


@given(deliveries(), EVENTS, FILTERS, st.integers(1, 7))
def test_pages_have_each_delivery_once_and_in_order(events, later, wanted, size):
    """With any filter, whatever is inserted meanwhile."""
    history, newcomers, rows, before = history_of(*events), iter(numbered(later, 1000)), [], None
    while page := history.deliveries(DeliveryFilter(**wanted), limit=size, before=before):
        rows += page
        before = page[-1].cursor
        add(history, *(each for each in [next(newcomers, None)] if each))
    seen = [(row.event_id, row.destination) for row in rows]
    expected = {
        (each.event.id, destination)
        for each in events
        for (destination, channel), standing in zip(each.to, each.standings, strict=True)
        if passes(wanted, each.event.app, destination, channel, standing)
    }
    assert len(seen) == len(set(seen))
    assert expected <= set(seen)
    assert [row.arrived_at for row in rows] == sorted((row.arrived_at for row in rows), reverse=True)


def passes(wanted, app, destination, channel, standing):
    """Whether a filter lets a delivery through."""
    has = {
        "app": app,
        "destination": destination,
        "channel": channel,
        "state": standing.state,
        "reason": standing.reason,
    }
    can_see = wanted["visible"] is None or app in wanted["visible"]
    return can_see and all(not wanted[name] or wanted[name] == value for name, value in has.items())


@given(deliveries())
def test_what_is_forgotten_leaves_nothing(events):
    """Neither deliveries nor counts, nor words to be found, nor points."""
    with_points = [found(id="p", metric={"name": "load", "points": [[NOW, 1]]}), *events]
    history = history_of(*with_points)
    for (arrival,) in history.database.rows("SELECT arrival FROM events"):
        forget(history.database, arrival)
    assert history.apps() == []
    assert history.deliveries(DeliveryFilter()) == []
    assert history.events(None, 0, 1e11, text="disk") == []
    for table in ("events", "deliveries", "points", "metrics"):
        assert history.database.one(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - our own names
    assert history.database.rows("SELECT * FROM tallies WHERE count <> 0") == []


@given(deliveries(), STANDINGS)
def test_counts_are_those_of_the_rows(events, standing):
    """After every change: what an app's counts say is what its lists have."""
    history = history_of(*events)
    add(history, *(found(id=each.event.id, app=each.event.app, standings=[standing]) for each in events[:5]))
    for counts in history.apps():
        rows = history.deliveries(DeliveryFilter(app=counts.app), limit=1000)
        assert counts.events == len(history.events(counts.app, 0, 1e11, limit=1000))
        assert sum(counts.deliveries.values()) == len(rows)
        assert counts.deliveries == {state: [r.state for r in rows].count(state) for state in {r.state for r in rows}}


@given(st.binary(), st.lists(st.one_of(st.none(), st.binary()), max_size=3))
def test_any_bytes_are_understood_or_left(raw, records):
    """Whatever Redis holds under a name."""
    assert found_of(Loaded("a/b", 0, raw, records)) is None
    assert all(standing_of(each).state in {"owed", "unreadable"} for each in records)


ANY_TEXT = st.text(st.characters(exclude_categories=())).filter(bool)
ANY_NUMBER = st.floats()


@given(ANY_TEXT, ANY_TEXT, ANY_NUMBER, ANY_NUMBER)
def test_any_text_and_number_is_held(words, name, value, other):
    """Half surrogates, NULs, infinities and what is no number: a history that was made of them answers."""
    each = found(id="x")
    event = type(each.event)(
        app="a",
        id="x",
        title=words,
        occurred_at=value,
        received_at=other,
        dedup_key="k",
        message=words,
        rule=name,
        tags={name: words},
        metric=type(event_of(metric={"name": "m"}).metric)(
            name, words, words, words, value, other, value, ((value, other), (5.0, 6.0))
        ),
    )
    standing = Standing("failed", "ok", detail=text(words, 300), elapsed_ms=number(value))
    history = history_of(type(each)(milliseconds(other), event, (("room", "hipchat"),), (standing,)))
    assert len(history.events(None, 0, math.inf)) == 1
    assert len(history.deliveries(DeliveryFilter(destination="room"))) == 1
    assert len(history.series("a", 0, math.inf)) == 1
    history.events("a", 0, 1e11, text=words)
    history.events(words, value, other, text=name, severity=name, status=words)
    history.deliveries(DeliveryFilter(app=words, destination=name, channel=words, state=name, reason=words))


@given(st.floats(), st.text(), st.text())
def test_keys_sort_by_time(at, app, event_id):
    """A key tells its millisecond, also after it had to give way to others."""
    ms = milliseconds(at)
    key = key_of(ms, app, event_id)
    assert 0 <= ms <= LAST_MS
    assert seconds(key) == seconds(next_key(key)) == ms / 1000
    assert next_key(ms << 20 | TIES) == ms << 20
