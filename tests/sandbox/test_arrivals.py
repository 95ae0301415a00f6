"""The record of what arrived: its ring, its counters, and the API that shows it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.arrivals import Arrivals
from worker.sandbox.exchange import Fate
from worker.sandbox.limits import Buckets, Rate, Windows, parse_rate
from worker.sandbox.masking import mask


def add(arrivals, count=1, **more):
    """Record so many arrivals alike."""
    facts = {"at": 1.0, "channel": "hipchat", "to": "Ops", "fate": Fate.ACCEPTED, "status": 204, **more}
    for _ in range(count):
        arrivals.record(**facts)


def test_the_ring_is_bounded_and_the_counters_are_not():
    """Beyond the ring the oldest are forgotten, and the counts stay exact."""
    arrivals = Arrivals(ring=10)
    add(arrivals, 25)
    add(arrivals, 5, to="Other", fate=Fate.REFUSED, status=429)

    assert [each.number for each in arrivals] == list(range(21, 31))
    assert arrivals.count("hipchat") == {Fate.ACCEPTED: 25, Fate.REFUSED: 5}
    assert arrivals.count(to="O*") == {Fate.ACCEPTED: 25, Fate.REFUSED: 5}
    assert arrivals.count(to="Ops") == {Fate.ACCEPTED: 25}
    assert arrivals.tallies["hipchat"].by_status == {204: 25, 429: 5}
    assert arrivals.find(20) is None
    assert arrivals.find(21).number == 21


def test_the_ring_is_bounded_in_bytes():
    """Large bodies push out old ones before the ring is full, and one alone is always kept."""
    arrivals = Arrivals(ring=10, ring_bytes=250)
    add(arrivals, 4, body=b"x" * 100)
    assert [each.number for each in arrivals] == [3, 4]
    add(arrivals, body=b"x" * 1000)
    assert [each.number for each in arrivals] == [5]


def test_selecting():
    """Since pages from the oldest, without it the newest come; channel and address narrow both."""
    arrivals = Arrivals()
    add(arrivals, 5)
    add(arrivals, 5, channel="slack", to="T/B/x")

    def numbers(channel=None, **more):
        return [each.number for each in arrivals.select(channel, **more)]

    assert numbers(limit=3) == [8, 9, 10]
    assert numbers(since=2, limit=3) == [3, 4, 5]
    assert numbers(since=2, limit=3, newest=True) == [8, 9, 10]
    assert numbers("slack", since=0, limit=2) == [6, 7]
    assert numbers(to="T/*", limit=1) == [10]
    arrivals.clear()
    assert (numbers(), arrivals.last, arrivals.cleared, arrivals.count()) == ([], 10, 10, {})
    add(arrivals)
    assert numbers(since=10) == [11]


def test_deliveries_are_counted_by_id():
    """How often each delivery came, and what became of it, as a referee of duplicates needs it."""
    arrivals = Arrivals()
    add(arrivals, 2, delivery_id="a")
    add(arrivals, delivery_id="a", fate=Fate.UNANSWERED, status=None)
    add(arrivals, delivery_id="b", channel="slack")
    add(arrivals)
    assert arrivals.deliveries() == {"a": {Fate.ACCEPTED: 2, Fate.UNANSWERED: 1}, "b": {Fate.ACCEPTED: 1}}
    assert set(arrivals.deliveries("slack")) == {"b"}


@given(st.integers(1, 30), st.integers(0, 80), st.integers(-5, 90), st.integers(1, 40))
def test_paging_misses_and_doubles_nothing(ring, count, since, limit):
    """Paging on by the last number seen yields every kept arrival after `since`, once, in order."""
    arrivals = Arrivals(ring=ring)
    add(arrivals, count)
    seen, at = [], since
    while page := arrivals.select(since=at, limit=limit):
        seen += [each.number for each in page]
        at = seen[-1]
    assert seen == [number for number in range(max(1, count - ring + 1), count + 1) if number > since]


async def test_the_api_lists_counts_and_clears(client):
    """List, count, stats, one by number, deliveries and clear say the same about the same arrivals."""
    headers = {"Authorization": "Bearer AbCdEfGhIjKlMnOpQrSt", "x-bellhop-delivery": "hipchat/a/b/c"}
    for room in ("Ops", "Ops", "missing"):
        await client.ask("POST", f"/v2/room/{room}/notification", json={"message": "x"}, headers=headers)
    await client.ask("POST", "/nowhere", data=b"x")

    listed = await client.arrivals("channel=hipchat&to=O*")
    assert [each["number"] for each in listed] == [1, 2]
    assert listed[0]["headers"]["Authorization"] == "Bearer AbCd…QrSt"
    assert listed[0]["delivery_id"] == "hipchat/a/b/c"
    assert "headers" not in (await client.arrivals("brief=1"))[0]
    counted = (await client.ask("GET", "/api/arrivals/count?channel=hipchat"))[1]
    assert counted == {"arrived": 3, "accepted": 2, "refused": 1, "probed": 0, "unanswered": 0}
    stats = (await client.ask("GET", "/api/stats"))[1]
    assert stats["channels"]["hipchat"]["by_status"] == {"204": 2, "404": 1}
    assert stats["channels"]["other"]["refused"] == 1
    assert (await client.ask("GET", "/api/arrivals/3"))[1]["to"] == "missing"
    assert (await client.ask("GET", "/api/arrivals/99"))[0] == 404
    deliveries = (await client.ask("GET", "/api/arrivals/deliveries"))[1]["deliveries"]
    assert deliveries["hipchat/a/b/c"]["accepted"] == 2
    assert (await client.ask("DELETE", "/api/arrivals"))[1]["kept"] == 0
    assert await client.arrivals() == []


async def test_the_state_can_be_cleared(client):
    """One call forgets arrivals, faults, incidents and used limits."""
    first = (await client.notify({"message": "x"}))[2]["X-FloodControl-Remaining"]
    await client.ask("PUT", "/api/faults", json=[{"status": 500, "channel": "slack"}])
    assert (await client.ask("DELETE", "/api/state"))[0] == 200
    assert (await client.ask("GET", "/api/faults"))[1] == {"faults": []}
    assert (await client.notify({"message": "x"}))[2]["X-FloodControl-Remaining"] == first


async def test_wrong_questions(client):
    """A number that is none is a 400 with its field, another site's page 403, an unknown call 404."""
    status, content, _ = await client.ask("GET", "/api/arrivals?since=x")
    assert (status, content["error"]["field"]) == (400, "since")
    status, _, _ = await client.ask("DELETE", "/api/arrivals", headers={"Origin": "http://evil.example"})
    assert status == 403
    assert (await client.ask("GET", "/api/nothing"))[0] == 404


