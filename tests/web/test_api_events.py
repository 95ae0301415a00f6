"""Events, deliveries, replays, health and state by the HTTP API: what is on record, and nothing of others' apps."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from fakes.console import PASSWORD
from fakes.history import NOW, Fed, found, history_of
from fakes.pipeline import checkout, room
from web.api_client import Program

from worker.models import App, Event
from worker.state import WorkerState
from worker.web.api_graph import GraphAnswer
from worker.web.api_state import WorkerAnswer
from worker.web.history_feed import HistoryFeed
from worker.web.history_values import Standing
from worker.web.roles import Role

SEARCH = App("search", {"room": room("room", app="search")})
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&{{ 7*7 }}"
METRIC = {"name": "used", "unit": "bytes", "comparator": ">", "threshold": 4.0, "value": 5.5}


def past():
    """Six events of one app and one of another's, ten seconds apart."""
    failed = Standing("failed", "not_found", 1, 404, NOW, NOW + 1, None, 1000.0, detail="gone")
    mine = [
        found(NOW + 10 * n, id=f"e{n}", severity="critical" if n % 2 else "info", standings=[failed], metric=METRIC)
        for n in range(6)
    ]
    return [*mine, found(NOW + 5, app="search", id="s", title=HOSTILE)]


@pytest.fixture
async def fake(consoles):
    """A console that has read them."""
    history = history_of(*past())
    return await consoles(
        [checkout(), SEARCH], web_password=PASSWORD, history=history, background=(), now=lambda: NOW + 100
    )


@pytest.fixture
async def program(fake):
    """One that may do everything."""
    return await Program.of(fake)


async def every(program, path, **params):
    """All items of all pages."""
    items, cursor = [], ""
    while cursor is not None:
        told = await program.get(path, params={**params, "cursor": cursor})
        assert told.status == 200, told.answer.text
        items += told.json["items"]
        cursor = told.json["next"]
    return items


async def test_events_come_in_pages_with_filters(program):
    """The latest first; by app, time, severity, status and words; no page has one twice, and none is missing."""
    ids = [each["id"] for each in await every(program, "/apps/checkout/events", limit="2")]
    assert ids == ["e5", "e4", "e3", "e2", "e1", "e0"]
    both = await every(program, "/events", limit="3")
    assert [each["app"] for each in both].count("search") == 1
    assert len(both) == 7
    told = await every(program, "/apps/checkout/events", severity="critical", text="load")
    assert [each["id"] for each in told] == ["e5", "e3", "e1"]
    span = {"from": "2025-11-24T16:00:10Z", "to": "2025-11-24T17:00:30.000+01:00"}
    assert [each["id"] for each in await every(program, "/apps/checkout/events", **span)] == ["e2", "e1"]
    assert await every(program, "/events", status="resolved") == []
    assert len((await program.get(f"/events?cursor={'9' * 19}")).json["items"]) == 7


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2026-02-30T00:00:00Z", "to"),
        ("from=2026-02-03", "from"),
        ("severity=bad", "severity"),
        ("cursor=-1", "cursor"),
        ("cursor=1e3", "cursor"),
        (f"cursor={'9' * 20}", "cursor"),
        ("cursor=%D9%A3", "cursor"),
        ("app=checkout", "app"),
    ],
)
async def test_what_cannot_be_asked_for_is_told(program, query, field):
    """422, with the parameter's name."""
    told = await program.get(f"/apps/checkout/events?{query}")
    assert (told.status, set(told.problems)) == (422, {field})


@pytest.mark.parametrize("cursor", ["x", "1", "1.", ".1", "1.2.3", "-1.2", f"{'9' * 40}.1"])
async def test_cursors_of_deliveries_are_believed_in_nothing(program, cursor):
    """422 for what no answer has given."""
    assert (await program.get("/deliveries", params={"cursor": cursor})).status == 422


async def test_deliveries_come_in_pages_with_filters(program):
    """By app, destination, channel, state, reason and time."""
    told = await every(program, "/deliveries", limit="2", app="checkout")
    assert [each["event_id"] for each in told] == ["e5", "e4", "e3", "e2", "e1", "e0"]
    assert told[0] | {"app": "checkout", "state": "failed", "reason": "not_found", "status_code": 404} == told[0]
    assert len(await every(program, "/deliveries", reason="not_found", channel="hipchat", destination="room")) == 6
    assert [each["event_id"] for each in await every(program, "/deliveries", state="owed")] == ["s"]
    assert len((await program.get(f"/deliveries?cursor={'9' * 19}.{'9' * 19}")).json["items"]) == 7
    assert len(await every(program, "/deliveries", to="2025-11-24T16:00:10Z")) == 2


