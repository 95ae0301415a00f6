"""The ledger's scripts, on fakeredis and on a real server alike."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import fakeredis
import pytest

from worker.channels.channel import Limit
from worker.events import dump_event, parse_event
from worker.stores.connection import async_redis
from worker.stores.ledger import Ledger, line_of
from worker.stores.ledger_values import Claim, LedgerLimits, Owing, Settlement
from worker.stores.troubles import Troubles

LONG = LedgerLimits(lease_ms=60_000, wake_ms=60_000, slack_ms=0)


@pytest.fixture(params=["fake", "real"])
async def client(request, redis_server):
    """An empty Redis, in memory and real."""
    if request.param == "fake":
        redis = fakeredis.FakeAsyncRedis()
    else:
        redis = async_redis(redis_server.url)
        await redis.flushall()
    yield redis
    await redis.aclose()


async def owing(ledger, number, *, key="k", status="firing", destination="room", severity="warning"):
    """One event that is owed to one destination."""
    fields = {"app": "a", "id": str(number), "title": "t", "status": status, "dedup_key": key, "severity": severity}
    event = parse_event(fields, default_id="", received_at=await ledger.now(), max_bytes=10_000)
    return Owing(f"celery:{number}", event, dump_event(event), f"{destination}=hipchat", 1)


def settlement(claim, event, **options):
    """A settlement of a claim."""
    return Settlement(**{"lease": claim.lease, "record": b"{}", "line": line_of(event), **options})


async def test_a_delivery_goes_through_all_its_states(client):
    """Dispatched, claimed, owed again, woken, claimed and settled: in one set at a time, and in none at the end."""
    ledger = Ledger(client, "t", LONG)
    owed = await owing(ledger, 1)
    (ref,) = (await ledger.dispatch([owed])).woken
    _, (claim,), _ = await ledger.claim([(ref, ())])
    assert await ledger.counts() == {"waiting": 0, "owed": 0, "woken": 0, "leased": 1}
    await ledger.settle([settlement(claim, owed.event, due_ms=1)])
    assert await ledger.counts() == {"waiting": 0, "owed": 1, "woken": 0, "leased": 0}
    assert (await ledger.wake(10)).refs == [ref]
    now, (claim,), _ = await ledger.claim([(ref, ())])
    assert abs(now - await ledger.now()) < 5
    await ledger.settle([settlement(claim, owed.event, result=b'{"outcome":"delivered"}')])
    assert set((await ledger.counts()).values()) == {0}
    assert await client.xlen("t:results") == 1
    assert await client.exists("t:heads", "t:busy", "t:marks") == 0


async def test_a_delivery_is_claimed_once(client):
    """Of many workers that claim at the same time one gets it."""
    ledgers = [Ledger(client, "t", LONG) for _ in range(8)]
    (ref,) = (await ledgers[0].dispatch([await owing(ledgers[0], 1)])).woken
    claims = await asyncio.gather(*(ledger.claim([(ref, ())]) for ledger in ledgers))
    assert sum(len(claimed) for _, claimed, _ in claims) == 1


async def test_only_the_holder_settles(client):
    """A lease that has gone to another cannot be settled by who had it before."""
    ledger, other = Ledger(client, "t", LedgerLimits(lease_ms=1, wake_ms=1)), Ledger(client, "t", LONG)
    owed = await owing(ledger, 1)
    (ref,) = (await ledger.dispatch([owed])).woken
    _, (stalled,), _ = await ledger.claim([(ref, ())])
    await asyncio.sleep(0.01)
    assert (await other.wake(10)).ended == [ref]
    _, (claim,), _ = await other.claim([(ref, ())])
    assert claim.deaths == 1
    assert (await ledger.settle([settlement(stalled, owed.event)])).lost == {stalled.lease}
    assert (await other.settle([settlement(claim, owed.event)])).lost == frozenset()


async def test_renewed_leases_do_not_end(client):
    """A sign of life in time keeps a slow vendor's delivery from going out twice."""
    ledger = Ledger(client, "t", LedgerLimits(lease_ms=300, wake_ms=60_000))
    (ref,) = (await ledger.dispatch([await owing(ledger, 1)])).woken
    _, (claim,), _ = await ledger.claim([(ref, ())])
    for _ in range(5):
        await asyncio.sleep(0.1)
        assert await ledger.renew([claim.lease]) == 1
    assert (await ledger.wake(10)).ended == []


async def test_a_lost_wake_up_is_published_again(client):
    """What is woken and never claimed comes due again: a purged queue loses nothing."""
    ledger = Ledger(client, "t", LedgerLimits(wake_ms=1))
    (ref,) = (await ledger.dispatch([await owing(ledger, 1)])).woken
    await asyncio.sleep(0.01)
    assert (await ledger.wake(10)).refs == [ref]


