"""The history's answers, on rows made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from fakes.history import DELIVERED, NOW, add, found, history_of

from worker.web.history import History
from worker.web.history_rows import DeliveryFilter, Health
from worker.web.history_values import OWED, Standing

ALWAYS = (0.0, 1e11)


def ids(rows):
    """Events' ids."""
    return [row.id for row in rows]


def event_ids(rows):
    """Deliveries' events' ids."""
    return [row.event_id for row in rows]


def some(count=6, **options):
    """Events a minute apart, of two apps, critical and info ones, every third resolved."""
    return [
        found(
            NOW + 60 * n,
            id=f"e{n}",
            app="ab"[n % 2],
            severity=("info", "critical")[n % 2],
            status="resolved" if n % 3 == 2 else "firing",
            **options,
        )
        for n in range(count)
    ]


def test_an_event_is_told_as_it_came():
    """What is shown of an event is what its producer sent, with both of its times."""
    metric = {"name": "load", "unit": "x", "comparator": ">", "threshold": 4, "value": 5.25}
    given = {"message": "The load is high", "rule": "CPU", "source": "web-1", "tags": {"host": "web-1"}}
    (row,) = history_of(found(NOW, arrived=NOW + 2.5, metric=metric, **given)).events(None, *ALWAYS)
    assert (row.app, row.id, row.at, row.arrived_at) == ("checkout", "e1", NOW, NOW + 2.5)
    assert (row.severity, row.status, row.title) == ("warning", "firing", "CPU load above 4")
    assert {name: getattr(row, name) for name in given} == given
    assert (row.metric, row.unit, row.value, row.comparator, row.threshold) == ("load", "x", 5.25, ">", 4)


def test_events_come_latest_first_whatever_their_order():
    """By when they occurred, not by when they were read."""
    first, second, third = some(3)
    assert ids(history_of(second, third, first).events(None, *ALWAYS)) == ["e2", "e1", "e0"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "e5 e4 e3 e2 e1 e0"),
        ({"severity": "critical"}, "e5 e3 e1"),
        ({"status": "resolved"}, "e5 e2"),
        ({"severity": "critical", "status": "resolved"}, "e5"),
        ({"severity": "error"}, ""),
        ({"severity": "no such"}, ""),
        ({"limit": 2}, "e5 e4"),
        ({"visible": {"a"}}, "e4 e2 e0"),
        ({"visible": {"a"}, "severity": "critical"}, ""),
        ({"visible": set()}, ""),
        ({"visible": {"a", "b", "unknown"}}, "e5 e4 e3 e2 e1 e0"),
    ],
)
def test_events_are_filtered(filters, expected):
    """Each filter by itself and with others."""
    assert ids(history_of(*some()).events(None, *ALWAYS, **filters)) == expected.split()


def test_the_span_has_its_beginning_and_not_its_end():
    """So that spans side by side have each event once."""
    history = history_of(*some())
    assert ids(history.events(None, NOW + 60, NOW + 180)) == ["e2", "e1"]
    assert history.events(None, NOW + 180, NOW + 60) == []


def test_an_app_that_may_not_be_seen_is_not_there():
    """Whatever is asked, by its name or by none."""
    history = history_of(*some(metric={"name": "load", "points": [[NOW, 1]]}))
    for app in ("b", "nobody"):
        assert history.events(app, *ALWAYS, visible={"a"}) == []
        assert history.series(app, *ALWAYS, visible={"a"}) == []
        assert history.destination_health(app, "room", visible={"a"}) == Health()
        assert history.deliveries(DeliveryFilter(visible={"a"}, app=app)) == []
        assert sum(slot.total for slot in history.histogram(app, NOW, NOW + 600, visible={"a"})) == 0
    assert {row.app for row in history.deliveries(DeliveryFilter(visible={"a"}))} == {"a"}
    assert [row.app for row in history.apps({"a"})] == ["a"]


@pytest.mark.parametrize("apps", [3, 40])
def test_few_and_many_visible_apps_see_the_same(apps):
    """Few are asked one by one, many are looked for among all: the answers are alike."""
    events = [found(NOW + n, id=f"e{n}", app=f"app{n % 50}", title=f"word{n}") for n in range(200)]
    history, visible = history_of(*events), {f"app{n}" for n in range(apps)}
    expected = [f"e{n}" for n in reversed(range(200)) if n % 50 < apps]
    assert ids(history.events(None, *ALWAYS, visible=visible, limit=1000)) == expected
    assert sum(slot.total for slot in history.histogram(None, NOW, NOW + 200, visible=visible)) == len(expected)
    assert event_ids(history.deliveries(DeliveryFilter(visible=visible), limit=1000)) == expected
    assert ids(history.events(None, *ALWAYS, visible=visible, text="word")) == expected[:100]


