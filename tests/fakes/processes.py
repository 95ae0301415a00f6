"""Child processes as an operator would start them: by command, output in a file, ended by process id."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

from chaos import processes
from chaos.processes import until

__all__ = ["Process", "descendants", "free_port", "lives", "until"]


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


class Process(processes.Process):
    """A child that says what it said last where it does not do as it is told."""

    def wait_for(self, text: str, within_s: float = 30) -> Self:
        """Wait until it has said `text`; AssertionError with its last words where it ends before, or never does."""
        until(lambda: text in self.output() or not self.running, within_s, self._state)
        assert text in self.output(), self._state()
        return self

    def terminate(self, within_s: float = 30) -> int:
        """SIGTERM; its exit code."""
        super().terminate()
        return self.wait(within_s)

    def wait(self, within_s: float = 30) -> int:
        """Its exit code, once it has ended by itself."""
        until(lambda: not self.running, within_s, self._state)
        return self.code

    def _state(self) -> str:
        state = "runs" if self.running else f"ended with {self.code}"
        return f"{self.log.name}: {state}; its last words:\n{self.last_words()}"
