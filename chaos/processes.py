"""Child processes that can be broken: each in its own session, killed, stopped and continued with its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
TICK_S = 0.02
LAST_WORDS = 3000


class NotInTime(AssertionError):
    """Something that had to come did not."""


def until(condition: Callable[[], T], within_s: float, what: str | Callable[[], str]) -> T:
    """What `condition` returns as soon as it is true of it; NotInTime after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within_s:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(TICK_S)
    return found


class Process:
    """A child in a session of its own, its output in `log`; a context manager that leaves none of it behind.

    It works in the folder `cwd`, or in that of its log.
    """

    def __init__(
        self, command: Sequence[str | Path], *, env: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                env=dict(env),
                cwd=cwd or log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, and its group's."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code, once it has been seen to end."""
        return self._child.returncode

    def output(self) -> str:
        """All that it has said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def last_words(self) -> str:
        """The end of what it said."""
        return self.output()[-LAST_WORDS:]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all its children."""
        if self._child.returncode is None:  # not reaped yet: so the number is still its own
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to the whole tree."""
        self.signal(signal.SIGKILL)
        self._child.wait()

    def terminate(self) -> None:
        """SIGTERM to it alone, as a process manager does; `wait` waits for its end."""
        self._child.terminate()

    def wait(self, within_s: float) -> int | None:
        """Its exit code; None where it does not end in time."""
        try:
            return self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.signal(signal.SIGCONT)
        self.kill()
