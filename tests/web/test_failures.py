"""What goes wrong is told in words, as a page or as JSON, and nothing from inside is shown."""

from __future__ import annotations

import asyncio
import io

import pytest
from fakes.console import PASSWORD

from worker.web.bodies import BODY_BYTES

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("bug", 500, "our mistake"),
        ("missing", 404, "there is no destination <b>x</b>"),
        ("invalid", 422, "room: is required"),
        ("redis", 503, "goes on when it is back"),
        ("socket", 503, "Redis cannot be reached"),
        ("gone", 410, "Gone"),
    ],
)
async def test_each_failure_is_an_answer(fake, how, status, words):
    """With its status and our words; the inside stays inside."""
    visitor = await fake.visitor("admin")
    shown, told = await visitor.get(f"/fail/{how}"), await visitor.get(f"/api/fail/{how}")
    assert (shown.status, told.status) == (status, status)
    assert words.replace("goes", "go") in shown.words or words in shown.words
    assert told.headers["Content-Type"].startswith("application/problem+json")
    for answer in (shown, told):
        assert not any(
            inside in answer.text for inside in ("hunter2", "db.internal", "10.0.0.7", "Traceback", "aiohttp")
        )


async def test_a_bug_can_be_found_by_its_reference(fake, capsys):
    """The page shows the reference under which the log has the traceback."""
    answer = await (await fake.visitor("admin")).get("/fail/bug")
    reference = answer.words.split("Reference ")[1].split()[0]
    assert len(reference) == 12
    assert reference in capsys.readouterr().out


async def test_redis_away_is_a_page_and_not_an_open_door(fake):
    """Without Redis nobody is known, so nobody gets in; the health check says it."""
    visitor = await fake.visitor("admin")
    fake.server.connected = False
    assert (await visitor.get("/apps")).status == 503
    assert (await visitor.get("/healthz")).status == 503
    fake.server.connected = True
    assert (await visitor.get("/apps")).status == 200
    assert (await visitor.get("/healthz")).text == "ok\n"


async def test_bodies_are_bounded(fake):
    """Who is logged in may send a mebibyte, a stranger a few kilobytes with its length told beforehand."""
    visitor, stranger = await fake.visitor("admin"), await fake.visitor()
    token = (await visitor.get("/apps")).csrf
    large = io.BytesIO(f"csrf={token}&words={'x' * BODY_BYTES}".encode())
    headers = {**SAME, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await visitor.ask("POST", "/echo", data=large, headers=headers)).status == 413
    fine = await visitor.ask("POST", "/echo", data={"csrf": token, "words": "x" * (BODY_BYTES // 2)}, headers=SAME)
    assert fine.status == 303
    token = (await stranger.get("/login")).csrf
    body = {"csrf": token, "name": "admin", "password": "x" * 20_000}
    assert (await stranger.ask("POST", "/login", data=body, headers=SAME)).status == 413

    async def endless():
        while True:
            yield b"name=" + b"x" * 1000
            await asyncio.sleep(0)

    assert (await stranger.ask("POST", "/login", data=endless(), headers=headers)).status == 413


async def test_a_long_password_costs_no_more_than_a_short_one(fake):
    """What is longer than any password may be is wrong, and is not hashed whole."""
    visitor = await fake.visitor()
    assert (await visitor.log_in("admin", PASSWORD + "x" * 10_000)).status == 403


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"csrf=\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=b", "application/x-www-form-urlencoded; charset=nonsense", 400),
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"x", "application/x-www-form-urlencoded", 400),
        (b"x=+2AA-", "application/x-www-form-urlencoded; charset=utf-7", 400),
    ],
)
async def test_bodies_that_cannot_be_read_are_told(fake, body, content_type, status):
    """With a sentence and no traceback, whatever they are."""
    visitor = await fake.visitor("admin")
    token = (await visitor.get("/apps")).csrf
    headers = {**SAME, "Content-Type": content_type}
    if b"a=b" not in body:
        headers["X-CSRF-Token"] = token
    answer = await visitor.ask("POST", "/api/echo", data=body, headers=headers)
    assert answer.status == status


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\x01"]
)
async def test_what_is_no_request_is_refused(fake, request_line):
    """Garbage on the port is answered or closed, and the console goes on."""
    port = int(fake.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_line)
    answer = await asyncio.wait_for(reader.read(300), 10)
    assert b" 400 " in answer or b" 421 " in answer or answer == b""
    writer.close()
    assert (await (await fake.visitor()).get("/healthz")).status == 200
