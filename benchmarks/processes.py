"""Child processes on a processor of their own, and the processor time of their whole tree. Linux only (`/proc`)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
STOP_S = 15.0
LAST_WORDS = 1500


@dataclass(frozen=True, slots=True)
class Stat:
    """One process: its number, its parent's, and its processor time in ticks, that of ended children included."""

    pid: int
    parent: int
    ticks: int


def parse_stat(text: str) -> Stat:
    """`/proc/<pid>/stat`: the name in the brackets may itself hold spaces and brackets.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    # From the third field on: state, ppid, …; utime, stime, cutime, cstime are the 14th to the 17th.
    return Stat(int(head.split(" ", 1)[0]), int(fields[1]), sum(int(ticks) for ticks in fields[11:15]))


def tree_ticks(root: int, stats: Iterable[Stat]) -> int:
    """The processor time of process `root` and all its descendants, in ticks."""
    children: dict[int, list[Stat]] = {}
    known: dict[int, Stat] = {}
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
        known[stat.pid] = stat
    found = [known[root]] if root in known else []
    for stat in found:
        found += children.get(stat.pid, [])
    return sum(stat.ticks for stat in found)


def read_stats() -> list[Stat]:
    """Every process of this machine."""
    stats = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                stats.append(parse_stat((folder / "stat").read_text(errors="replace")))
    return stats


def process_s(pid: int) -> float:
    """The processor time of one process so far, in seconds; that of its running children is not in it."""
    return parse_stat((PROC / str(pid) / "stat").read_text(errors="replace")).ticks / os.sysconf("SC_CLK_TCK")


def exact_s(pid: int) -> float:
    """The same to the nanosecond, by the scheduler's own count, of every thread that still runs.

    https://docs.kernel.org/scheduler/sched-stats.html
    """
    spent = 0
    for thread in (PROC / str(pid) / "task").iterdir():
        with suppress(OSError):  # it ended meanwhile
            spent += int((thread / "schedstat").read_text().split()[0])
    return spent / 1e9


def parse_busy(text: str, cpus: Collection[int]) -> int:
    """`/proc/stat`: the ticks in which the processors `cpus` had work, whose ever it was.

    https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """
    lines = [line.split() for line in text.splitlines() if line.startswith("cpu")]
    # After the name: user, nice, system, idle, iowait, irq, softirq, steal; guest time is in user already.
    ticks = {name: [int(field) for field in fields[:8]] for name, *fields in lines}
    return sum(sum(found) - sum(found[3:5]) for name, found in ticks.items() if name[3:] in {str(cpu) for cpu in cpus})


def busy_s(cpus: Collection[int]) -> float:
    """How long these processors have had work so far, in seconds."""
    return parse_busy((PROC / "stat").read_text(), cpus) / os.sysconf("SC_CLK_TCK")


def move(pid: int, cpus: Iterable[int]) -> None:
    """Let every thread of a process run on `cpus`."""
    for thread in (PROC / str(pid) / "task").iterdir():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), cpus)


class Child:
    """A process on the processors `cpus`, its output in `log`; a context manager that leaves none of it behind."""

    def __init__(
        self,
        command: Sequence[str],
        cpus: Iterable[int],
        log: Path,
        env: Mapping[str, str] | None = None,
        *,
        talks: bool = False,
    ) -> None:
        self.log = log
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cpus)  # inherited by the child and by every thread and process that it starts
        try:
            with log.open("wb") as output:
                self.process = subprocess.Popen(  # noqa: S603 - our own commands
                    command,
                    env=dict(os.environ if env is None else env),
                    cwd=log.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if talks else output,
                    stderr=output,
                    start_new_session=True,
                )
        finally:
            os.sched_setaffinity(0, before)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def cpu_s(self) -> float:
        """The processor time of its whole tree so far, in seconds."""
        return tree_ticks(self.pid, read_stats()) / os.sysconf("SC_CLK_TCK")

    def line(self) -> str:
        """The next line that it says; for one that talks."""
        return self.process.stdout.readline().decode().strip() if self.process.stdout else ""

    def last_words(self) -> str:
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-LAST_WORDS:]

    def stop(self) -> None:
        """SIGTERM and, where that is not enough, SIGKILL to its whole group."""
        if self.running:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