@pytest.mark.parametrize("full_text", [True, False])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("disk", "e2 e1"),
        ("DISK full", "e2"),
        ("full disk", "e2"),
        ("chec", "e1"),
        ("web-03", "e1"),
        ("ünï", "e3"),
        ("nightly", "e2"),
        ("eu-1", "e3"),
        ("disk nowhere", ""),
        ("!!", "e3"),
        ('" OR 1', ""),
        ("disk) OR (full", ""),
        ("50%", "e3"),
        ("zq\0zx", ""),
        ("\ud800", ""),
        ("w" * 10_000, ""),
        ("   ", "e3 e2 e1"),
    ],
)
def test_what_people_look_for(full_text, text, expected):
    """All words, the last one unfinished if need be; nothing that is typed means anything else or breaks anything."""
    history = history_of(
        found(NOW, id="e1", title="Disk errors on web-03", message="for application checkout"),
        found(NOW + 1, id="e2", title="Disk is full", rule="Nightly backup"),
        found(NOW + 2, id="e3", title="ünïcode at 50% !!", tags={"zone": "eu-1"}),
        full_text=full_text,
    )
    if full_text and text == "!!":
        expected = ""  # its index knows words
    assert ids(history.events(None, *ALWAYS, text=text)) == expected.split()


def test_a_search_goes_with_the_other_filters():
    """App, span, severity and status hold for what is found, on the page and in the histogram."""
    history = history_of(*some())
    wanted = {"text": "load", "severity": "critical", "status": "firing"}
    assert ids(history.events("b", NOW, NOW + 240, **wanted)) == ["e3", "e1"]
    assert ids(history.events(None, NOW, NOW + 120, **wanted)) == ["e1"]
    assert sum(slot.total for slot in history.histogram("b", NOW, NOW + 240, **wanted)) == 2


def test_slots_begin_at_round_times():
    """Also where the span does not; the empty ones are there, and the counts say what is in each."""
    history = history_of(*some())
    slots = history.histogram(None, NOW + 61, NOW + 301, 4)
    assert [(slot.at, slot.width_s) for slot in slots] == [(NOW, 120.0), (NOW + 120, 120.0), (NOW + 240, 120.0)]
    assert [slot.counts for slot in slots] == [
        {},
        {("info", "resolved"): 1, ("critical", "firing"): 1},
        {("info", "firing"): 1, ("critical", "resolved"): 1},
    ]


@pytest.mark.parametrize(("since", "until", "slots"), [(0, math.inf, 60), (NOW, NOW + 1, 10**9), (NOW, NOW + 9, -3)])
def test_no_more_slots_than_asked_for(since, until, slots):
    """Whatever the span, and whatever the number."""
    found_slots = history_of(*some()).histogram(None, since, until, slots)
    assert 1 <= len(found_slots) <= max(1, min(slots, 500))


def test_points_of_many_events_are_one_line():
    """Each moment once; where two events differ the newer one is right, whichever was read first."""
    older = found(NOW, id="e1", metric={"name": "load", "points": [[NOW - 120, 1], [NOW - 60, 2]], "unit": "old"})
    newer = found(NOW + 60, id="e2", metric={"name": "load", "points": [[NOW - 60, 20], [NOW, 3]], "unit": "ms"})
    for events in ((older, newer), (newer, older)):
        (metric,) = history_of(*events).series("checkout", *ALWAYS)
        assert metric.points == ((NOW - 120, 1.0), (NOW - 60, 20.0), (NOW, 3.0))
        assert metric.unit == "ms"


def test_metrics_are_kept_apart():
    """By app and by name; one may be asked for by its name."""
    history = history_of(
        found(NOW, id="e1", app="a", metric={"name": "load", "points": [[NOW, 1]]}),
        found(NOW + 1, id="e2", app="a", metric={"name": "disk", "points": [[NOW, 2]]}),
        found(NOW + 2, id="e3", app="b", metric={"name": "load", "points": [[NOW, 3]]}),
    )
    assert [(m.name, m.points) for m in history.series("a", *ALWAYS)] == [
        ("disk", ((NOW, 2.0),)),
        ("load", ((NOW, 1.0),)),
    ]
    assert [m.name for m in history.series("a", *ALWAYS, name="load")] == ["load"]
    assert history.series("a", NOW + 100, NOW + 200) == []


