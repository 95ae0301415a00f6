"""The sandbox as all vendors at once, on a thread of its own; the tests look at it and break it from theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar

from fakes.processes import until

from worker.sandbox.arrivals import Arrival
from worker.sandbox.faults import Rule
from worker.sandbox.options import Options
from worker.sandbox.server import Sandbox
from worker.sandbox.view import as_json

T = TypeVar("T")
ALL = 1_000_000


class Vendors:
    """A sandbox between `start` and `stop`. Rooms, hooks and so on are told apart by `to`."""

    def __init__(self, options: Options, http_port: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox")
        self._box = Sandbox(http_port=http_port, options=options)

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
        """By which its STARTTLS verifies."""
        return self._box.certificate_pem

    def start(self) -> Self:
        """Listen."""
        self._thread.start()
        try:
            self._await(self._box.start())
        except BaseException:
            self._end()
            raise
        return self

    def stop(self) -> None:
        """Listen no more."""
        self._await(self._box.stop())
        self._end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def arrivals(self, channel: str | None = None, to: str | None = None) -> list[Arrival]:
        """What arrived, oldest first."""
        return self._on_loop(lambda: self._box.arrivals.select(channel, to, limit=ALL))

    def accepted(self, channel: str | None = None, to: str | None = None) -> list[Arrival]:
        """What arrived and was taken, oldest first."""
        return [arrival for arrival in self.arrivals(channel, to) if arrival.accepted]

    def wait_for(self, count: int, to: str, channel: str | None = None, within_s: float = 20) -> list[Arrival]:
        """The arrivals there, as soon as they are `count` at the least."""

        def enough() -> list[Arrival]:
            found = self.arrivals(channel, to)
            return found if len(found) >= count else []

        return until(enough, within_s, lambda: f"{count} arrivals at {to}; there are {self.arrivals(channel, to)}")

    def break_down(self, channel: str, to: str = "*", **fault: Any) -> None:
        """From now on requests to `to` meet this fault (worker.sandbox.faults.Rule)."""
        rule = Rule(channel=channel, to=to, **fault)
        self._on_loop(lambda: self._box.faults.add(rule))

    def repair(self) -> None:
        """No faults any more."""
        self._on_loop(self._box.faults.clear)

    def expect_signature(self, hook: str, secret: str) -> None:
        """Refuse what comes to this hook without a signature by `secret`."""
        self._on_loop(lambda: self._box.webhook.expect(hook, secret))

    def _on_loop(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return self._await(run())

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def body(arrival: Arrival) -> Any:
    """What was sent, parsed."""
    return as_json(arrival)["body"]
