"""Apps by the HTTP API, who may, and a whole app applied twice."""

from __future__ import annotations

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout
from web.api_client import HOOK, ROOM, Program

from worker.channels import CHANNELS
from worker.models import App
from worker.web.roles import Role


@pytest.fixture
async def fake(consoles):
    """A console with two apps."""
    return await consoles([checkout(), App("search")], web_password=PASSWORD)


@pytest.fixture
async def program(fake):
    """One that may do everything."""
    return await Program.of(fake)


async def test_an_app_is_made_once_and_deleted_once(fake, program):
    """201, 200, 204, 404; the audit log has one line for each that did something."""
    paths = [("PUT", "/apps/new"), ("PUT", "/apps/new"), ("DELETE", "/apps/new"), ("DELETE", "/apps/new")]
    assert [(await program.ask(*each)).status for each in paths] == [201, 200, 204, 404]
    assert await fake.audited() == [("terraform", "app.deleted", ""), ("terraform", "app.added", "")]
    assert (await program.get("/apps/new")).status == 404


async def test_apps_come_in_pages_and_can_be_searched(program):
    """By name, with their destinations and which of them are in trouble."""
    first = (await program.get("/apps", params={"limit": "1"})).json
    assert first == {"items": [{"name": "checkout", "destinations": ["ops-room"], "troubled": []}], "next": "checkout"}
    second = (await program.get("/apps", params={"limit": "1", "cursor": first["next"]})).json
    assert ([each["name"] for each in second["items"]], second["next"]) == (["search"], None)
    assert [each["name"] for each in (await program.get("/apps?q=SEA")).json["items"]] == ["search"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "color=red", "limit=1&limit=2", "cursor=" + "x" * 301]
)
async def test_a_parameter_that_means_nothing_is_refused(program, query):
    """422 with its name, so that no filter is silently none."""
    told = await program.get(f"/apps?{query}")
    assert told.status == 422
    assert set(told.problems) == {query.partition("=")[0]}


async def test_who_has_one_app_sees_that_alone(fake):
    """Lists hold no other, others' answer as if they were not there, and making apps takes a role over all."""
    bob = await Program.of(fake, "checkout", Role.ADMIN, "bob")
    assert [each["name"] for each in (await bob.get("/apps")).json["items"]] == ["checkout"]
    assert [(await bob.ask(method, "/apps/search")).status for method in ("GET", "PUT", "DELETE")] == [404, 404, 404]
    assert [(await bob.ask(method, "/apps/checkout")).status for method in ("GET", "PUT", "DELETE")] == [200, 403, 403]
    there, nowhere = await bob.get("/apps/search"), await bob.get("/apps/nothing")
    told = [{**each.json, "reference": ""} for each in (there, nowhere)]
    assert told[0]["detail"].replace("search", "nothing") == told[1]["detail"]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Role.VIEWER, [200, 403, 403, 403, 403]),
        (Role.EDITOR, [200, 200, 200, 422, 403]),
        (Role.ADMIN, [200, 200, 200, 422, 204]),
    ],
)
async def test_each_role_may_do_so_much(fake, role, statuses):
    """A viewer looks, an editor changes and tests, an admin deletes."""
    who, one = await Program.of(fake, "checkout", role, "who"), "/apps/checkout/destinations/ops-room"
    asked = [
        ("GET", one, None),
        ("PUT", one, ROOM),
        ("PATCH", one, {"enabled": False}),
        ("POST", f"{one}/test", {"channel": "hipchat", "settings": {"token": None}}),
        ("DELETE", one, None),
    ]
    assert [(await who.ask(*each)).status for each in asked] == statuses


async def test_a_session_needs_the_pages_token(fake):
    """Who is logged in on a page may use the API from it, with the page's CSRF token, and from nowhere else."""
    person = await fake.visitor("admin")
    page = await person.get("/apps")
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": page.csrf}
    assert (await person.ask("PUT", "/api/v1/apps/new", headers=headers)).status == 201
    for wrong in ({}, {**headers, "X-CSRF-Token": "x"}, {**headers, "Sec-Fetch-Site": "cross-site"}):
        assert (await person.ask("PUT", "/api/v1/apps/newer", headers=wrong)).status == 403
    assert (await person.get("/api/v1/apps/newer")).status == 404


async def test_a_whole_app_applied_twice_is_applied_once(fake, program):
    """As Terraform does: put all, read all back as it was put but for secrets, put it again, and nothing changes."""
    wanted = {
        "room": {**ROOM, "enabled": False, "rate_limit": "30/min", "on_ambiguous": "stop"},
        "hook": {**HOOK, "enabled": True, "rate_limit": "vendor", "on_ambiguous": "retry"},
    }

    async def apply():
        answers = [await program.put("/apps/shop", {})]
        for name, each in wanted.items():
            answers.append(await program.put(f"/apps/shop/destinations/{name}", each))
        return answers

    first = await apply()
    before = await fake.redis.hgetall("bellhop:app:shop")
    second = await apply()
    assert [each.status for each in (*first, *second)] == [201, 201, 201, 200, 200, 200]
    assert await fake.redis.hgetall("bellhop:app:shop") == before
    assert len(await fake.audited()) == 3
    read = {each["name"]: each for each in (await program.get("/apps/shop/destinations")).json["items"]}
    for name, each in wanted.items():
        stars = {key: value for key, value in read[name]["settings"].items() if "***" in str(value)}
        assert {key: read[name][key] for key in each} == {**each, "settings": {**each["settings"], **stars}}
        assert stars.keys() == {"room": {"token"}, "hook": {"url", "headers"}}[name]


async def test_channels_say_what_their_settings_are(program):
    """Each with a JSON Schema whose secrets are write-only: enough to make a form of."""
    items = {each["name"]: each for each in (await program.get("/channels")).json["items"]}
    assert list(items) == list(CHANNELS)
    assert items["pagerduty"]["settings"]["properties"]["routing_key"]["writeOnly"] is True
    assert items["pagerduty"]["settings"]["required"] == ["routing_key"]
    assert items["hipchat"]["first"] == list(CHANNELS["hipchat"].form.first)
