"""The list of apps and an app's page: what is listed, found, added, switched and deleted, and by whom."""

from __future__ import annotations

import orjson
import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room

from worker.channels import CHANNELS
from worker.models import App, Destination
from worker.settings_fields import settings_from_pairs
from worker.web.destination_rows import leads_to
from worker.web.roles import Role

ROOM = "/apps/checkout/destinations/ops-room"


def destination(name, kind, /, app="checkout", **pairs):
    """One with these settings."""
    pairs = {key.replace("__", "."): value for key, value in pairs.items()}
    return Destination(app, name, kind, settings_from_pairs(pairs, CHANNELS[kind]))


@pytest.fixture
async def fake(consoles):
    """Two apps; the admin can log in."""
    return await consoles([checkout(), App("search")], web_password=PASSWORD)


@pytest.fixture
async def admin(fake):
    """The admin's browser."""
    return await fake.visitor("admin")


async def test_apps_are_listed_with_what_matters(consoles):
    """Destinations, those enabled, channels, trouble; each leads to its page."""
    fake = await consoles([checkout(room(), room("off", enabled=False)), App("empty")])
    await fake.redis.hset("bellhop:troubles", "checkout/ops-room", _trouble())
    await fake.redis.hset("bellhop:app:checkout", "bad", b"{}")
    page = await (await fake.visitor()).get("/apps")
    assert "checkout 3 2 hipchat 1 in trouble 1 cannot be read empty 0 0" in page.words
    assert 'href="/apps/checkout"' in page.text


async def test_apps_are_searched_and_paged(consoles):
    """A part of the name in any case finds them; a hundred stand on a page, and the next begins behind."""
    fake = await consoles([App(f"app-{number:03}") for number in range(250)])
    visitor = await fake.visitor()
    first = await visitor.get("/apps")
    assert ("app-099" in first.text, "app-100" in first.text) == (True, False)
    assert 'href="/apps?q=&amp;after=app-099"' in first.text
    second = await visitor.get("/apps?q=&after=app-099")
    assert ("app-099<" in second.text, "app-100" in second.text) == (False, True)
    third = await visitor.get("/apps?q=&after=app-199")
    assert ('rel="next"' in third.text, "app-249" in third.text) == (False, True)
    found = await visitor.get("/apps?q=PP-24")
    assert ("app-240" in found.text, "app-239" in found.text) == (True, False)
    assert "No app&#39;s name holds that" in (await visitor.get("/apps?q=nothing")).text


async def test_an_app_is_added_by_who_may(fake, admin):
    """Its page opens, and says what is next; a name that is taken or cannot be one is told beside the field."""
    answer = await admin.send("/apps", page="/apps", name=" billing ")
    assert (answer.status, answer.headers["Location"]) == (303, "/apps/billing")
    page = await admin.get("/apps/billing")
    assert "billing was added. Now say where its alerts go." in page.words
    assert "No destination yet" in page.words
    assert all(f"new?channel={name}" in page.text for name in CHANNELS)
    for name, words in (
        ("billing", "there is an app billing already"),
        ("a b", "may hold 1 to 64 of the characters"),
        ("", "may hold 1 to 64"),
        ("..", "not dots alone"),
        ("<script>", "may hold 1 to 64"),
    ):
        again = await admin.send("/apps", page="/apps", name=name)
        assert again.status == 422
        assert words in again.words
        assert "<script>" not in again.text
    assert ("admin", "app.added", "") in await fake.audited()
    editor = await fake.logged_in("ed", "checkout", Role.ADMIN)
    assert (await editor.send("/apps", page="/apps", name="mine")).status == 403
    assert "Add an app" not in (await editor.get("/apps")).words
    assert await fake.console.destinations.names() == ["billing", "checkout", "search"]


async def test_an_app_is_deleted_after_a_question(fake, admin):
    """The question names what goes with it; admins of one app cannot, and others' apps are not there."""
    local = await fake.logged_in("local", "checkout", Role.ADMIN)
    assert (await local.get("/apps/checkout/delete")).status == 403
    assert (await local.send("/apps/checkout/delete", page="/apps")).status == 403
    assert (await local.send("/apps/search/delete", page="/apps")).status == 404
    asked = await admin.get("/apps/checkout/delete")
    assert "Delete the app checkout?" in asked.words
    assert "its 1 destination and their secrets, which nobody can bring back: ops-room" in asked.words
    answer = await admin.send("/apps/checkout/delete", page="/apps/checkout/delete")
    assert (answer.status, answer.headers["Location"]) == (303, "/apps")
    assert "checkout was deleted." in (await admin.get("/apps")).words
    assert await fake.console.destinations.names() == ["search"]
    assert (await admin.send("/apps/checkout/delete", page="/apps")).status == 404
    assert ("admin", "app.deleted", "") in await fake.audited()


