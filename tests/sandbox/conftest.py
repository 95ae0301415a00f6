"""A sandbox on free ports, an HTTP client for it, and a clock that a test can turn."""

from __future__ import annotations

import aiohttp
import pytest

from worker.sandbox.options import Options
from worker.sandbox.server import Sandbox

TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcd"


class Clock:
    """Seconds since the epoch, as a test wants them."""

    def __init__(self, now=1_800_000_000.25) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Client:
    """Short words for what the tests send."""

    def __init__(self, box, session) -> None:
        self.box = box
        self.session = session

    async def ask(self, method, path, **more):
        async with self.session.request(method, f"{self.box.url}{path}", **more) as reply:
            raw = await reply.read()
            content = await reply.json() if raw and reply.content_type == "application/json" else raw.decode()
            return reply.status, content, reply.headers

    async def notify(self, body, room="Ops%20Room", token=TOKEN, query="", method="POST"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.ask(method, f"/v2/room/{room}/notification{query}", json=body, headers=headers)

    async def arrivals(self, query=""):
        return (await self.ask("GET", f"/api/arrivals?{query}"))[1]["arrivals"]


@pytest.fixture
def clock():
    """Time stands still until the test turns it."""
    return Clock()


@pytest.fixture
async def session():
    """A client that is closed after the test."""
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def box(clock):
    """A running sandbox with the usual options."""
    async with Sandbox(options=Options(), clock=clock) as started:
        yield started


@pytest.fixture
def client(box, session):
    """What sends to it."""
    return Client(box, session)


@pytest.fixture
async def start(session, clock):
    """Start further sandboxes with options of their own; each is stopped after the test."""
    boxes = []

    async def starting(**options):
        started = Sandbox(options=Options(**options), clock=clock)
        await started.start()
        boxes.append(started)
        return Client(started, session)

    yield starting
    for started in boxes:
        await started.stop()
