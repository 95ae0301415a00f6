"""Text from elsewhere on our pages, in our headers and in our audit log: shown as it is, and never more."""

from __future__ import annotations

import re

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import room

from worker.models import App
from worker.web.roles import Role, User

SCRIPT = "<script>alert(1)</script>"
NASTY = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7 * 7 }}",
    "</textarea></title><svg/onload=alert(1)>",
    "javascript:alert(1)",
]


def is_harmless(text):
    """Whether none of the above is there as markup, or evaluated."""
    evaluated = re.search(r"[>\"]49[<\"]", text)
    return not evaluated and not any(sign in text for sign in ("<script>", "<img src=x", "<svg", "onerror=alert(1)>"))


@pytest.mark.parametrize("nasty", NASTY)
async def test_what_is_asked_for_is_shown_as_text(fake, nasty):
    """Names, searches, paths and the next page come back escaped, on pages and in errors (reflected scripts)."""
    visitor = await fake.visitor()
    asked = await visitor.log_in(nasty, "x", next=nasty)
    assert is_harmless(asked.text)
    person = await fake.visitor("admin")
    for path, query in (("/audit", {"who": nasty, "what": nasty, "app": nasty}), ("/login", {"next": nasty})):
        answer = await person.ask("GET", path, params=query)
        assert is_harmless(answer.text)
    for path in (f"/{nasty}", f"/probe/{nasty}/view"):
        assert is_harmless((await (await fake.logged_in(f"bob-{len(path)}", "x")).get(path)).text)


@pytest.mark.parametrize("nasty", NASTY)
async def test_what_is_stored_is_shown_as_text(consoles, nasty):
    """Apps, the audit log's every field and what a form said come out escaped (stored scripts)."""
    fake = await consoles([App(nasty, {"x": room("x", app=nasty)})], web_password=PASSWORD)
    await fake.console.audit.record(User(nasty, address=nasty), nasty, app=nasty, subject=nasty, detail=nasty)
    visitor = await fake.visitor("admin")
    for path in ("/apps", "/audit"):
        answer = await visitor.get(path)
        assert answer.status == 200
        assert is_harmless(answer.text)
        assert nasty in answer.words or "<" in nasty
    await visitor.send("/echo", page="/apps", words=nasty)
    said = await visitor.get("/apps")
    assert 'class="notice warn"' in said.text
    assert is_harmless(said.text)


@pytest.mark.parametrize("nasty", NASTY)
async def test_json_is_never_taken_for_a_page(fake, nasty):
    """What is echoed by the API says that it is JSON, and browsers may not guess otherwise."""
    visitor = await fake.visitor("admin")
    token = (await visitor.get("/apps")).csrf
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token}
    answer = await visitor.ask("POST", "/api/echo", json={"text": nasty}, headers=headers)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    missing = await visitor.get(f"/api/{nasty}")
    assert missing.headers["Content-Type"].startswith("application/problem+json")


async def test_what_a_page_says_is_what_we_had_it_say(fake):
    """A message on top of a page is signed under the session: nobody who plants a cookie chooses its words."""
    visitor, other = await fake.visitor("admin"), await fake.logged_in("mallory")
    await other.send("/echo", page="/apps", words="Call this number")
    (planted,) = [each.value for each in other.session.cookie_jar if each.key == "bellhop-said"]
    for value in (planted, "W10.x", ".", "x", planted.partition(".")[0] + "."):
        visitor.session.cookie_jar.update_cookies({"bellhop-said": value})
        answer = await visitor.get("/apps")
        assert answer.status == 200
        assert "Call this number" not in answer.words
    said = await other.get("/apps")
    assert "Call this number" in said.words
    assert "Call this number" not in (await other.get("/apps")).words


async def test_a_colour_that_nobody_offers_is_not_taken(fake):
    """The cookie of the theme is written into the page, so only its two words are."""
    visitor = await fake.visitor()
    for value, shown in (("dark", 'data-theme="dark"'), ('"><script>', '<html lang="en">')):
        visitor.session.cookie_jar.update_cookies({"bellhop-theme": value})
        assert shown in (await visitor.get("/login")).text


@pytest.mark.parametrize("words", ["done\r\nSet-Cookie: a=b", "done\nX: y", "x" * 100_000, "\x00\x1b[31m"])
async def test_no_header_is_made_of_what_a_form_says(fake, words):
    """Neither by line ends nor by length (header injection, response splitting)."""
    visitor = await fake.visitor("admin")
    answer = await visitor.send("/echo", page="/apps", words=words)
    assert (answer.status, answer.headers["Location"]) == (303, "/apps")
    assert "X" not in answer.headers
    assert "a=b" not in answer.headers.get("Set-Cookie", "")
    assert len(answer.headers["Set-Cookie"]) < 4096
    assert (await visitor.get("/apps")).status == 200


async def test_the_audit_log_is_made_of_lines(fake):
    """No entry has a line end or a control character in it, nor more than it should."""
    who = User("bob\nadmin", address="192.0.2.1\r\nx")
    await fake.console.audit.record(who, "a.b", app="c\x1b[2J", subject="x" * 5000, detail="\u2028d")
    (entry,) = [each for each in (await fake.console.audit.entries()).entries if each.what == "a.b"]
    assert (entry.who, entry.address, entry.app, entry.detail) == ("bob admin", "192.0.2.1 x", "c [2J", " d")
    assert len(entry.subject) == 500


@pytest.mark.parametrize("name", ["bob<b>", "", "a" * 65, "bob smith", "bob\n", "*", "../x", "admin"])
async def test_names_are_plain(fake, name):
    """Users and tokens have names that mean nothing to HTML, logs, shells or paths; `admin` is taken."""
    with pytest.raises(Exception, match="name"):
        await fake.console.users.add(name, PASSWORD, "*", Role.VIEWER)
    if name != "admin":
        with pytest.raises(Exception, match="name"):
            await fake.console.tokens.add(name, "*", Role.VIEWER)
