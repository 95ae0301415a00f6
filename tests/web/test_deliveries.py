"""`/deliveries`: filters, pages by cursor, an app's tab, and nothing of others' apps."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fakes.console import PASSWORD
from fakes.history import DELIVERED, NOW, found, history_of
from fakes.pipeline import checkout, room
from web.test_hostile import NASTY, is_harmless

from worker.models import App
from worker.web.deliveries_pages import SHOWN
from worker.web.history_values import Standing
from worker.web.roles import Role

SEARCH = App("search", {"room": room("room", app="search")})
FAILED = Standing("failed", "not_found", 1, 404, NOW, NOW + 1, None, 1000.0, detail="404 Room not found")
RETRYING = Standing("retrying", "server_error", 2, 503, NOW, None, NOW + 900, 40.0, detail="503 later", ambiguous=True)


def past():
    """Many events of one app, the last of which failed and waits, and one of another's."""
    many = [found(NOW + n, id=f"e{n}", title=f"Load {n}.", standings=[DELIVERED]) for n in range(SHOWN + 5)]
    to = (("room", "hipchat"), ("chat", "slack"))
    last = found(NOW + 800, id="last/1", title="The last.", severity="critical", to=to, standings=[FAILED, RETRYING])
    return [*many, last, found(NOW + 5, app="search", id="s", title="Of others.")]


async def started(consoles, *events):
    """A console that has read these."""
    history = history_of(*events)
    return await consoles(
        [checkout(), SEARCH], web_password=PASSWORD, history=history, background=(), now=lambda: NOW + 840
    )


@pytest.fixture
async def fake(consoles):
    """A console that has read the past."""
    return await started(consoles, *past())


def rows(answer):
    """(title, destination) of each row."""
    found_rows = re.findall(
        r'class="titled"><a href="[^"]*">([^<]*)</a>.*?data-label="Destination">(\S+)', answer.text, re.DOTALL
    )
    return [(unescape(title), name) for title, name in found_rows]


def link(answer, words):
    """Where the link with these words leads."""
    return unescape(re.search(rf'href="([^"]*)"[^>]*>{words}<', answer.text)[1])


async def test_the_list_tells_where_each_delivery_stands(fake):
    """State, reason, what they said, how often it was tried, when it is tried next, and the way to its timeline."""
    answer = await (await fake.visitor("admin")).get("/deliveries")
    assert rows(answer)[:3] == [("The last.", "chat"), ("The last.", "room"), (f"Load {SHOWN + 4}.", "room")]
    for words in (
        "not found : 404 Room not found",
        "server error : 503 later",
        "next attempt in 60 s",
        "perhaps twice",
    ):
        assert words.replace(" :", ":") in answer.words
    assert 'href="/events/checkout/last%2F1#to-chat"' in answer.text
    assert 'id="list" data-part' in answer.text


async def test_pages_follow_each_other_by_cursor(fake):
    """No delivery twice and none left out, whatever comes meanwhile; a cursor that nobody gave out is no page."""
    visitor = await fake.visitor("admin")
    first = await visitor.get("/deliveries?app=checkout")
    second = await visitor.get(link(first, "Older"))
    both = rows(first) + rows(second)
    assert (len(both), len(set(both)), len(rows(first))) == (SHOWN + 7, SHOWN + 7, SHOWN)
    assert "Older" not in second.text
    assert link(second, "Newest") == "/deliveries?app=checkout"
    for cursor in ("x", "1", "-1.0", "9" * 40 + ".1", "1.2.3"):
        assert len(rows(await visitor.get(f"/deliveries?before={cursor}"))) == SHOWN


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("app=checkout&state=failed", [("The last.", "room")]),
        ("state=retrying&channel=slack&reason=server_error&destination=chat", [("The last.", "chat")]),
        ("app=search", [("Of others.", "room")]),
        ("destination=nowhere", []),
        ("from=2025-11-24T16:13:00Z&to=2025-11-24T16:13:20Z", [("The last.", "chat"), ("The last.", "room")]),
        ("from=2025-11-24T16:13:20.001Z&to=2025-11-25T00:00:00Z", []),
        ("last=1h&state=owed", [("Of others.", "room")]),
    ],
)
async def test_filters(fake, query, expected):
    """By app, destination, channel, state, reason and time; the form shows what is asked for."""
    answer = await (await fake.visitor("admin")).get(f"/deliveries?{query}")
    assert (answer.status, rows(answer)) == (200, expected)
    assert ("No delivery fits" in answer.words) == (not expected)
    assert ">Clear<" in answer.text


@pytest.mark.parametrize("query", ["state=bad", "channel=pigeon", "reason=mood", "last=2h", "from=yesterday"])
async def test_what_cannot_be_asked_for_is_told(fake, query):
    """In a sentence with the parameter's name, over the whole list."""
    answer = await (await fake.visitor("admin")).get(f"/deliveries?{query}")
    assert answer.status == 422
    assert f"{query.partition('=')[0]}: " in answer.words
    assert len(rows(answer)) == SHOWN


async def test_an_apps_deliveries_are_its_third_tab(fake):
    """Beside its destinations and its events, each of which leads there."""
    visitor = await fake.visitor("admin")
    for path in ("/apps/checkout", "/apps/checkout/events", "/deliveries?app=checkout"):
        answer = await visitor.get(path)
        parts = re.search(r'aria-label="Parts of checkout">(.*?)</nav>', answer.text)[1]
        assert re.findall(r">(\w+)</a>", parts) == ["Destinations", "Events", "Deliveries"]
        assert f'href="{path}" aria-current="page"' in parts
    assert "Parts of" not in (await visitor.get("/deliveries?app=nobody")).text


async def test_others_deliveries_are_not_there(fake):
    """An app that may not be seen is like one that does not exist; viewers are not offered to replay."""
    bob = await fake.logged_in("bob", "search", Role.VIEWER)
    assert rows(await bob.get("/deliveries")) == [("Of others.", "room")]
    hidden, missing = [await bob.get(f"/deliveries?app={name}") for name in ("checkout", "nowhere1")]
    assert rows(hidden) == []
    assert re.sub(r"checkout|[\w=&;.-]{60,}", "nowhere1", hidden.text) == re.sub(
        r"[\w=&;.-]{60,}", "nowhere1", missing.text
    )
    assert "Replay" not in (await bob.get("/deliveries?app=search")).text
    eve = await fake.logged_in("eve", "search", Role.EDITOR)
    assert link(await eve.get("/deliveries?app=search"), "Replay dead letters…") == "/replay?app=search"


@pytest.mark.parametrize("nasty", NASTY)
async def test_whatever_a_producer_sends_is_shown_as_text(consoles, nasty):
    """Title, id, destination and the vendor's words come out escaped."""
    standing = Standing("failed", "not_found", 1, 404, NOW, NOW + 1, None, 1000.0, detail=nasty)
    fake = await started(consoles, found(id=nasty, title=nasty, to=[(nasty, nasty)], standings=[standing]))
    visitor = await fake.visitor("admin")
    for query in ({}, {"app": nasty, "destination": nasty}, {"state": nasty}):
        assert is_harmless((await visitor.get("/deliveries", params=query)).text)
