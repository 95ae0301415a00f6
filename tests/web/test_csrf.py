"""Changes are made only when a page of ours asks for them, whoever is logged in."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from worker.web.csrf import csrf_fits, csrf_token, same_origin

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(params=["logged in", "on this machine"])
async def victim(request, fake, open_fake):
    """Somebody who may do everything, with and without a log-in."""
    return await fake.visitor("admin") if request.param == "logged in" else await open_fake.visitor()


async def test_a_form_of_ours_is_taken(victim):
    """The token of the page, sent from the page, is what it takes; as a field or, for scripts, as a header."""
    token = (await victim.get("/apps")).csrf
    sent = await victim.ask("POST", "/probe/checkout/edit", data={"csrf": token}, headers=SAME)
    assert sent.status == 200
    by_script = await victim.ask("POST", "/probe/checkout/edit", json={}, headers={**SAME, "X-CSRF-Token": token})
    assert by_script.status == 200


@pytest.mark.parametrize("token", ["", "x", "x.y", "a.b.c", ".", "\u2028.\udc80", "%00.%00"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_wrong_token_is_refused(victim, token, method):
    """Nothing is done without the token, or with another text in its place, by any method that changes."""
    await victim.get("/apps")
    body = {"csrf": token.encode("utf-8", "replace").decode()} if token else {}
    answer = await victim.ask(method, "/probe/checkout/edit", data=body, headers=SAME)
    assert answer.status == 403
    assert "open it again" in answer.words


async def test_the_token_of_another_session_is_refused(fake):
    """What an attacker's own pages hold does not open anybody else's."""
    victim, attacker = await fake.visitor("admin"), await fake.logged_in("mallory")
    token = (await attacker.get("/apps")).csrf
    assert (await victim.ask("POST", "/probe/checkout/edit", data={"csrf": token}, headers=SAME)).status == 403
    assert (await attacker.ask("POST", "/echo", data={"csrf": token}, headers=SAME)).status == 303


async def test_the_token_from_before_the_log_in_is_refused(fake):
    """The log-in is a new session, with tokens of its own."""
    visitor = await fake.visitor()
    before = (await visitor.get("/login")).csrf
    await visitor.log_in("admin")
    assert (await visitor.ask("POST", "/probe/checkout/edit", data={"csrf": before}, headers=SAME)).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1"},
        {},
    ],
)
async def test_another_origin_is_refused_whatever_it_knows(victim, headers):
    """With the right token even: a request that a page elsewhere has sent, or that does not say where it is from."""
    token = (await victim.get("/apps")).csrf
    answer = await victim.ask("POST", "/probe/checkout/edit", data={"csrf": token}, headers=headers)
    assert answer.status == 403
    assert "another site" in answer.words


async def test_browsers_that_send_origin_alone_are_served(victim):
    """Over plain HTTP to another machine there is no Sec-Fetch-Site."""
    token = (await victim.get("/apps")).csrf
    headers = {"Origin": victim.url}
    assert (await victim.ask("POST", "/probe/checkout/edit", data={"csrf": token}, headers=headers)).status == 200


async def test_nobody_is_logged_in_as_somebody_else(fake):
    """The log-in's form has a token too, so that no other site can log a visitor in as the attacker."""
    visitor = await fake.visitor()
    body = {"name": "admin", "password": "correct horse battery"}
    assert (await visitor.ask("POST", "/login", data=body, headers=SAME)).status == 403
    token = (await visitor.get("/login")).csrf
    stranger = await fake.visitor()
    assert (await stranger.ask("POST", "/login", data={**body, "csrf": token}, headers=SAME)).status == 403


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml"])
async def test_bodies_that_other_sites_can_send_without_asking_are_refused(victim, content_type):
    """JSON in disguise is refused as such; what is left needs the browser's leave to cross origins."""
    token = (await victim.get("/apps")).csrf
    headers = {**SAME, "X-CSRF-Token": token, "Content-Type": content_type}
    assert (await victim.ask("POST", "/api/echo", data=b'{"a": 1}', headers=headers)).status == 415


async def test_reading_changes_nothing(victim):
    """What answers to GET is not guarded, so none of our own pages changes anything by it."""
    for path in ("/logout", "/account/password"):
        assert (await victim.get(path)).status == 405
    assert (await victim.get("/apps")).status == 200


async def test_no_page_elsewhere_may_read(victim):
    """No answer lets other origins read it, whatever they ask for."""
    answer = await victim.get("/apps", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    asked = await victim.ask(
        "OPTIONS", "/api/echo", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert asked.status == 405
    assert not [name for name in asked.headers if name.lower().startswith("access-control-")]


def test_tokens_differ_and_all_fit():
    """No two pages have the same token, so that a compressing proxy gives none away; each fits its own session."""
    tokens = {csrf_token("cookie") for _ in range(50)}
    assert len(tokens) == 50
    assert all(csrf_fits("cookie", token) and not csrf_fits("another", token) for token in tokens)


def test_a_public_name_is_our_own_origin():
    """Behind a reverse proxy the browser's origin is the public address, whatever Host we are asked by."""
    assert same_origin(None, "https://alerts.example.com", "127.0.0.1:8080", "https://alerts.example.com")
    assert not same_origin(
        None, "https://alerts.example.com.evil.example", "127.0.0.1:8080", "https://alerts.example.com"
    )
    assert not same_origin(None, "https://", "", None)


async def test_the_cookie_alone_is_no_token(fake):
    """Who can write cookies for this host and nothing else cannot make a token that fits a log-in."""
    visitor = await fake.visitor("admin")
    forged = csrf_token("A" * 43)
    visitor.session.cookie_jar.update_cookies({"bellhop-said": forged, "csrf": forged})
    assert (await visitor.ask("POST", "/echo", data={"csrf": forged}, headers=SAME)).status == 403
    assert isinstance(visitor.session, aiohttp.ClientSession)


@pytest.mark.parametrize("planted", ["\xff.x", "x.\xff", "x.x", ".", "A" * 99])
async def test_a_cookie_that_was_planted_says_nothing_and_breaks_nothing(fake, planted):
    """Whoever has a neighbouring name can plant one of any bytes: each page is shown without it, errors, too."""
    host, port = fake.url.removeprefix("http://").split(":")
    for path, status in (("/login", b" 200 "), ("/login/nothing", b" 404 ")):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: bellhop-said={planted}\r\nConnection: close\r\n"
        writer.write(head.encode("latin-1") + b"\r\n")
        answer = await reader.read()
        writer.close()
        assert status in answer.splitlines()[0]
