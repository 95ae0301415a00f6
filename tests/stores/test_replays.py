"""Dead letters: which are found, by what, and that a replay owes these again and no others."""

from __future__ import annotations

import math

import pytest
from fakes.history import Fed

from worker.explain import explain
from worker.replays import LetterFilter, dead_letters, ledger_for_replays, replay
from worker.stores.records import Records
from worker.web.timeline import ways


@pytest.fixture
async def fed():
    """A Redis with dead letters of three events of two apps, one that was delivered, and one that is owed."""
    one = Fed()
    for event_id, app, reason in (
        ("e1", "checkout", "not_found"),
        ("e2", "checkout", "expired"),
        ("e3", "search", "expired"),
    ):
        await one.settle(*await one.dispatch(event_id, app=app), outcome="failed", reason=reason, dead=True)
    await one.settle(*await one.dispatch("fine"))
    await one.dispatch("owed")
    yield one
    await one.close()


async def found(fed, **wanted):
    """The ids of the events of those that fit."""
    return [letter.event.id for letter in await dead_letters(fed.redis, "t", LetterFilter(**wanted))]


async def test_dead_letters_are_found_by_what_is_asked_for(fed):
    """Apps, event, destination, channel, outcome and reason each narrow it down; nothing at all does not."""
    assert await found(fed) == ["e1", "e2", "e3"]
    assert await found(fed, apps={"search"}) == ["e3"]
    assert await found(fed, apps=()) == []
    assert await found(fed, event="e2") == await found(fed, event="checkout/e2") == ["e2"]
    assert await found(fed, event="search/e2") == []
    assert await found(fed, destination="room", channel="hipchat", outcome="failed", reason="not_found") == ["e1"]
    for nobody in ({"destination": "pager"}, {"channel": "slack"}, {"outcome": "skipped"}, {"reason": "ok"}):
        assert await found(fed, **nobody) == []


async def test_both_ends_of_a_time_are_within(fed):
    """A letter's own time, taken from one look, finds it in the next, and not those that die later."""
    first, *_, last = await dead_letters(fed.redis, "t", LetterFilter())
    assert "e3" in await found(fed, since=last.died_at, until=last.died_at)
    assert await found(fed, until=first.died_at - 0.001) == await found(fed, since=last.died_at + 0.001) == []
    assert "e1" in await found(fed, came_since=first.came_at, came_until=first.came_at)
    assert await found(fed, came_since=last.came_at + 0.001, came_until=math.inf) == []


async def test_at_most_so_many_are_looked_up(fed):
    """Those that died first."""
    letters = await dead_letters(fed.redis, "t", LetterFilter(), at_most=2)
    assert [letter.event.id for letter in letters] == ["e1", "e2"]


async def test_a_letter_whose_event_is_gone_is_none(fed):
    """Nothing could be sent of it."""
    await fed.redis.delete("t:event:checkout/e1")
    assert await found(fed) == ["e2", "e3"]


async def test_a_letter_that_cannot_be_read_holds_up_no_other(fed):
    """A newer version may have written its record, before somebody went back to this one."""
    await fed.redis.set("t:record:checkout/room/e2", b'{"reason":"of_next_year","outcome":"failed"}')
    assert await found(fed) == ["e1", "e3"]
    assert await found(fed, event="e2") == []


async def test_what_was_found_is_owed_again_and_nothing_else(fed):
    """Each once, though two people replay them; who asks is told how far it is."""
    letters = await dead_letters(fed.redis, "t", LetterFilter(apps={"checkout"}))
    ledger, told = ledger_for_replays(fed.redis, "t", 72), []
    assert await replay(ledger, letters, told.append) == 2
    assert await replay(ledger, letters) == 0
    assert told == [2]
    assert await found(fed) == ["e3"]
    assert (await ledger.counts())["woken"] == 3


async def test_many_are_replayed_in_batches():
    """More than one batch, with none left out."""
    fed = Fed(limits={"each": 1000})
    refs = await fed.dispatch(*(f"many-{number}" for number in range(450)))
    await fed.settle(*refs, outcome="failed", reason="expired", dead=True)
    letters, told = await dead_letters(fed.redis, "t", LetterFilter(reason="expired")), []
    assert await replay(ledger_for_replays(fed.redis, "t", 72), letters, told.append) == 450
    assert told == [200, 200, 50]
    await fed.close()


async def test_what_had_been_tried_is_kept_and_told(fed):
    """A replay begins again from attempt 1, and the failure before it stays to be seen, in words and step by step."""
    await replay(ledger_for_replays(fed.redis, "t", 72), await dead_letters(fed.redis, "t", LetterFilter(event="e1")))
    (record,) = await Records(fed.redis, "t").find("e1", ["checkout"])
    (delivery,) = record.deliveries
    assert (delivery.state, delivery.attempts) == ("owed", [])
    assert [attempt["reason"] for attempt in delivery.before_replay] == ["not_found"]
    assert delivery.as_json()["before_replay"] == list(delivery.before_replay)
    assert "Then it was replayed, and began again. It is owed, and was not tried yet." in explain(record, {}, 0)[1]
    titles = [step.title for step in ways(record, 0)[0].steps]
    assert titles == ["Attempt 1", "Replayed: it began again", "Owed, and not tried yet"]