@given(st.text(max_size=80))
def test_a_mask_never_shows_more_than_its_ends(secret):
    """Short secrets vanish; of long ones at most eight characters are shown, never the whole."""
    shown = mask(secret)
    if len(secret) < 16:
        assert set(shown) <= {"•"}
    else:
        assert shown == f"{secret[:4]}…{secret[-4:]}"


@given(st.integers(1, 20), st.integers(1, 600), st.lists(st.floats(0, 50), max_size=60))
def test_a_window_never_lets_more_than_its_count_through(count, per_s, gaps):
    """Within one window at most `count` pass, and at the reset that was told the next one does."""
    limit, now, passed = Windows(Rate(count, per_s)), 1000.0, {}
    standing = limit.look("k", now)
    for gap in gaps:
        now += gap
        standing = limit.take("k", now)
        passed[standing.reset_at] = passed.get(standing.reset_at, 0) + standing.allowed
    assert all(number <= count for number in passed.values())
    assert limit.take("k", standing.reset_at).allowed


def test_a_bucket_refills():
    """A burst passes, then one a second."""
    bucket = Buckets(Rate(1, 1), 3)
    assert [bucket.take("k", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert bucket.take("k", 1.0) == 0
    assert bucket.take("k", 1.5) == 0.5


def test_rates():
    """The forms that a rate may have."""
    assert parse_rate("30/min") == Rate(30, 60)
    assert parse_rate("500/5min") == Rate(500, 300)
    assert parse_rate("1/s") == Rate(1, 1)
    assert parse_rate("off") is None