async def test_wake_takes_no_more_than_there_is_room_for(client):
    """A thousand that come due at once are published in batches, none of them twice."""
    ledger = Ledger(client, "t", LONG)
    dispatched = await ledger.dispatch([await owing(ledger, n, key=str(n)) for n in range(50)])
    _, claims, _ = await ledger.claim([(ref, ()) for ref in dispatched.woken])
    events = {
        claim.ref: (await owing(ledger, claim.ref.split("/")[3], key=claim.ref.split("/")[3])) for claim in claims
    }
    await ledger.settle([settlement(claim, events[claim.ref].event, due_ms=1) for claim in claims])
    batches = [(await ledger.wake(20)).refs for _ in range(4)]
    assert [len(batch) for batch in batches] == [20, 20, 10, 0]
    assert len({ref for batch in batches for ref in batch}) == 50


async def test_the_order_of_a_condition_is_kept_per_destination(client):
    """The second of a condition waits for the first; another destination's does not."""
    ledger = Ledger(client, "t", LONG)
    first, second = await owing(ledger, 1), await owing(ledger, 2)
    elsewhere = await owing(ledger, 3, destination="other")
    woken = (await ledger.dispatch([first, second, elsewhere])).woken
    assert woken == ["hipchat/a/room/1", "hipchat/a/other/3"]
    _, claims, _ = await ledger.claim([(ref, ()) for ref in woken])
    assert (await ledger.settle([settlement(claims[0], first.event)])).woken == ["hipchat/a/room/2"]


async def test_limits_hold_over_any_window(client):
    """However often it is asked, no window of the limit's length sees more departures than it allows."""
    ledger = Ledger(client, "t", LONG)
    limit = Limit("room", 3, 0.2)
    refs = (await ledger.dispatch([await owing(ledger, n, key=str(n)) for n in range(10)])).woken
    departures = []
    while len(departures) < 10:
        now, claims, _ = await ledger.claim([(ref, (limit,)) for ref in refs])
        departures += [now] * len(claims)
        await asyncio.sleep(0.02)
        refs = (await ledger.wake(100)).refs
    assert all(later - earlier >= 0.199 for earlier, later in zip(departures, departures[3:], strict=False))


async def test_a_destination_has_its_fill_and_the_others_queue_there(client):
    """Two at a time: each that is settled lets the next one come, critical ones first, another destination at once."""
    ledger = Ledger(client, "t", replace(LONG, each=2))
    room = [await owing(ledger, n, key=str(n), severity="critical" if n == 4 else "info") for n in range(5)]
    woken = (await ledger.dispatch([*room, await owing(ledger, 9, key="9", destination="other")])).woken
    assert woken == ["hipchat/a/room/0", "hipchat/a/room/1", "hipchat/a/other/9"]
    assert await ledger.counts() == {"waiting": 3, "owed": 0, "woken": 3, "leased": 0}
    order = []
    while woken:
        _, (claim, *_), _ = await ledger.claim([(woken[0], ())])
        order.append(claim.ref[-1])
        woken = woken[1:] + (await ledger.settle([settlement(claim, room[int(claim.ref[-1]) % 5].event)])).woken
    assert order == ["0", "1", "9", "4", "2", "3"]
    assert set((await ledger.counts()).values()) == {0}
    assert await client.keys("t:queue*") == await client.keys("t:busy") == []


async def test_who_has_to_wait_for_its_time_leaves_its_place_to_others(client):
    """A retry that is not due, and one that a limit holds back, take no place at their destination."""
    ledger = Ledger(client, "t", replace(LONG, each=1))
    events = [await owing(ledger, n, key=str(n)) for n in range(3)]
    (first,) = (await ledger.dispatch(events)).woken
    _, (claim,), _ = await ledger.claim([(first, ())])
    later = int((await ledger.now() + 60) * 1000)
    (second,) = (await ledger.settle([settlement(claim, events[0].event, due_ms=later)])).woken
    assert second == "hipchat/a/room/1"
    limit = Limit("room", 1, 60)
    _, (claim,), _ = await ledger.claim([(second, (limit,))])
    (third,) = (await ledger.settle([settlement(claim, events[1].event)])).woken
    _, claims, woken = await ledger.claim([(third, (limit,))])
    assert (claims, woken) == ([], [])
    assert await ledger.counts() == {"waiting": 0, "owed": 2, "woken": 0, "leased": 0}
    assert not await client.exists("t:busy")


async def test_a_wrong_count_of_places_is_mended_when_nothing_is_under_way(client):
    """Should a count ever be too high, the destination is not closed for good."""
    ledger = Ledger(client, "t", replace(LONG, each=1))
    await client.hset("t:busy", "a/room", 7)
    await ledger.wake(10)
    assert (await ledger.dispatch([await owing(ledger, 1)])).woken == ["hipchat/a/room/1"]


