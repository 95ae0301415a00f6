"""One time limit for many attempts at once, kept by one timer of the event loop instead of one timer each."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

CLOCK_S = 0.001
"""uvloop's clock counts whole milliseconds, and its timers with it."""


class Deadlines:
    """Gives each attempt `limit_s` seconds. The limit is the same for all, so the oldest is always the next due.

    A timer each costs more than the rest of a deadline; here the timer is set anew once per limit, not per attempt.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._running: dict[Deadline, float] = {}
        """Until when, on the loop's clock; the oldest first."""
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> Deadline:
        """A context manager: TimeoutError where what runs inside takes longer. Once each, in a task."""
        return Deadline(self)

    def close(self) -> None:
        """Drop the timer; what still runs has no deadline any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def add(self, deadline: Deadline) -> None:
        """Count from now; for `Deadline` alone."""
        loop = asyncio.get_running_loop()
        self._running[deadline] = at = loop.time() + self._limit_s
        if self._timer is None:
            self._timer = loop.call_at(at, self._pass_those_due)

    def remove(self, deadline: Deadline) -> None:
        """It was kept, or has passed; for `Deadline` alone."""
        self._running.pop(deadline, None)

    def _pass_those_due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time() + CLOCK_S
        for deadline, at in list(self._running.items()):
            if at > now:
                self._timer = loop.call_at(at, self._pass_those_due)
                return
            del self._running[deadline]
            deadline.pass_by()


class Deadline:
    """One attempt's: interrupts its task as `asyncio.timeout` does, and tells that from anybody else's cancellation."""

    __slots__ = ("_cancelling", "_deadlines", "_passed", "_task")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._passed = False
        self._cancelling = 0
        self._task: asyncio.Task[Any]

    def pass_by(self) -> None:
        """The time is over: interrupt the task."""
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.remove(self)
        if self._passed and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
