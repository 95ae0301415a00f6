"""Who may do what: roles per app, tokens, and apps that are not there for others."""

from __future__ import annotations

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout, room

from worker.models import App
from worker.web.roles import ALL_APPS, Role, User

SEARCH = App("search", {"room": room("room", app="search")})


@pytest.fixture
async def two(consoles):
    """A console with two apps."""
    return await consoles([checkout(), SEARCH], web_password=PASSWORD)


async def ask(visitor, what, app, prefix=""):
    """The statuses of looking at a probe and of doing it."""
    seen = await visitor.get(f"{prefix}/probe/{app}/{what}")
    done = await visitor.send(f"{prefix}/probe/{app}/{what}", page="/apps")
    assert seen.status == done.status
    return done.status


@pytest.mark.parametrize(
    ("role", "view", "edit", "administer"),
    [(Role.VIEWER, 200, 403, 403), (Role.EDITOR, 200, 200, 403), (Role.ADMIN, 200, 200, 200)],
)
async def test_each_role_may_do_so_much_with_its_app(two, role, view, edit, administer):
    """A viewer looks, an editor changes, an admin does everything: with that app, and no other."""
    visitor = await two.logged_in("bob", "checkout", role)
    assert [await ask(visitor, what, "checkout") for what in ("view", "edit", "administer")] == [view, edit, administer]
    assert [await ask(visitor, what, "search") for what in ("view", "edit", "administer")] == [404, 404, 404]


async def test_an_app_that_may_not_be_seen_is_like_one_that_is_not_there(two):
    """The same status and the same words, so that nobody learns others' names by trying them."""
    visitor = await two.logged_in("bob", "checkout", Role.ADMIN)
    there, nowhere = await visitor.get("/probe/search/view"), await visitor.get("/probe/nothing/view")
    assert (there.status, nowhere.status) == (404, 404)
    assert there.words.replace("search", "nothing") == nowhere.words
    assert "search" not in (await visitor.get("/apps")).words
    assert "checkout" in (await visitor.get("/apps")).words


async def test_who_has_no_role_at_all_sees_nothing(two):
    """A user without a role can log in, and finds no app."""
    visitor = await two.logged_in("bob", "checkout")
    await two.console.users.grant("bob", "checkout", None)
    assert "There is no app yet" in (await visitor.get("/apps")).words
    assert await ask(visitor, "view", "checkout") == 404
    assert "checkout" not in (await visitor.get("/audit")).words


async def test_what_concerns_all_apps_takes_a_role_over_all_apps(two):
    """An admin of one app makes no apps and no users."""
    one, every = await two.logged_in("bob", "checkout", Role.ADMIN), await two.logged_in("eve", ALL_APPS, Role.EDITOR)
    assert [await ask(one, what, "-") for what in ("view", "edit", "administer")] == [200, 403, 403]
    assert [await ask(every, what, "-") for what in ("view", "edit", "administer")] == [200, 200, 403]


async def test_without_a_log_in_pages_ask_for_it_and_the_api_says_so(two):
    """A page sends the visitor to the log-in; JSON answers 401 and how to do better."""
    visitor = await two.visitor()
    assert (await visitor.get("/probe/checkout/view")).headers["Location"] == "/login?next=/probe/checkout/view"
    asked = await visitor.get("/api/probe/checkout/view")
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (401, 'Bearer realm="bellhop"')
    assert asked.headers["Content-Type"].startswith("application/problem+json")
    assert (await visitor.send("/probe/checkout/edit")).headers["Location"] == "/login"


