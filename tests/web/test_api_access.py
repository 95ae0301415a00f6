"""Users, tokens and the audit log by the HTTP API: for who administers everything."""

from __future__ import annotations

import pytest
from fakes.console import PASSWORD
from web.api_client import Program

from worker.web.roles import Role

BOB = {"roles": {"checkout": "editor"}, "password": PASSWORD}


@pytest.fixture
async def fake(consoles):
    """A console on which everybody has to log in; `admin` can."""
    return await consoles(web_password=PASSWORD)


@pytest.fixture
async def program(fake):
    """One that may do everything."""
    return await Program.of(fake)


async def test_a_user_is_made_changed_and_removed(fake, program):
    """Put twice is put once; roles are replaced, another password ends sessions, and no answer has one."""
    made, again = await program.put("/users/bob", BOB), await program.put("/users/bob", {"roles": BOB["roles"]})
    assert (made.status, again.status) == (201, 200)
    assert made.json == again.json == {"name": "bob", "roles": {"checkout": "editor"}, "built_in": False}
    bob = await fake.visitor("bob")
    assert (await bob.get("/api/v1/me")).status == 200
    other = await program.put("/users/bob", {"roles": {"*": "viewer", "search": "admin"}, "password": "another " * 3})
    assert other.json["roles"] == {"*": "viewer", "search": "admin"}
    assert (await bob.get("/api/v1/me")).status == 401
    assert [each["name"] for each in (await program.get("/users")).json["items"]] == ["admin", "bob"]
    assert (await program.get("/users?limit=1")).json["next"] == "admin"
    assert (await program.get("/users/bob")).json == other.json
    statuses = [(await program.delete("/users/bob")).status for _ in range(2)]
    assert (statuses, (await program.get("/users/bob")).status) == ([204, 404], 404)
    entries = (await fake.console.audit.entries()).entries
    assert [(each.what, each.detail) for each in entries if each.who == "terraform"] == [
        ("user.removed", ""),
        ("password.changed", ""),
        ("user.granted", "viewer of *, admin of search"),
        ("user.added", "editor of checkout"),
    ]
    assert PASSWORD not in repr(entries)


@pytest.mark.parametrize(
    ("name", "content", "fields"),
    [
        ("bob", {"roles": {}}, {"password"}),
        ("bob", {"roles": {"*": "king"}, "password": PASSWORD}, {"roles.*"}),
        ("bob", {"roles": {}, "password": "short"}, {"password"}),
        ("bob", {"roles": {}, "password": "a" * 20}, {"password"}),
        ("bob", {"password": PASSWORD}, {"roles"}),
        ("b%20b", BOB, {""}),
        ("admin", {"roles": {}}, {""}),
        ("admin", {"roles": {"*": "admin"}, "password": PASSWORD}, {""}),
    ],
)
async def test_what_cannot_be_a_user_is_told(program, name, content, fields):
    """422, and nothing of the password in it; the built-in admin is changed where it is set."""
    told = await program.put(f"/users/{name}", content)
    assert told.status == 422
    assert {field.partition(".[")[0] for field in told.problems} == fields
    assert PASSWORD not in told.answer.text


async def test_a_token_is_told_once(fake, program):
    """In the answer that makes it, and nowhere after; it works until it is revoked."""
    made = await program.post("/tokens", {"name": "ci", "app": "checkout", "role": "editor"})
    assert (made.status, made.json["roles"]) == (201, {"checkout": "editor"})
    token = made.json["token"]
    ci = Program(await fake.visitor(), token)
    assert (await ci.get("/me")).json == {"name": "ci", "kind": "token", "roles": {"checkout": "editor"}}
    listed = await program.get("/tokens")
    assert [each["name"] for each in listed.json["items"]] == ["ci", "terraform"]
    assert token not in listed.answer.text + repr((await fake.console.audit.entries()).entries)
    assert (await program.post("/tokens", {"name": "ci"})).status == 409
    assert [(await program.delete("/tokens/ci")).status for _ in range(2)] == [204, 404]
    assert (await ci.get("/me")).status == 401
    assert [what for _, what, _ in await fake.audited()] == ["token.revoked", "token.added"]


@pytest.mark.parametrize(("app", "role"), [("checkout", Role.ADMIN), ("*", Role.EDITOR), ("*", Role.VIEWER)])
async def test_only_who_administers_everything_may(fake, app, role):
    """An admin of one app, and an editor of all, are refused at each of them."""
    who = await Program.of(fake, app, role, "who")
    asked = [
        ("GET", "/users", None),
        ("GET", "/users/admin", None),
        ("PUT", "/users/bob", BOB),
        ("DELETE", "/users/admin", None),
        ("GET", "/tokens", None),
        ("POST", "/tokens", {"name": "mine", "role": "admin"}),
        ("DELETE", "/tokens/who", None),
    ]
    assert {(await who.ask(*each)).status for each in asked} == {403}
    assert await fake.console.users.find("bob") is None


async def test_the_audit_log_in_pages_and_by_role(fake, program):
    """Newest first, all of it for who administers everything; an editor has what concerns the app, a viewer nothing."""
    for name in ("one", "two", "three"):
        await program.put(f"/apps/{name}")
    first = (await program.get("/audit?limit=2")).json
    second = (await program.get("/audit", params={"limit": "2", "cursor": first["next"]})).json
    assert [each["app"] for each in (*first["items"], *second["items"])] == ["three", "two", "one"]
    assert first["items"][0] | {"who": "terraform", "kind": "token", "what": "app.added"} == first["items"][0]
    assert [each["app"] for each in (await program.get("/audit?app=TWO&what=app.")).json["items"]] == ["two"]
    assert (await program.get("/audit?cursor=x")).status == 422
    editor = await Program.of(fake, "two", Role.EDITOR, "editor")
    assert [each["app"] for each in (await editor.get("/audit")).json["items"]] == ["two"]
    viewer = await Program.of(fake, "two", Role.VIEWER, "viewer")
    assert (await viewer.get("/audit")).json == {"items": [], "next": None}


async def test_who_i_am(fake, consoles):
    """By a session, and on a console that asks nobody."""
    assert (await (await fake.visitor()).get("/api/v1/me")).status == 401
    told = await (await fake.visitor("admin")).get("/api/v1/me")
    assert '"kind":"user"' in told.text
    local = await (await (await consoles()).visitor()).get("/api/v1/me")
    assert '"kind":"local"' in local.text