def test_markers_say_what_was_alerted_and_told_when():
    """Firing, resolved, and each destination that has it; thresholds once each."""
    metric = {"name": "load", "threshold": 4, "value": 5}
    told = replace_times(DELIVERED, NOW + 3)
    history = history_of(
        found(NOW, id="e1", metric=metric, to=(("room", "hipchat"), ("pager", "pagerduty")), standings=[told, OWED]),
        found(NOW + 60, id="e2", metric=metric | {"value": 2}, status="resolved"),
    )
    (shown,) = history.series("checkout", *ALWAYS)
    assert [(m.at, m.kind, m.event_id, m.value, m.destination) for m in shown.markers] == [
        (NOW, "firing", "e1", 5.0, ""),
        (NOW + 3, "told", "e1", 5.0, "room"),
        (NOW + 60, "resolved", "e2", 2.0, ""),
    ]
    assert shown.thresholds == (4.0,)
    assert not shown.more_markers


def replace_times(standing, at):
    """The same, finished at another time."""
    return standing._replace(first_attempt_at=at, finished_at=at)


def test_a_long_line_keeps_its_outline():
    """Of very many points the lowest and the highest of each stretch are left, in their order."""
    points = [[NOW + n, 1000 if n == 77 else -1000 if n == 3333 else n % 7] for n in range(5000)]
    (metric,) = history_of(found(NOW, metric={"name": "load", "points": points})).series(
        "checkout", *ALWAYS, most_points=100
    )
    values = [value for _, value in metric.points]
    assert len(values) <= 102
    assert {1000, -1000} <= set(values)
    assert [at for at, _ in metric.points] == sorted(at for at, _ in metric.points)
    assert metric.thinned


def test_very_many_alerts_are_marked_in_part():
    """The latest are, and it says so."""
    history = history_of(*(found(NOW + n, id=f"e{n}", metric={"name": "load"}) for n in range(250)))
    (metric,) = history.series("checkout", *ALWAYS)
    assert (len(metric.markers), metric.more_markers, metric.markers[-1].event_id) == (100, True, "e249")


STATES = [
    DELIVERED,
    Standing("failed", "unauthorized", 3, 401, NOW, NOW + 9, None, 9000.0, ambiguous=False, detail="gone"),
    OWED,
    Standing("retrying", "server_error", 1, 503, NOW, None, NOW + 60, 20.0, ambiguous=True),
]


def mixed():
    """Eight events a second apart to two destinations each, in all states."""
    to = (("room", "hipchat"), ("pager", "pagerduty"))
    return [found(NOW + n, id=f"e{n}", app="ab"[n % 2], to=to, standings=[STATES[n % 4], DELIVERED]) for n in range(8)]


def test_a_delivery_is_told_as_it_stands():
    """With everything that its record holds."""
    (row,) = history_of(found(id="e1", standings=[STATES[3]])).deliveries(DeliveryFilter())
    assert (row.app, row.event_id, row.destination, row.channel) == ("checkout", "e1", "room", "hipchat")
    assert (row.state, row.reason, row.attempts, row.status_code) == ("retrying", "server_error", 1, 503)
    assert (row.first_attempt_at, row.finished_at, row.due_at, row.elapsed_ms) == (NOW, None, NOW + 60, 20.0)
    assert row.ambiguous is True
    assert str(row.reference) == "hipchat/checkout/room/e1"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "e7 e7 e6 e6 e5 e5 e4 e4 e3 e3 e2 e2 e1 e1 e0 e0"),
        ({"destination": "room"}, "e7 e6 e5 e4 e3 e2 e1 e0"),
        ({"channel": "pagerduty", "app": "a"}, "e6 e4 e2 e0"),
        ({"state": "failed"}, "e5 e1"),
        ({"state": "owed"}, "e6 e2"),
        ({"reason": "server_error"}, "e7 e3"),
        ({"state": "delivered", "destination": "room"}, "e4 e0"),
        ({"state": "failed", "reason": "ok"}, ""),
        ({"state": "failed", "channel": "pagerduty"}, ""),
        ({"app": "nobody"}, ""),
        ({"destination": "nowhere"}, ""),
        ({"since": NOW + 2, "until": NOW + 4}, "e3 e3 e2 e2"),
        ({"state": "failed", "until": NOW + 5}, "e1"),
        ({"destination": "\ud800\0", "reason": "\ud800"}, ""),
    ],
)
def test_deliveries_are_filtered(filters, expected):
    """Each filter by itself and with others, whichever index it is read along."""
    assert event_ids(history_of(*mixed()).deliveries(DeliveryFilter(**filters))) == expected.split()


