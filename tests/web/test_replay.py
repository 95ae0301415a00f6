"""`/replay`: says what it would do, does that and no more, for editors, with a line in the audit log for each app."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fakes.console import PASSWORD
from fakes.history import Fed
from fakes.pipeline import checkout, room
from web.test_hostile import NASTY, is_harmless

from worker.models import App
from worker.web.roles import Role

FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
PAUSED = b'{"until_ms":0,"paused":1764000000000,"why":"404","bad":0,"denied":3}'


@pytest.fixture
async def fake(consoles):
    """A console on a Redis with dead letters: two of checkout, one of search; another delivery is owed."""
    apps = [checkout(room("room")), App("search", {"room": room("room", app="search")})]
    return await consoles(apps, web_password=PASSWORD, prefix="t", background=())


@pytest.fixture
async def fed(fake):
    """What writes into that Redis as workers do."""
    fed = Fed(fake.redis)
    await dead(fed, "one", reason="not_found")
    await dead(fed, "a/b", reason="expired")
    await dead(fed, "s", reason="not_found", app="search")
    await fed.dispatch("owed")
    yield fed
    fed.history.close()


async def dead(fed, *ids, reason="not_found", **fields):
    """Events whose deliveries have failed for good."""
    await fed.settle(*await fed.dispatch(*ids, **fields), outcome="failed", reason=reason, dead=True)


async def letters(fed):
    """The dead letters there are."""
    return sorted([ref.decode().rpartition("room/")[2] for ref in await fed.redis.zrange("t:dead", 0, -1)])


async def press(visitor, answer, **changed):
    """Send the form that a dry run has made."""
    fields = {name: unescape(value) for name, value in FIELD.findall(answer.text)}
    return await visitor.send("/replay", **{**fields, **changed})


async def entries(fake):
    """(who, what, app, how many) of the audit log."""
    found = (await fake.console.audit.entries()).entries
    return [(one.who, one.app, one.detail) for one in found if one.what == "deliveries.replayed"]


async def state(fed):
    """All that Redis has of deliveries."""
    return {key: await fed.redis.dump(key) for key in await fed.redis.keys("t:*") if b"session" not in key}


async def test_a_dry_run_says_what_would_be_replayed_and_changes_nothing(fake, fed):
    """How many, of which apps, and each of them; Redis is as it was."""
    visitor = await fake.visitor("admin")
    before = await state(fed)
    answer = await visitor.get("/replay")
    assert "3 deliveries of 2 apps would be tried again" in answer.words
    assert "checkout: 2" in answer.words
    assert all(f'href="/events/{name}"' in answer.text for name in ("checkout/one", "checkout/a%2Fb", "search/s"))
    assert "checkout/owed" not in answer.text
    assert await state(fed) == before


async def test_what_was_shown_is_replayed_and_no_more(fake, fed):
    """A letter that dies after the look stays; the second press finds nothing; the log has one entry per app."""
    visitor = await fake.visitor("admin")
    answer = await visitor.get("/replay")
    await fed.redis.zadd("t:dead", {"hipchat/checkout/room/owed": 9e12})
    done = await press(visitor, answer)
    assert (done.status, done.headers["Location"]) == (303, "/deliveries")
    assert "3 deliveries are owed again" in (await visitor.get("/deliveries")).words
    assert await letters(fed) == ["owed"]
    assert await entries(fake) == [("admin", "search", "1"), ("admin", "checkout", "2")]
    assert (await press(visitor, answer)).status == 303
    assert "Nothing was left to replay" in (await visitor.get("/deliveries")).words
    assert len(await entries(fake)) == 2


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("app=checkout&event=one&destination=room", ["a/b", "s"]),
        ("app=checkout&event=a%2Fb", ["one", "s"]),
        ("reason=not_found", ["a/b"]),
        ("state=failed&channel=hipchat&app=search", ["a/b", "one"]),
        ("last=1h", []),
        ("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", ["a/b", "one", "s"]),
        ("state=owed", ["a/b", "one", "s"]),
        ("destination=other", ["a/b", "one", "s"]),
    ],
)
async def test_a_filtered_set(fake, fed, query, left):
    """One delivery, all of an event, or whatever the list's filters choose."""
    visitor = await fake.visitor("admin")
    answer = await visitor.get(f"/replay?{query}")
    if len(left) < 3:
        await press(visitor, answer)
    else:
        assert "There is no dead letter to replay" in answer.words
    assert await letters(fed) == left


async def test_an_event_is_meant_by_its_own_id(fake, fed):
    """`checkout/one` may be the id of another event."""
    answer = await (await fake.visitor("admin")).get("/replay?app=checkout&event=checkout/one")
    assert "There is no dead letter" in answer.words


async def test_a_form_without_a_dry_run_is_shown_one(fake, fed):
    """Nothing is replayed by who has not seen what."""
    visitor = await fake.visitor("admin")
    answer = await visitor.send("/replay", app="checkout")
    assert (answer.status, "2 deliveries of the app checkout" in answer.words) == (200, True)
    assert len(await letters(fed)) == 3


async def test_it_takes_an_editor(fake, fed):
    """Others' apps are not there, viewers are refused, and of several apps those alone are replayed that may be."""
    bob = await fake.logged_in("bob", "checkout", Role.VIEWER)
    assert (await bob.get("/replay?app=search")).status == 404
    assert (await bob.get("/replay?app=checkout")).status == 403
    assert (await bob.send("/replay", app="checkout", died="9" * 14)).status == 403
    assert (await bob.send("/replay", app="search", died="9" * 14)).status == 404
    nothing = await bob.get("/replay")
    assert "2 of checkout are left out" in nothing.words
    assert "search" not in nothing.words
    await press(bob, nothing, died="9" * 14)
    assert len(await letters(fed)) == 3
    await fake.console.users.grant("bob", "search", Role.EDITOR)
    both = await bob.get("/replay")
    assert "2 of checkout are left out" in both.words
    await press(bob, both)
    assert await letters(fed) == ["a/b", "one"]
    assert await entries(fake) == [("bob", "search", "1")]


async def test_a_paused_destination_is_told_of(fake, fed):
    """What is replayed to it would be skipped."""
    await fake.redis.hset("t:troubles", "checkout/room", PAUSED)
    answer = await (await fake.visitor("admin")).get("/replay?app=checkout")
    assert "room of checkout is paused" in answer.words
    assert "of search is paused" not in answer.words


@pytest.mark.parametrize("query", ["state=bad", "last=2h", "from=x"])
async def test_what_cannot_be_asked_for_is_told(fake, query):
    """422, with the parameter's name."""
    answer = await (await fake.visitor("admin")).get(f"/replay?{query}")
    assert (answer.status, f"{query.partition('=')[0]}: " in answer.words) == (422, True)


@pytest.mark.parametrize("nasty", NASTY)
async def test_whatever_is_asked_for_and_stored_is_shown_as_text(fake, fed, nasty):
    """Titles and ids, and what an address has."""
    await dead(fed, nasty, title=nasty)
    visitor = await fake.visitor("admin")
    assert is_harmless((await visitor.get("/replay")).text)
    for name in ("event", "destination", "died"):
        assert is_harmless((await visitor.ask("GET", "/replay", params={name: nasty})).text)
