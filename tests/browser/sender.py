"""What reaches the sandbox: alerts by Bellhop's own channels and transports, and anything at all by plain requests."""

from __future__ import annotations

from itertools import count
from typing import Any

import aiohttp
import orjson

from worker import demo
from worker.appsfile import read_apps
from worker.attempt import attempt
from worker.channels import CHANNELS
from worker.events import parse_event
from worker.models import Kind, Notice, Picture
from worker.sandbox.limits import Clock
from worker.sandbox.server import Sandbox
from worker.transports.carrier import Carrier

TOKEN = {"Authorization": f"Bearer {demo.TOKEN}"}
_NUMBERS = count(1)


class Sender:
    """Sends to one sandbox, as the demo's app `shop` does."""

    def __init__(self, box: Sandbox, carrier: Carrier, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.box = box
        self._carrier = carrier
        self._session = session
        self._clock = clock
        wanted = demo.destinations(box.url, box.smtp_port, box.nsca_port)
        text = orjson.dumps({"apps": {demo.APP: {"destinations": wanted}}}).decode()
        self._destinations = read_apps(text, {})[demo.APP].destinations

    async def alert(self, event: dict[str, Any], *names: str, picture: Picture | None = None) -> None:
        """One event to the destinations of these names, or to all six; each must take it."""
        for name in names or self._destinations:
            destination = self._destinations[name]
            channel = CHANNELS[destination.channel]
            notice = _notice(event, self._clock(), picture)
            done = await attempt(channel, destination.settings, notice, self._carrier)
            assert done.verdict.kind is Kind.DELIVERED, (name, done.verdict)

    async def post(self, path: str, status: int | None = None, **request: Any) -> None:
        """One request, whose answer must be `status` where that is given."""
        async with self._session.post(f"{self.box.url}{path}", **request) as answer:
            assert status in {None, answer.status}, (answer.status, await answer.text())


def event(**more: Any) -> dict[str, Any]:
    """A critical alert of the app `shop`, changed by `more`."""
    usual = {"app": demo.APP, "title": "Disk is full", "message": "97 % used", "severity": "critical"}
    return {**usual, "rule": "Disk", "tags": {"host": "db-1"}, **more}


def _notice(content: dict[str, Any], now: float, picture: Picture | None) -> Notice:
    number = next(_NUMBERS)
    parsed = parse_event(content, default_id=f"event-{number}", received_at=now, max_bytes=262_144)
    return Notice(event=parsed, delivery_id=f"delivery-{number}", attempt=1, now=now, picture=picture)