async def test_one_that_queues_is_superseded_like_any_other(client):
    """A firing alert that waits for a place at its destination is not told after its resolved one came."""
    ledger = Ledger(client, "t", replace(LONG, each=1))
    other, firing = await owing(ledger, 1, key="other"), await owing(ledger, 2)
    (busy,) = (await ledger.dispatch([other, firing])).woken
    resolved = await owing(ledger, 3, status="resolved")
    dispatched = await ledger.dispatch([resolved])
    assert [lease.split("|")[1] for lease in dispatched.superseded] == ["hipchat/a/room/2"]
    _, (claim,), _ = await ledger.claim([(busy, ())])
    assert (await ledger.settle([settlement(claim, other.event)])).woken == []
    held = Claim("hipchat/a/room/2", dispatched.superseded[0], None, None)
    assert (await ledger.settle([settlement(held, firing.event)])).woken == ["hipchat/a/room/3"]


async def test_a_line_whose_head_is_gone_holds_nobody_up(client):
    """An event that a Redis which evicts threw out does not block the next alert of its condition."""
    ledger = Ledger(client, "t", LONG)
    await ledger.dispatch([await owing(ledger, 1)])
    await client.delete("t:event:a/1")
    assert (await ledger.dispatch([await owing(ledger, 2)])).woken == ["hipchat/a/room/2"]


async def test_of_more_events_than_are_kept_the_oldest_settled_ones_go(client):
    """With their records, a few with each batch; what is still owed stays, however old it is."""
    ledger = Ledger(client, "t", replace(LONG, events_kept=2))
    events = [await owing(ledger, n, key=str(n)) for n in range(5)]
    for number, event in enumerate(events):
        (ref,) = (await ledger.dispatch([event])).woken
        if number:  # the oldest one is never claimed
            _, (claim,), _ = await ledger.claim([(ref, ())])
            await ledger.settle([settlement(claim, event.event, record=b'{"outcome":"delivered"}')])
    await ledger.dispatch([await owing(ledger, 9, key="9")])
    kept = sorted(key.decode() for key in await client.keys("t:event:*"))
    assert kept == ["t:event:a/0", "t:event:a/4", "t:event:a/9"]
    assert [key.decode() for key in await client.keys("t:record:*")] == ["t:record:a/room/4"]
    assert sorted(await client.zrange("t:recent", 0, -1)) == [b"a/0", b"a/4", b"a/9"]


async def test_scripts_are_loaded_again_where_redis_forgot_them(client):
    """SCRIPT FLUSH, or a Redis that was replaced, needs no restart."""
    ledger = Ledger(client, "t", LONG)
    await ledger.dispatch([await owing(ledger, 1)])
    await client.script_flush()
    dispatched = await ledger.dispatch([await owing(ledger, 2, key="other")])
    assert dispatched.woken == ["hipchat/a/room/2"]


async def test_what_is_remembered_of_a_condition_is_found_again(client):
    """A firing's provider reference is kept for its resolved."""
    ledger = Ledger(client, "t", LONG)
    owed = await owing(ledger, 1)
    (ref,) = (await ledger.dispatch([owed])).woken
    _, (claim,), _ = await ledger.claim([(ref, ())])
    await ledger.settle([settlement(claim, owed.event, thread="C1:17.2")])
    assert await ledger.threads([("a", "room", owed.event), ("a", "other", owed.event)]) == ["C1:17.2", None]


async def test_event_records_leave_by_age(client):
    """The index of records holds nothing that is older than the retention."""
    ledger = Ledger(client, "t", LedgerLimits(retention_ms=20))
    await ledger.dispatch([await owing(ledger, 1)])
    await asyncio.sleep(0.03)
    await ledger.dispatch([await owing(ledger, 2, key="other")])
    assert await client.zrange("t:recent", 0, -1) == [b"a/2"]
    assert await client.exists("t:event:a/1") == 0


async def test_leases_are_spared_after_an_outage(client):
    """When nobody has looked for a while (Redis was away), the living renew first: nothing is taken from them."""
    ledger = Ledger(client, "t", LedgerLimits(lease_ms=100, wake_ms=60_000))
    (ref,) = (await ledger.dispatch([await owing(ledger, 1)])).woken
    _, (claim,), _ = await ledger.claim([(ref, ())])
    await client.set("t:beat", int((await ledger.now() - 60) * 1000))
    await client.zadd("t:leased", {claim.lease: 1})
    assert (await ledger.wake(10)).ended == []
    assert await ledger.renew([claim.lease]) == 1
    await asyncio.sleep(0.06)
    assert (await ledger.wake(10)).ended == []
    await asyncio.sleep(0.06)
    assert (await ledger.wake(10)).ended == [ref]


