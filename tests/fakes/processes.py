"""Child processes as an operator would start them: by command, output in a file, ended by process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
TICK_S = 0.02
TAIL_CHARS = 3000


def until(condition: Callable[[], T], within_s: float, what: str | Callable[[], str]) -> T:
    """What `condition` returns as soon as it is true of it; AssertionError with `what` after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(TICK_S)
    return found


def free_port() -> int:
    """A port that nobody listened on a moment ago, for programs that cannot choose one and say so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid: int) -> list[int]:
    """The ids of all processes beneath this one, whatever session or group they are in."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            for child in map(int, listed.read_text().split()):
                found += [child, *descendants(child)]
    return found


def lives(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Process:
    """A child in a process group of its own. A context manager: on the way out the whole group is killed."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                env=dict(env),
                cwd=cwd,
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

    def output(self) -> str:
        """All that it has said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, within_s: float = 30) -> Self:
        """Wait until it has said `text`; AssertionError with its last words where it ends before, or never does."""
        until(lambda: text in self.output() or not self.running, within_s, self._last_words)
        assert text in self.output(), self._last_words()
        return self

    def terminate(self, within_s: float = 30) -> int:
        """SIGTERM; its exit code."""
        self._child.terminate()
        return self.wait(within_s)

    def wait(self, within_s: float = 30) -> int:
        """Its exit code, once it has ended by itself."""
        until(lambda: not self.running, within_s, self._last_words)
        return self._child.returncode

    def kill(self) -> None:
        """SIGKILL to it and its children. Nothing happens where it has ended already."""
        if self._child.returncode is None:  # not reaped yet: so the number is still its own
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _last_words(self) -> str:
        state = "runs" if self.running else f"ended with {self._child.returncode}"
        return f"{self.log.name}: {state}; its last words:\n{self.output()[-TAIL_CHARS:]}"