def test_a_delivery_that_goes_on_is_told_anew():
    """An event that is read again stands in its own place, and its old deliveries are forgotten."""
    history = history_of(found(standings=[OWED]))
    add(history, found(standings=[DELIVERED]))
    assert [row.state for row in history.deliveries(DeliveryFilter())] == ["delivered"]
    assert history.apps()[0].deliveries == {"delivered": 1}
    assert history.apps()[0].events == 1


def test_counts_of_each_app():
    """Events and deliveries by state, and when the latest event occurred."""
    counts = history_of(*mixed()).apps()
    assert [(each.app, each.events, each.latest_at) for each in counts] == [("a", 4, NOW + 6), ("b", 4, NOW + 7)]
    assert [each.deliveries for each in counts] == [
        {"delivered": 6, "owed": 2},
        {"delivered": 4, "failed": 2, "retrying": 2},
    ]


def test_how_a_destination_does():
    """Reasons of the last hour and day, the last success, and how quick 95 of 100 are."""
    slow = [DELIVERED._replace(elapsed_ms=float(n), finished_at=NOW - 200 + n) for n in range(1, 101)]
    recent = [found(NOW - 200 + n, id=f"e{n}", standings=[each]) for n, each in enumerate(slow)]
    yesterday = found(NOW - 7200, id="y", standings=[STATES[1]])
    before = found(NOW - 100_000, id="z", standings=[STATES[1]])
    owed = found(NOW - 1, id="o")
    health = history_of(*recent, yesterday, before, owed).destination_health("checkout", "room")
    assert health.last_hour == {"ok": 100}
    assert health.last_day == {"ok": 100, "unauthorized": 1}
    assert (health.last_success_at, health.p95_ms, health.owed) == (NOW - 100, 95.0, 1)


def test_of_a_destination_that_never_had_a_delivery_nothing_is_known():
    """It is no error to ask."""
    assert history_of().destination_health("checkout", "room") == Health()


def test_an_empty_history_answers():
    """Nothing is known yet, and every question has an answer."""
    history = History()
    assert history.events(None, *ALWAYS) == []
    assert history.events("a", *ALWAYS, text="x") == []
    assert history.deliveries(DeliveryFilter()) == []
    assert history.apps() == []
    assert sum(slot.total for slot in history.histogram(None, NOW, NOW + 60)) == 0


@pytest.mark.parametrize("cursor", [(-(2**70), -(2**70)), (2**70, 2**70), (0, 0)])
def test_cursors_that_somebody_made_up(cursor):
    """Nothing breaks; they point before or behind everything."""
    history = history_of(*mixed())
    assert len(history.deliveries(DeliveryFilter(), before=cursor)) in {0, 16}
    assert len(history.events(None, *ALWAYS, before=cursor[0])) in {0, 8}


def test_times_that_are_none():
    """Not a number, and times before and after all others."""
    history = history_of(*mixed())
    assert history.events(None, math.nan, math.nan) == []
    assert len(history.events(None, -math.inf, math.inf)) == 8
    assert len(history.deliveries(DeliveryFilter(since=-math.inf))) == 16


def test_many_events_of_one_millisecond():
    """Each keeps a place of its own, whatever it is called."""
    history = history_of(*(found(id=str(n)) for n in range(3000)))
    assert len(set(ids(history.events(None, *ALWAYS, limit=1000)))) == 1000
    assert history.apps()[0].events == 3000


def test_a_value_is_replaced():
    """Frozen rows can be made anew from others, as pages do."""
    (row,) = history_of(found()).events(None, *ALWAYS)
    assert replace(row, title="x").title == "x"


def test_the_revision_changes_with_every_change():
    """Whoever saw an answer can tell by it whether another may be different; questions do not change it."""
    history = history_of(*some(2))
    before = history.revision
    history.events(None, *ALWAYS, text="cpu")
    history.histogram("a", *ALWAYS)
    assert history.revision == before
    add(history, found(NOW, id="new"))
    assert history.revision != before
    seen = {before, history.revision}
    history.database.clear()
    assert history.revision not in seen


def test_metrics_by_name_and_as_many_as_are_wanted():
    """The names are those of all that the span has anything of, in the order of the series themselves."""
    events = [found(NOW + n, id=f"e{n}", metric={"name": f"m{n}", "points": [[NOW + n, 1.0]]}) for n in range(4)]
    history = history_of(*events)
    span = ("checkout", NOW, NOW + 3)
    assert history.metrics(*span) == ["m2", "m1", "m0"] == [each.name for each in history.series(*span)]
    assert [each.name for each in history.series(*span, most_metrics=2)] == ["m2", "m1"]
    assert history.metrics(*span, visible={"other"}) == []
    assert history.metrics("checkout", NOW + 10, NOW + 20) == []
