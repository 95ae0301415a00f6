"""The sandbox as vendor and referee, on a thread of its own: what it took was delivered, whatever Bellhop says."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from worker.sandbox.arrivals import Arrival
from worker.sandbox.faults import Rule
from worker.sandbox.options import Options
from worker.sandbox.server import Sandbox

T = TypeVar("T")
UNLIMITED = Options(hipchat_requests=None, hipchat_messages=None)
EVENT_ID = re.compile(rb"ev\d{6}[a-z]")
"""How the load names its events; the name stands in each title, and so in what every channel sends."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request that carried an event."""

    at: float
    """Epoch seconds."""
    channel: str
    event: str
    to: str
    accepted: bool
    status: int | None
    answered: bool
    key: str
    """The provider's idempotency key on it, where the channel has one."""


class Vendor:
    """All vendors at once, between `start` and `stop`."""

    def __init__(self, options: Options = UNLIMITED) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vendor", daemon=True)
        self._box = Sandbox(options=options)

    @property
    def url(self) -> str:
        """Of all HTTP."""
        return self._box.url

    @property
    def smtp_port(self) -> int:
        """Where mail goes."""
        return self._box.smtp_port

    @property
    def nsca_port(self) -> int:
        """Where passive checks go."""
        return self._box.nsca_port

    @property
    def certificate_pem(self) -> bytes:
        """By which its mail server is verified."""
        return self._box.certificate_pem

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        self.up()
        return self

    def stop(self) -> None:
        """Listen no more, and end the thread."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def down(self) -> None:
        """From now on connections are refused."""
        self._await(self._box.stop())

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._await(self._box.start())

    def count(self) -> int:
        """How many messages were taken so far."""
        return sum(1 for each in self._arrivals() if each.accepted)

    def received(self) -> int:
        """How many requests there were so far, whatever became of them."""
        return len(self._arrivals())

    def arrived(self) -> list[Arrived]:
        """Every request that carried an event, oldest first."""
        return [found for each in self._arrivals() if (found := _arrived(each)) is not None]

    def break_down(self, *rules: dict[str, Any]) -> None:
        """From now on requests meet these faults and no others (worker.sandbox.faults.Rule)."""
        self._on_loop(lambda: self._box.faults.replace([Rule(**rule) for rule in rules]))

    def repair(self) -> None:
        """No faults any more; who hangs already goes on to."""
        self._on_loop(self._box.faults.clear)

    def open_incidents(self) -> int:
        """How many are open at PagerDuty."""
        return len(self._on_loop(self._box.pagerduty.open))

    def _arrivals(self) -> list[Arrival]:
        return self._on_loop(lambda: list(self._box.arrivals))

    def _on_loop(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        found: T = self._await(run())
        return found

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def _arrived(arrival: Arrival) -> Arrived | None:
    found = EVENT_ID.search(arrival.body)
    if found is None:
        return None
    answered = arrival.status is not None
    return Arrived(
        arrival.at,
        arrival.channel,
        found[0].decode(),
        arrival.to,
        arrival.accepted,
        arrival.status,
        answered,
        arrival.delivery_id,
    )