async def test_a_destination_is_switched_and_deleted(fake, admin):
    """By the switch on the list, and after a question; what is not there is not found."""
    page = await admin.get("/apps/checkout")
    assert 'role="switch" aria-checked="true" aria-label="Enabled: ops-room"' in page.text
    answer = await admin.send(f"{ROOM}/enabled", page="/apps/checkout", enabled="false")
    assert (answer.status, answer.headers["Location"]) == (303, "/apps/checkout")
    page = await admin.get("/apps/checkout")
    assert "ops-room is disabled." in page.words
    assert 'aria-checked="false"' in page.text
    assert (await admin.send("/apps/checkout/destinations/x/enabled", page="/apps", enabled="true")).status == 404
    asked = await admin.get(f"{ROOM}/delete")
    assert "Delete ops-room of checkout? It leads to hipchat: Ops Room ." in asked.words
    revision = asked.text.partition('name="revision" value="')[2].partition('"')[0]
    assert (await admin.send(f"{ROOM}/delete", page="/apps")).status == 404, "of a revision that never was"
    answer = await admin.send(f"{ROOM}/delete", page=f"{ROOM}/delete", revision=revision)
    assert answer.headers["Location"] == "/apps/checkout"
    assert "ops-room was deleted." in (await admin.get("/apps/checkout")).words
    assert [entry[1:] for entry in await fake.audited()][:2] == [
        ("destination.deleted", "ops-room"),
        ("destination.disabled", "ops-room"),
    ]


async def test_an_apps_page_tells_how_each_destination_is(consoles):
    """Where it leads without any secret, doubts, trouble and why, how the last delivery ended; all or one channel's."""
    app = App(
        "checkout",
        {
            each.name: each
            for each in (
                room(),
                destination("clear", "hipchat", room="1", token="a" * 40, base_url="http://chat.example.com/canary1"),
                destination("hook", "webhook", url="https://hooks.example.com/canary/path", verify_tls="false"),
                destination("mail", "email", to="a@b.c,d@e.f", **{"from": "g@h.i"}, host="127.0.0.1"),
            )
        },
    )
    fake = await consoles([app])
    await fake.redis.hset("bellhop:troubles", "checkout/ops-room", _trouble(paused=1_000))
    for outcome, reason, name in (
        ("failed", "unauthorized", "ops-room"),
        ("delivered", "ok", "mail"),
        ("failed", "x", "mail"),
    ):
        result = {"app": "checkout", "destination": name, "outcome": outcome, "reason": reason, "event_id": "1"}
        await fake.redis.xadd("bellhop:results", {"result": orjson.dumps(result | {"detail": "<b>said</b>"})})
    await fake.redis.xadd("bellhop:results", {"result": orjson.dumps({"app": "other", "destination": "clear"})})
    visitor = await fake.visitor()
    page = await visitor.get("/apps/checkout")
    for words in (
        "POST https://hooks.example.com",
        "verify_tls: false; anybody in between can take the server's place",
        "base_url: http://; the token and the alerts travel in clear: use https://",
        "probably an OAuth1 token",
        "a@b.c, d@e.f",
        "host: 127.0.0.1 is not a public address",
        "paused after repeated refusals (401)",
        "unauthorized: <b>said</b>",
    ):
        assert words in page.words or words in page.text.replace("&#39;", "'"), words
    assert "canary" not in page.text
    assert "<b>said" not in page.text
    only = await visitor.get("/apps/checkout?channel=email")
    assert ("mail" in only.words, "hooks.example.com" in only.words) == (True, False)
    assert "Add E-mail" in only.words
    none = await visitor.get("/apps/checkout?channel=slack")
    assert "No Slack destination yet" in none.words
    assert (await visitor.get("/apps/checkout?channel=<b>")).status == 200


@pytest.mark.parametrize(
    ("found", "where"),
    [
        (room(), "Ops Room"),
        (destination("x", "slack", token="xoxb-1", channel="#ops"), "#ops"),
        (destination("x", "slack", webhook_url="https://hooks.slack.com/services/canary"), ""),
        (destination("x", "nagios", host="nagios.example.com"), "nagios.example.com"),
        (destination("x", "nagios", via="command_file", path="/run/nagios.cmd"), "/run/nagios.cmd"),
        (destination("x", "pagerduty", routing_key="a1" * 16), ""),
        (destination("x", "email", to=",".join(["someone@example.com"] * 50), **{"from": "a@b.c"}, host="x.y"), None),
        (Destination("checkout", "x", "telex", None), ""),
    ],
)
def test_where_a_destination_leads_is_told_in_its_own_words(found, where):
    """The first thing that somebody filled in and that is no secret, bounded."""
    told = leads_to(found)
    assert told == where if where is not None else len(told) <= 121


async def test_many_destinations_are_a_page(consoles):
    """A thousand of them are listed, and the page is still a page."""
    names = [f"room-{number:04}" for number in range(1000)]
    fake = await consoles([App("checkout", {name: room(name) for name in names})])
    page = await (await fake.visitor()).get("/apps/checkout")
    assert page.status == 200
    assert all(f">{name}</a>" in page.text for name in (names[0], names[-1]))


def _trouble(paused=0):
    return orjson.dumps({"until_ms": 0, "paused": paused, "why": "401", "bad": 0, "denied": 3})
