"""Log-in and log-out: sessions that cannot be planted, answers that tell nothing, and ways that lead nowhere else."""

from __future__ import annotations

from html import escape

import pytest
from fakes.console import PASSWORD

from worker.web.roles import Role


async def test_who_logs_in_comes_to_where_they_wanted(fake):
    """A page asked for without a log-in is what follows the log-in."""
    visitor = await fake.visitor()
    wanted = "/audit?who=bob&what=a%26b%25"
    asked = await visitor.get(wanted)
    assert asked.status == 303
    form = await visitor.get(asked.headers["Location"])
    assert f'name="next" value="{escape(wanted)}"' in form.text
    assert (await visitor.log_in("admin", next=wanted)).headers["Location"] == wanted
    assert (await visitor.get(wanted)).status == 200
    assert (await visitor.get("/login")).headers["Location"] == "/apps"


async def test_a_wrong_password_is_told_without_more(fake):
    """A wrong password and a name that nobody has get the same status and the same words."""
    visitor = await fake.visitor()
    wrong = await visitor.log_in("admin", "not the password")
    unknown = await visitor.log_in("nobody", "not the password")
    assert (wrong.status, unknown.status) == (403, 403)
    assert "do not belong together" in wrong.words
    assert wrong.words == unknown.words
    assert (await visitor.get("/apps")).status == 303


async def test_the_session_is_a_new_one_after_the_log_in(fake):
    """A cookie that somebody else has planted does not become the session (session fixation)."""
    victim, attacker = await fake.visitor(), await fake.visitor()
    planted = "A" * 43
    for each in (victim, attacker):
        each.session.cookie_jar.update_cookies({"bellhop": planted})
    answer = await victim.log_in("admin")
    assert answer.status == 303
    assert "bellhop=" in answer.headers["Set-Cookie"]
    assert planted not in answer.headers["Set-Cookie"]
    assert (await victim.get("/apps")).status == 200
    assert (await attacker.get("/apps")).status == 303


async def test_a_second_log_in_ends_the_first_session(fake):
    """Whoever has the old cookie of a browser that logs in again has nothing."""
    visitor = await fake.visitor("admin")
    (old,) = [each.value for each in visitor.session.cookie_jar if each.key == "bellhop"]
    token = (await visitor.get("/account")).csrf
    assert (await visitor.log_in("admin", csrf=token)).status == 303
    thief = await fake.visitor()
    thief.session.cookie_jar.update_cookies({"bellhop": old})
    assert (await thief.get("/apps")).status == 303


async def test_logging_out_ends_the_session_on_the_server(fake):
    """The cookie is worth nothing afterwards, even to who kept a copy."""
    visitor, thief = await fake.visitor("admin"), await fake.visitor()
    (kept,) = [each.value for each in visitor.session.cookie_jar if each.key == "bellhop"]
    thief.session.cookie_jar.update_cookies({"bellhop": kept})
    assert (await thief.get("/apps")).status == 200
    assert (await visitor.send("/logout", page="/apps")).headers["Location"] == "/login"
    assert (await thief.get("/apps")).status == 303
    assert (await fake.audited())[:2] == [("admin", "logged.out", ""), ("admin", "logged.in", "")]


async def test_the_cookie_is_out_of_reach(consoles):
    """No script reads it and no other site sends it; over HTTPS no other host can plant it."""
    plain = await consoles(web_password=PASSWORD)
    cookie = (await (await plain.visitor()).get("/login")).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    secure = await consoles(web_password=PASSWORD, web_public_url="https://alerts.example.com")
    cookie = (await (await secure.visitor()).get("/login")).headers["Set-Cookie"]
    assert cookie.startswith("__Host-bellhop=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


async def test_a_session_holds_nothing_that_opens_it(fake):
    """Who reads Redis finds no cookie that could be used."""
    visitor = await fake.visitor("admin")
    (cookie,) = [each.value for each in visitor.session.cookie_jar if each.key == "bellhop"]
    names = [name.decode() for name in await fake.redis.keys("*session*")]
    assert len(names) == 1
    assert cookie not in names[0]
    assert await fake.redis.pttl(names[0]) == pytest.approx(12 * 3_600_000, abs=60_000)


async def test_another_password_ends_every_other_session(fake):
    """The one that changed it goes on; the old password and the sessions it opened are over."""
    here, elsewhere = await fake.logged_in("bob"), await fake.visitor("bob")
    changed = await here.send(
        "/account/password", page="/account", present=PASSWORD, new="another good one", again="another good one"
    )
    assert changed.status == 303
    assert "was changed" in (await here.get("/account")).words
    assert (await elsewhere.get("/apps")).status == 303
    assert (await elsewhere.log_in("bob")).status == 403
    assert (await elsewhere.log_in("bob", "another good one")).status == 303
    assert ("bob", "password.changed", "bob") in await fake.audited()


@pytest.mark.parametrize(
    ("present", "new", "again", "words"),
    [
        ("wrong", "another good one", "another good one", "not the present password"),
        (PASSWORD, "short", "short", "at least 10 characters"),
        (PASSWORD, "aaaaaaaaaaaaaa", "aaaaaaaaaaaaaa", "repeats itself"),
        (PASSWORD, "another good one", "another good two", "differ"),
    ],
)
async def test_a_password_is_not_changed_lightly(fake, present, new, again, words):
    """The present one has to be right, the new one good and typed twice."""
    visitor = await fake.logged_in("bob")
    answer = await visitor.send("/account/password", page="/account", present=present, new=new, again=again)
    assert answer.status == 422
    assert words in answer.words
    assert (await visitor.log_in("bob", csrf=answer.csrf)).status == 303


async def test_a_user_who_is_removed_is_out_at_once(fake):
    """Their session ends with them, and what they may do changes at once."""
    visitor = await fake.logged_in("bob", "checkout", Role.EDITOR)
    assert "checkout" in (await visitor.get("/apps")).words
    await fake.console.users.grant("bob", "checkout", None)
    assert "checkout" not in (await visitor.get("/apps")).words
    await fake.console.users.remove("bob")
    assert (await visitor.get("/apps")).status == 303


async def test_another_admin_password_ends_the_admins_sessions(fake):
    """BELLHOP_WEB_PASSWORD set anew is a new password like any other; the same one again changes nothing."""
    visitor = await fake.visitor("admin")
    await fake.console.users.keep_admin(PASSWORD)
    assert (await visitor.get("/apps")).status == 200
    await fake.console.users.keep_admin("quite another one")
    assert (await visitor.get("/apps")).status == 303
    await fake.console.users.keep_admin(None)
    assert (await visitor.log_in("admin", "quite another one")).status == 403


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n//evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x=y\r\nX: y",
        "https:evil.example",
        " //evil.example",
        "///evil.example",
        "/\u2028/evil.example",
        "@evil.example",
        "",
    ],
)
async def test_the_log_in_leads_nowhere_else(fake, elsewhere):
    """Whatever is asked to come next, it is a path of this console (open redirects, header injection)."""
    visitor = await fake.visitor()
    answer = await visitor.log_in("admin", next=elsewhere)
    assert (answer.status, answer.headers["Location"]) == (303, "/apps")
    assert "X" not in answer.headers
    asked = await visitor.ask("GET", "/login", params={"next": elsewhere})
    assert asked.headers["Location"] == "/apps"
