"""The sandbox as a whole: its page, its beginning and its end, and the command that runs it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from io import BytesIO

import aiohttp
import pytest

from worker.errors import Unavailable
from worker.sandbox.options import Options
from worker.sandbox.server import Sandbox

RUN = "import typer; from worker.commands.sandbox import sandbox; app = typer.Typer(); app.command()(sandbox); app()"


async def test_the_page_is_strict_and_asks_nobody_else(client):
    """The page and all of its files come with a strict policy, name no other host, and hold no inline script."""
    status, html, headers = await client.ask("GET", "/")
    assets = set(re.findall(r'"(/assets/[^"]+)"', html))
    policy = headers["Content-Security-Policy"]

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", html)
    texts = {name: await client.ask("GET", name) for name in assets}
    modules = {f"/assets/{name}" for _, text, _ in texts.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    texts |= {name: await client.ask("GET", name) for name in modules}
    assert len(texts) >= 8
    for name, (status, text, _) in texts.items():
        assert status == 200, name
        assert not re.search(r"innerHTML|\beval\(|new Function|insertAdjacentHTML", text), name
        hosts = set(re.findall(r"https?://[\w.-]+", text)) - {"http://www.w3.org"}
        assert not hosts, name


async def test_files_outside_the_page_are_not_served(client):
    """Only the page's own files can be had."""
    for path in ("/assets/..%2Fserver.py", "/assets/nothing.js", "/mail/x"):
        assert (await client.ask("GET", path))[0] == 404


async def test_hostile_bytes_are_answered(client):
    """Paths, queries, headers and bodies that are no text are recorded, and the API still answers JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.box.http_port)
    head = b"POST /hook/%ff%fe?x=%fa HTTP/1.1\r\nHost: x\r\nwebhook-id: \xff\r\nContent-Length: 2\r\n\r\n"
    writer.write(head + b"\xff\xff")
    answered = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert answered.startswith(b"HTTP/1.1 204")
    [arrival] = await client.arrivals()
    assert (arrival["to"], arrival["body"]) == ("��", "��")


async def test_a_body_over_a_mebibyte_is_refused(client):
    """More than 1 MiB gets 413, and is recorded as refused."""
    assert (await client.ask("POST", "/hook/x", data=BytesIO(b"x" * (1024 * 1024 + 1))))[0] == 413
    assert client.box.arrivals.count("webhook")["refused"] == 1


async def test_nothing_stays_behind():
    """After stop, tasks and ports are gone, although requests hang and connections are open."""
    before = asyncio.all_tasks()
    box = Sandbox()
    await box.start()
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{box.url}/api/faults", json=[{"channel": "webhook", "hang": True}]) as reply:
            assert reply.status == 200
        hanging = asyncio.ensure_future(session.post(f"{box.url}/hook/x", data=b"x"))
        talks = [await asyncio.open_connection("127.0.0.1", port) for port in (box.smtp_port, box.nsca_port)]
        while not box.arrivals.last:
            await asyncio.sleep(0.01)

        async with asyncio.timeout(5):
            await box.stop()

        with pytest.raises(aiohttp.ClientConnectionError):
            await hanging
        for reader, writer in talks:
            await reader.read()
            writer.close()
            await writer.wait_closed()
    while asyncio.all_tasks() - before:
        await asyncio.sleep(0.01)
    for port in (box.http_port, box.smtp_port, box.nsca_port):
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_is_taken_is_said(box):
    """A port in use is an error in words, and leaves no other port open."""
    second = Sandbox(nsca_port=box.nsca_port)
    with pytest.raises(Unavailable, match="cannot listen"):
        await second.start()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", second.http_port)


def test_an_nsca_method_that_is_not_served():
    """An unknown method is refused at once."""
    with pytest.raises(ValueError, match="method 2"):
        Sandbox(options=Options(nsca_method=2))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_it_is_told_to_stop(number):
    """`bellhop sandbox --json` prints its addresses as one line, obeys its options, and ends with 0."""
    ports = ["--port", "0", "--smtp-port", "0", "--nsca-port", "0", "--room", "Ops"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RUN,
        *ports,
        "--fault",
        "channel=slack,status=500",
        "--json",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            where = json.loads(await process.stdout.readline())
            async with aiohttp.ClientSession() as session, session.get(f"{where['url']}/api/faults") as reply:
                assert (await reply.json())["faults"][0]["status"] == 500
            assert set(where) == {"url", "smtp_port", "nsca_port"}
            process.send_signal(number)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    "wrong", [["--fault", "status=1"], ["--hipchat-messages", "many"], ["--nsca-method", "2", "--port", "0"]]
)
async def test_the_command_refuses_nonsense(wrong):
    """A wrong option ends with 1 and a sentence, without a traceback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, *wrong, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert complaint.strip()
    assert b"Traceback" not in complaint