async def test_a_token_may_do_what_its_role_says_without_csrf(two):
    """An API token acts in its own name, within its role and app, and needs neither page nor cookie."""
    token = await two.console.tokens.add("terraform", "checkout", Role.EDITOR)
    visitor = await two.visitor()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await visitor.get("/api/probe/checkout/view", headers=bearer)).text == "terraform may view checkout"
    assert (await visitor.ask("POST", "/api/probe/checkout/edit", headers=bearer)).status == 200
    assert (await visitor.ask("POST", "/api/probe/checkout/administer", headers=bearer)).status == 403
    assert (await visitor.ask("DELETE", "/api/probe/search/edit", headers=bearer)).status == 404
    entries = (await two.console.audit.entries()).entries
    assert [(entry.who, entry.kind, entry.what) for entry in entries] == [("terraform", "token", "probe.edit")]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer bh_x",
        "bearer bh_" + "A" * 43,
        "Bearer \udc80",
        "Basic YWRtaW46eA==",
        "Bearer *",
        "x",
    ],
)
async def test_what_is_no_token_opens_nothing(two, header):
    """Neither by itself, nor with a session beside it when it claims to be one."""
    visitor = await two.visitor()
    headers = {"Authorization": header.encode("utf-8", "replace").decode()}
    assert (await visitor.get("/api/probe/checkout/view", headers=headers)).status == 401
    person = await two.visitor("admin")
    if header.lower().startswith("bearer"):
        assert (await person.get("/api/probe/checkout/view", headers=headers)).status == 401
        assert (await person.ask("POST", "/api/probe/checkout/edit", headers=headers)).status == 403


async def test_a_token_that_is_revoked_opens_nothing_any_more(two):
    """At once."""
    token = await two.console.tokens.add("terraform", ALL_APPS, Role.ADMIN)
    visitor, bearer = await two.visitor(), {"Authorization": f"Bearer {token}"}
    assert (await visitor.get("/api/probe/checkout/view", headers=bearer)).status == 200
    await two.console.tokens.revoke("terraform")
    assert (await visitor.get("/api/probe/checkout/view", headers=bearer)).status == 401


async def test_a_token_is_stored_as_a_hash_alone(two):
    """Who reads Redis has no token to use."""
    token = await two.console.tokens.add("terraform", ALL_APPS, Role.ADMIN)
    stored = await two.redis.hgetall("bellhop:web-tokens")
    assert token.encode() not in b"".join([*stored, *stored.values()])
    assert token.removeprefix("bh_") not in repr(await two.console.tokens.all())


async def test_a_password_is_stored_as_a_hash_alone(two):
    """With its salt and cost beside it, different for the same password, and in no repr."""
    await two.user("bob")
    await two.user("eve")
    stored = await two.redis.hgetall("bellhop:web-users")
    assert PASSWORD.encode() not in b"".join(stored.values())
    bob, eve = await two.console.users.find("bob"), await two.console.users.find("eve")
    assert bob.password.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert bob.password != eve.password
    assert "argon2" not in repr(bob)


async def test_on_this_machine_nobody_needs_to_log_in_until_there_is_somebody(open_fake):
    """While the console is open it says so; from the first user on it asks, without a restart."""
    visitor = await open_fake.visitor()
    assert "this machine" in (await visitor.get("/apps")).words
    assert await ask(visitor, "administer", "-") == 200
    assert (await visitor.get("/login")).headers["Location"] == "/apps"
    assert "open to whoever is on this machine" in (await visitor.get("/account")).words
    await open_fake.user("bob")
    assert (await visitor.get("/apps")).status == 303


async def test_a_token_does_not_close_an_open_console(open_fake):
    """Whoever makes one for a script is not locked out of the pages, where nobody could log in."""
    await open_fake.console.tokens.add("terraform", ALL_APPS, Role.VIEWER)
    assert (await (await open_fake.visitor()).get("/apps")).status == 200


async def test_one_that_others_reach_is_never_open(consoles):
    """Not even when its last user is gone."""
    fake = await consoles(host="0.0.0.0", web_password=PASSWORD)
    await fake.redis.delete("bellhop:web-users")
    assert (await (await fake.visitor()).get("/apps")).status == 303


def test_the_greater_role_counts():
    """A role over all apps and one for an app add up to the greater of the two."""
    user = User("bob", {ALL_APPS: Role.VIEWER, "checkout": Role.ADMIN, "search": Role.VIEWER})
    assert user.role("checkout") is Role.ADMIN
    assert user.role("search") is user.role("other") is user.role(None) is Role.VIEWER
    assert user.visible is None
    assert User("bob", {"checkout": Role.VIEWER}).visible == {"checkout"}
    assert User("bob").visible == frozenset()
    assert User("bob").role(None) is None