async def failing(ledger, number, *, health="bad", due_ms=1, dead=False):
    """One delivery that is claimed and settled with this news of its destination; False where it was held back."""
    owed = await owing(ledger, number, key=str(number))
    (ref,) = (await ledger.dispatch([owed])).woken
    _, claims, _ = await ledger.claim([(ref, ())])
    for claim in claims:
        await ledger.settle([settlement(claim, owed.event, due_ms=due_ms, health=health, why="x 503", dead=dead)])
    return claims[0] if claims else None


async def test_the_circuit_opens_after_failures_in_a_row_and_lets_one_probe_through(client):
    """Five failures hold the destination's deliveries back; when the pause is over one goes first, and closes it."""
    ledger = Ledger(client, "t", LONG)
    for number in range(5):
        assert await failing(ledger, number)
    assert await failing(ledger, 6) is None
    troubles = Troubles(client, "t")
    (trouble,) = (await troubles.all()).values()
    assert trouble.open_until > await ledger.now()
    await client.hset("t:troubles", "a/room", json.dumps(trouble.raw | {"until_ms": 1}))
    first, second = await owing(ledger, 7, key="7"), await owing(ledger, 8, key="8")
    refs = (await ledger.dispatch([first, second])).woken
    _, (probe,), _ = await ledger.claim([(ref, ()) for ref in refs])
    await ledger.settle([settlement(probe, first.event, health="ok")])
    assert await troubles.all() == {}


async def test_a_probe_that_fails_doubles_the_pause(client):
    """A vendor that stays down is asked less and less often, up to once a minute."""
    ledger, troubles = Ledger(client, "t", LONG), Troubles(client, "t")
    for number in range(5):
        await failing(ledger, number)
    pauses = []
    for number in range(10, 17):
        (trouble,) = (await troubles.all()).values()
        pauses.append(round(trouble.open_until - await ledger.now()))
        await client.hset("t:troubles", "a/room", json.dumps(trouble.raw | {"until_ms": 1}))
        assert await failing(ledger, number)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


async def test_half_of_them_failing_opens_the_circuit_too(client):
    """A destination that fails every other time is not healthy, though never five times in a row."""
    ledger, opened = Ledger(client, "t", LONG), False
    for number in range(0, 60, 2):
        opened = opened or await failing(ledger, number, health="bad") is None
        opened = opened or await failing(ledger, number + 1, health="bad" if number % 6 else "ok", due_ms=0) is None
    assert opened


async def test_refusals_in_a_row_pause_the_destination_and_resume_ends_it(client):
    """After three times 401 nothing is sent any more, until a Test succeeds."""
    ledger, troubles = Ledger(client, "t", LONG), Troubles(client, "t")
    for number in range(3):
        assert (await failing(ledger, number, health="denied", due_ms=0)).paused == ""
    assert (await failing(ledger, 4, health="", due_ms=0)).paused == "x 503"
    await troubles.resume("a", "room")
    assert (await failing(ledger, 5, health="ok", due_ms=0)).paused == ""


async def test_what_was_paused_by_hand_stays_so_until_it_is_resumed(client):
    """Neither the success nor the failures of what was on its way change anything, and it is not said twice."""
    ledger, troubles = Ledger(client, "t", LONG), Troubles(client, "t")
    first, second = await owing(ledger, 1, key="1"), await owing(ledger, 2, key="2")
    refs = (await ledger.dispatch([first, second])).woken
    _, claims, _ = await ledger.claim([(ref, ()) for ref in refs])
    assert [await troubles.pause("a", "room", who) for who in ("ann", "bob")] == [True, False]
    await ledger.settle([settlement(claims[0], first.event, health="ok")])
    await ledger.settle([settlement(claims[1], second.event, health="bad")])
    (trouble,) = (await troubles.all()).values()
    assert trouble.words == "paused by ann; Resume or a Test that succeeds lets it go on"
    assert (await failing(ledger, 3, health="", due_ms=0)).paused == "by ann"
    await troubles.resume("a", "room")
    assert (await failing(ledger, 4, health="ok", due_ms=0)).paused == ""


async def test_dead_letters_are_kept_and_owed_again_when_replayed(client):
    """A replay starts at attempt 1, once, and keeps what was tried before."""
    ledger = Ledger(client, "t", LONG)
    claim = await failing(ledger, 1, due_ms=0, dead=True)
    ((ref, at),) = await ledger.dead(0, 1e15)
    assert ref == claim.ref
    assert abs(at / 1000 - await ledger.now()) < 5
    event = (await owing(ledger, 1, key="1")).event
    assert await ledger.replay([(ref, event), (ref, event)]) == ([ref], 1)
    _, (again,), _ = await ledger.claim([(ref, ())])
    assert (again.record, again.deaths) == (None, 0)
    assert again.replayed_ms > 0
    assert await client.get("t:earlier:a/room/1") == b"{}"
    assert await ledger.dead(0, 1e15) == []
