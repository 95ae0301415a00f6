"""Runs very many inputs, and watches each of them: whether it crashes, and whether it ends in a second.

A second of processor time, not of the clock: a busy machine makes nothing hang. Python code is interrupted where it
stands; what does not even come back to Python is ended with its process, and counted too.
"""

from __future__ import annotations

import importlib
import multiprocessing
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from random import Random
from types import FrameType
from typing import Any, Final

Order = tuple[str, int, int, int]
"""(kind, seed, first input, the one after the last)."""
LIMIT_S: Final = 1.0
LOST_S: Final = 60.0
"""After so long without a word a process is ended; a chunk takes a few seconds."""
MEMORY_BYTES: Final = 2 * 1024**3
"""Of addresses, for a process; to need more is a crash as well."""
LOOK_S: Final = 0.02
CHUNK: Final = 1000
PROCESSES: Final = 2
SHOWN_CHARS: Final = 2000


class Hang(BaseException):
    """It took more than a second; no `except Exception` of what is tried catches it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that did what none may: `what` says what it was, `index` makes it again."""

    kind: str
    index: int
    what: str
    hang: bool
    given: str


@dataclass(slots=True)
class Found:
    """What came of a number of inputs."""

    tried: int = 0
    accepted: int = 0
    slowest_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """The same of others."""
        self.tried += other.tried
        self.accepted += other.accepted
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.failures += other.failures

    def count(self, *, hangs: bool) -> int:
        """How many hung, or crashed."""
        return sum(failure.hang is hangs for failure in self.failures)


def made(kind: str, seed: int, index: int) -> Any:
    """Input number `index` of a kind: always the same one."""
    random = Random(f"{seed}:{kind}:{index}")  # noqa: S311 - to be the same again is the point
    return _module(kind).make(random)


def _module(kind: str) -> Any:
    """With a dot in it the kind is the module's own name."""
    return importlib.import_module(kind if "." in kind else f"security.mutated_{kind}")


def tried(kind: str, seed: int, start: int, stop: int, begun: Callable[[int], None] = lambda _: None) -> Found:
    """Run inputs `start` to `stop`, in this process' main thread; `begun` is told the number of each before it runs."""
    found = Found()
    signal.signal(signal.SIGPROF, _interrupt)
    run = _module(kind).run
    for index in range(start, stop):
        begun(index)
        given = made(kind, seed, index)
        began = time.process_time()
        try:
            with _limited():
                found.accepted += bool(run(given))
        except (Hang, Exception) as error:  # noqa: BLE001 - that is what is looked for
            what = "".join(traceback.format_exception_only(error)).strip()[:SHOWN_CHARS]
            found.failures.append(Failure(kind, index, what, isinstance(error, Hang), repr(given)[:SHOWN_CHARS]))
        found.slowest_s = max(found.slowest_s, time.process_time() - began)
        found.tried += 1
    return found


@contextmanager
def _limited() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Hang(f"more than {LIMIT_S:g} s")


def _work(orders: Connection, current: Any) -> None:
    """A process of its own: does chunks until told None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    def begun(index: int) -> None:
        current.value = index

    while (order := orders.recv()) is not None:
        kind, seed, start, stop = order
        orders.send(tried(kind, seed, start, stop, begun))


class _Worker:
    """Such a process, as its parent sees it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.orders, theirs = context.Pipe()
        self._current = context.Value("q", 0, lock=False)
        self._process = context.Process(target=_work, args=(theirs, self._current), daemon=True)
        self._process.start()
        self.order: Order | None = None
        self._since = 0.0

    def give(self, order: Order) -> None:
        """Have it done."""
        self.order = order
        self._since = time.monotonic()
        self.orders.send(order)

    def answer(self) -> Found | None:
        """What came of its order, where that is done."""
        if not self.orders.poll(LOOK_S):
            return None
        try:
            answer: Found = self.orders.recv()
        except EOFError:  # it ended, which `lost` tells
            return None
        self.order = None
        return answer

    @property
    def lost(self) -> bool:
        """Whether it ended, or has not said anything for too long."""
        return self.order is not None and (not self._process.is_alive() or time.monotonic() - self._since > LOST_S)

    def given_up(self) -> tuple[Found, list[Order]]:
        """End it: the input that it did not come back from, and what is to be done again of its order."""
        self.end()
        if self.order is None:
            return Found(), []
        kind, seed, start, stop = self.order
        index = max(start, self._current.value)
        failure = Failure(kind, index, f"its process ended, or said nothing for {LOST_S:g} s", hang=True, given="?")
        # What came before it was not told yet.
        parts = [(kind, seed, start, index), (kind, seed, index + 1, stop)]
        return Found(tried=1, failures=[failure]), [part for part in parts if part[2] < part[3]]

    def end(self) -> None:
        """It has nothing more to do."""
        self._process.kill()
        self._process.join()
        self.orders.close()


def tried_in_processes(kind: str, seed: int, count: int, say: Callable[[int], None]) -> Found:
    """Run inputs 0 to `count` in two processes; `say` is told how many are done."""
    found = Found()
    chunk = max(1, min(CHUNK, count // PROCESSES))
    waiting = [(kind, seed, start, min(start + chunk, count)) for start in range(0, count, chunk)][::-1]
    workers = [_Worker() for _ in range(PROCESSES)]
    try:
        while found.tried < count:
            for place, worker in enumerate(workers):
                if worker.order is None and waiting:
                    worker.give(waiting.pop())
                answer = worker.answer()
                if answer is not None:
                    found.add(answer)
                    say(found.tried)
                elif worker.lost:
                    lost, left = worker.given_up()
                    found.add(lost)
                    waiting += left
                    workers[place] = _Worker()
    finally:
        for worker in workers:
            worker.end()
    return found
