"""Who did what: who may read it, how it is narrowed down, and that it stays bounded."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout

from worker.models import App
from worker.web.audit import Audit
from worker.web.roles import ALL_APPS, Kind, Role, User

BOB = User("bob", address="192.0.2.1")


@pytest.fixture
async def two(consoles):
    """A console with two apps, and an entry for each and for none."""
    fake = await consoles([checkout(), App("search")], web_password=PASSWORD)
    audit = fake.console.audit
    await audit.record(BOB, "destination.saved", app="checkout", subject="ops-room", detail="token, room")
    await audit.record(User("ci", kind=Kind.TOKEN), "destination.tested", app="search", subject="room")
    await audit.record(User("root", kind=Kind.SHELL), "user.added", subject="eve")
    return fake


async def told(visitor, query=""):
    """What the page tells: the dotted words in order."""
    return re.findall(r"<code>([a-z.]+)</code>", (await visitor.get(f"/audit{query}")).text)


async def test_all_of_it_is_for_who_may_administer_everything(two):
    """Everybody else is told of the apps that they may edit, and a viewer of none."""
    every = ["logged.in", "user.added", "destination.tested", "destination.saved"]
    assert await told(await two.visitor("admin")) == every
    assert await told(await two.logged_in("ed", "checkout", Role.EDITOR)) == ["destination.saved"]
    assert await told(await two.logged_in("al", "search", Role.ADMIN)) == ["destination.tested"]
    assert await told(await two.logged_in("vi", ALL_APPS, Role.VIEWER)) == []
    assert await told(await two.logged_in("em", ALL_APPS, Role.EDITOR)) == ["destination.tested", "destination.saved"]


async def test_it_is_narrowed_down(two):
    """By who, what and app, or by part of them."""
    visitor = await two.visitor("admin")
    assert await told(visitor, "?who=BO") == ["destination.saved"]
    assert await told(visitor, "?what=destination&app=search") == ["destination.tested"]
    assert await told(visitor, "?what=nothing") == []
    page = (await visitor.get("/audit?who=bob")).words
    assert all(word in page for word in ("bob", "192.0.2.1", "ops-room", "token, room", "checkout", "Clear"))


async def test_it_has_pages(two):
    """A hundred at a time, with what was asked for kept from page to page."""
    for number in range(150):
        await two.console.audit.record(BOB, "thing.done", subject=f"n{number}")
    visitor = await two.visitor("admin")
    first = await visitor.get("/audit?who=b%26b")
    assert "Older" not in first.words
    first = await visitor.get("/audit?who=bob&what=done")
    assert "n149" in first.words
    assert "n49 " not in first.words
    older = re.search(r'href="(/audit\?[^"]*before[^"]*)"', first.text)[1].replace("&amp;", "&")
    assert "who=bob" in unquote(older)
    second = await visitor.get(older)
    assert "n49" in second.words
    assert "n0" in second.words
    assert "Newest" in second.words
    for junk in ("x", "1-1 +", "9" * 40 + "-0", "-", "("):
        assert (await visitor.ask("GET", "/audit", params={"before": junk})).status == 200


async def test_it_stays_bounded(fake):
    """About as many entries as the setting says are kept, the newest."""
    audit = Audit(fake.redis, "t", kept=1000)
    for number in range(1500):
        await audit.record(BOB, "thing.done", subject=str(number))
    assert 1000 <= await fake.redis.xlen("t:audit") < 1300
    assert (await audit.entries(limit=1)).entries[0].subject == "1499"


async def test_a_rare_entry_is_looked_for_on_further_pages(fake):
    """Where what fits lies far back, the page says so and goes on from there."""
    audit = Audit(fake.redis, "t", kept=100_000)
    await audit.record(BOB, "rare.thing")
    async with fake.redis.pipeline() as pipe:
        for _ in range(20_500):
            pipe.xadd("t:audit", {"who": "bob", "what": "thing.done"})
        await pipe.execute()
    first = await audit.entries(lambda entry: entry.what == "rare.thing")
    assert (first.entries, bool(first.older)) == ([], True)
    second = await audit.entries(lambda entry: entry.what == "rare.thing", before=first.older)
    assert [entry.what for entry in second.entries] == ["rare.thing"]
    assert second.older == ""