async def test_others_events_and_deliveries_are_not_there(fake):
    """Neither in lists, nor by their app's name, nor by their id; and what is hostile comes as it is, as JSON."""
    bob = await Program.of(fake, "search", Role.ADMIN, "bob")
    assert [each["title"] for each in await every(bob, "/events")] == [HOSTILE]
    assert [each["app"] for each in await every(bob, "/deliveries")] == ["search"]
    assert await every(bob, "/deliveries", app="checkout") == []
    for path in ("/apps/checkout/events", "/apps/checkout/events/e1", "/apps/checkout/graph"):
        assert (await bob.get(path)).status == 404
    assert (await bob.post("/replays", {"app": "checkout", "dry_run": True})).status == 404
    state = (await bob.get("/state")).json
    assert (state["apps"], state["troubles"]) == (1, [])


async def test_the_graph_is_what_the_document_says(fake, program):
    """Whole, empty, and short where nothing has changed: each is read by the model that describes it."""
    whole = await program.get("/apps/checkout/graph?last=1h")
    told = GraphAnswer.model_validate_json(whole.answer.text)
    assert (len(told.events), [each.name for each in told.metrics]) == (6, ["used"])
    assert whole.answer.headers["Content-Type"] == "application/json"
    same = await program.get("/apps/checkout/graph", params={"last": "1h", "position": told.position})
    assert GraphAnswer.model_validate_json(same.answer.text).unchanged
    nothing = await program.get("/apps/search/graph?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
    assert GraphAnswer.model_validate_json(nothing.answer.text).events == []
    assert (await program.get("/apps/checkout/graph?last=2h")).problems == {"last": "must be one of 1h, 6h, 24h, 3d"}


async def test_how_a_destination_does(fake, program):
    """Whether it is held back and why, when it last worked, how deliveries ended; resuming it is audited."""
    trouble = b'{"until_ms":0,"paused":1764000000000,"why":"401","bad":0,"denied":3}'
    await fake.redis.hset("bellhop:troubles", "search/room", trouble)
    path = "/apps/search/destinations/room"
    told = (await program.get(f"{path}/health")).json
    assert (told["paused_at"], told["owed"], told["last_success_at"]) == (1_764_000_000.0, 1, None)
    assert "401" in told["trouble"]
    assert (await program.get("/state")).json["troubles"][0]["destination"] == "room"
    viewer = await Program.of(fake, "search", Role.VIEWER, "viewer")
    assert [(await viewer.get(f"{path}/health")).status, (await viewer.post(f"{path}/resume")).status] == [200, 403]
    assert (await program.post(f"{path}/resume")).json["trouble"] == ""
    assert await fake.audited() == [("terraform", "destination.resumed", "room")]
    assert (await program.post(f"{path}/resume")).status == 200
    assert len(await fake.audited()) == 1
    assert (await program.get("/apps/search/destinations/gone/health")).status == 404


async def test_pausing_by_hand(fake, program):
    """Once, with who did it; nothing is said twice, and resuming ends it."""
    path = "/apps/search/destinations/room"
    first, second = (await program.post(f"{path}/pause")).json, (await program.post(f"{path}/pause")).json
    assert first["paused_at"] == second["paused_at"] > NOW
    assert first["trouble"] == "paused by terraform; Resume or a Test that succeeds lets it go on"
    assert (await program.get(path)).json["paused"]
    viewer = await Program.of(fake, "search", Role.VIEWER, "viewer")
    assert (await viewer.post(f"{path}/pause")).status == 403
    assert (await program.post(f"{path}/resume")).json["paused_at"] is None
    assert [what for _, what, _ in await fake.audited()] == ["destination.resumed", "destination.paused"]
    assert (await program.post("/apps/search/destinations/gone/pause")).status == 404


@asynccontextmanager
async def with_letters(consoles, *ids):
    """A console on a Redis where these events of checkout are dead letters; its ledger and feed."""
    fake = await consoles([checkout()], web_password=PASSWORD, prefix="t", background=())
    fed = Fed(fake.redis)
    fed.history.close()
    fed.history = fake.console.history
    fed.feed = HistoryFeed(fake.redis, "t", fed.history, tick_s=0.0)
    refs = await fed.dispatch(*ids, to="ops-room=hipchat")
    await fed.settle(*refs, outcome="failed", reason="not_found", dead=True)
    yield fake, fed


async def test_replay_says_first_and_then_does(consoles):
    """A dry run changes nothing; the real one owes each again, once, and the audit log has it with the count."""
    async with with_letters(consoles, "a/b", "two") as (fake, fed):
        program = await Program.of(fake)
        dry = (await program.post("/replays", {"dry_run": True, "reason": "not_found"})).json
        assert (dry["found"], dry["more"], dry["replayed"], dry["by_app"]) == (2, False, 0, {"checkout": 2})
        assert {each["event_id"] for each in dry["items"]} == {"a/b", "two"}
        assert (await fed.ledger.counts())["owed"] == 0
        assert await fake.audited() == []
        none = (await program.post("/replays", {"destination": "other"})).json
        assert (none["found"], await fake.audited()) == (0, [])
        one = (await program.post("/replays", {"event": "a/b", "app": "checkout", "from": "2020-01-01T00:00:00Z"})).json
        assert (one["found"], one["replayed"]) == (1, 1)
        rest = (await program.post("/replays", {})).json
        assert (rest["found"], rest["replayed"]) == (1, 1)
        assert (await program.post("/replays", {})).json["found"] == 0
        entries = (await fake.console.audit.entries()).entries
        assert [(each.what, each.app, each.detail) for each in entries] == [
            ("deliveries.replayed", "checkout", "1")
        ] * 2


async def test_replay_is_for_editors(consoles):
    """A viewer is refused where an app is named, and finds nothing where none is."""
    async with with_letters(consoles, "one") as (fake, _):
        viewer = await Program.of(fake, "checkout", Role.VIEWER, "viewer")
        assert (await viewer.post("/replays", {"app": "checkout"})).status == 403
        assert (await viewer.post("/replays", {})).json["found"] == 0
        editor = await Program.of(fake, "checkout", Role.EDITOR, "editor")
        assert (await editor.post("/replays", {})).json["replayed"] == 1


async def test_one_event_with_all_that_became_of_it(consoles):
    """The event as it was sent, its deliveries with their attempts, and sentences; by an id with a slash or braces."""
    async with with_letters(consoles, "a/b", "{braces}") as (fake, _):
        program = await Program.of(fake)
        told = (await program.get("/apps/checkout/events/a%2Fb")).json
        assert set(told["event"]) <= set(Event.__struct_fields__)
        assert told["event"]["id"] == "a/b"
        delivery = told["deliveries"][0]
        assert (delivery["destination"], delivery["state"], delivery["attempts"][0]["number"]) == (
            "ops-room",
            "failed",
            1,
        )
        assert any("kept as a dead letter" in each for each in told["explained"])
        assert (await program.get("/apps/checkout/events/%7Bbraces%7D")).json["event"]["id"] == "{braces}"
        assert (await program.get("/apps/checkout/events/nothing")).status == 404
        assert (await program.get("/apps/search/events/a%2Fb")).status == 404
        await fake.redis.set(f"{fake.console.prefix}:record:checkout/ops-room/a/b", b"{")
        unread = await program.get("/apps/checkout/events/a%2Fb")
        assert (unread.status, "cannot be read by this version" in unread.json["detail"]) == (404, True)


async def test_the_state_is_what_status_shows(consoles):
    """The same names and numbers."""
    async with with_letters(consoles, "one", "two") as (fake, _):
        told = (await (await Program.of(fake)).get("/state")).json
        assert (told["kept"]["dead_letters"], told["kept"]["events"], told["apps"]) == (2, 2, 1)
        assert (told["workers"], told["in_trouble"]) == ([], 0)


def test_a_worker_is_described_whole():
    """Whatever the state comes to know of one, the API's model has it."""
    worker = WorkerState("one", 5, since=NOW)
    assert WorkerAnswer.model_validate(worker.as_json()).name == "one"
