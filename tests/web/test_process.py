"""`bellhop web` as an operator starts it: what it says, what it refuses, what it logs, and that it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fakes.processes import Process, free_port

from worker.stores.connection import sync_redis

pytestmark = pytest.mark.slow

BELLHOP = Path(sys.executable).with_name("bellhop")
PASSWORD = "hunter2-hunter2"
TOKEN = "bh_0123456789012345678901234567890123456789012"


@pytest.fixture
def start(redis_server, tmp_path):
    """Start `bellhop …` on an empty Redis, with settings; it ends with the test."""
    with sync_redis(redis_server.url) as client:
        client.flushall()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELLHOP_", "FLOWER_"))}
    started = []

    def starting(*arguments, **settings):
        env = {**clean, "BELLHOP_REDIS_URL": redis_server.url, "BELLHOP_STATE_DIR": str(tmp_path), "COLUMNS": "200"}
        log = tmp_path / f"{len(started)}.log"
        started.append(Process([BELLHOP, *arguments], env={**env, **settings}, cwd=tmp_path, log=log))
        return started[-1].__enter__()

    yield starting
    for process in started:
        process.__exit__(None, None, None)


def address(process):
    """Where it says it is."""
    process.wait_for("console  http", 60)
    return re.search(r"console  (http://\S+)/", process.output())[1]


def status(url):
    """What it answers there, redirects followed."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310, our own loopback address
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_it_says_where_it_is_and_ends_when_told(start):
    """On the loopback it is open and says so; SIGTERM ends it with 0."""
    web = start("web", "--port", "0")
    url = address(web)
    assert status(f"{url}/healthz") == status(f"{url}/apps") == 200
    assert "set BELLHOP_WEB_PASSWORD" in web.output()
    os.kill(web.pid, signal.SIGTERM)
    assert web.wait(30) == 0
    assert "Traceback" not in web.output()


def test_without_redis_it_says_so_and_ends(start):
    """Exit code 3 and a sentence, so that whatever starts it can try again."""
    web = start("web", "--port", "0", BELLHOP_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert web.wait(30) == 3
    assert "cannot be used" in web.output()
    assert "Traceback" not in web.output()


def test_a_script_can_read_where_it_is(start):
    """One line of JSON, and the port that was free."""
    web = start("web", "--port", "0", "--json").wait_for('{"url":', 60)
    url = json.loads(next(line for line in web.output().splitlines() if line.startswith('{"url')))["url"]
    assert status(f"{url}/healthz") == 200


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["--host", "0.0.0.0"], {}),
        (["--host", "::"], {}),
        ([], {"BELLHOP_WEB_HOST": "0.0.0.0"}),
        ([], {"BELLHOP_WEB_PUBLIC_URL": "https://alerts.example.com"}),
        (["--host", "0.0.0.0"], {"BELLHOP_WEB_PASSWORD": ""}),
    ],
)
def test_it_refuses_to_be_open_to_others(start, arguments, settings):
    """Without anybody who could log in it listens nowhere else, and a sentence says what to do."""
    web = start("web", "--port", "0", *arguments, **settings)
    assert web.wait(60) == 2
    assert "set BELLHOP_WEB_PASSWORD" in web.output()
    assert "console  http" not in web.output()
    assert "Traceback" not in web.output()


@pytest.mark.parametrize("way", ["password", "password file", "user", "token"])
def test_with_somebody_to_log_in_as_it_listens_to_others(start, tmp_path, way):
    """A password, a user or a token is enough; nobody gets in without."""
    settings = {}
    if way == "password":
        settings = {"BELLHOP_WEB_PASSWORD": PASSWORD}
    elif way == "password file":
        (tmp_path / "password").write_text(PASSWORD)
        settings = {"BELLHOP_WEB_PASSWORD_FILE": str(tmp_path / "password")}
    elif way == "user":
        (tmp_path / "password").write_text(PASSWORD)
        assert start("users", "add", "bob", "--password-file", "password").wait(60) == 0
    else:
        assert start("tokens", "add", "terraform").wait(60) == 0
    web = start("web", "--host", "0.0.0.0", "--port", "0", **settings)
    url = address(web).replace("0.0.0.0", "127.0.0.1")
    assert "whoever is on this machine" not in web.output()
    with urllib.request.urlopen(f"{url}/apps", timeout=30) as answer:  # noqa: S310, our own loopback address
        assert answer.url == f"{url}/login?next=/apps"


def test_it_warns_of_what_is_unwise(start):
    """Passwords in the clear and short ones are told at the start; it starts all the same."""
    web = start("web", "--host", "0.0.0.0", "--port", "0", BELLHOP_WEB_PASSWORD="short")
    address(web)
    web.wait_for("at least 10 characters", 10)
    assert "travel in the clear" in web.output()
    assert "BELLHOP_WEB_PASSWORD: A password has" in web.output()


def test_up_refuses_before_it_starts_anything(start):
    """`bellhop up` says the same, once, instead of starting a console that ends again and again."""
    up = start("up", "--flower-port", "0", "--web-port", str(free_port()), BELLHOP_WEB_HOST="0.0.0.0")
    assert up.wait(60) == 2
    assert up.output().count("set BELLHOP_WEB_PASSWORD") == 1


def test_a_port_that_is_taken_is_a_sentence(start):
    """With exit code 3 and the port in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        web = start("web", "--port", str(port))
        assert web.wait(60) == 3
    assert f"cannot listen on 127.0.0.1 port {port}" in web.output()


@pytest.mark.parametrize("form", ["json", "console"])
async def test_one_request_is_one_line_in_the_log(start, form):
    """Whatever is in path, query, form or headers (log injection); and no password, token or cookie."""
    web = start("web", "--port", "0", BELLHOP_LOG_FORMAT=form, BELLHOP_WEB_PASSWORD=PASSWORD)
    url = await asyncio.to_thread(address, web)
    before = len(web.output().splitlines())
    forged = b"x%0d%0a2026-01-01 [info] web.answered who=admin status=200".replace(b" ", b"%20")
    for line in (
        b"GET /" + forged + b"?secret=" + PASSWORD.encode() + b" HTTP/1.1",
        b"GET /%1b[31m%00%e2%80%a8 HTTP/1.1",
        b"GET /" + b"a" * 2000 + b" HTTP/1.1",
    ):
        headers = [b"Host: 127.0.0.1", b"User-Agent: x\ty", b"Authorization: Bearer " + TOKEN.encode()]
        await exchange(url, b"\r\n".join([line, *headers, b"Cookie: bellhop=" + b"C" * 43, b"", b""]))
    await asyncio.to_thread(web.terminate)
    said = web.output().splitlines()[before:]
    assert len(said) == 3
    assert all("web.answered" in line and len(line) < 700 for line in said)
    assert not any(secret in line for line in said for secret in (PASSWORD, TOKEN, "CCC", "who=admin status"))


async def exchange(url, request):
    """One request as raw bytes; its answer's first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer.partition(b"\r\n")[0]
