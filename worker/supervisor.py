"""Keeps child processes running: for `bellhop up`, `bellhop worker --processes` and the demo.

A child that ends by itself is started again after a pause that grows while it keeps ending; all end with us.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from worker.launching import ending_with_us

log = structlog.get_logger()

STEADY_S: Final = 30.0
"""A child that ran for so long has earned a quick restart."""
PAUSE_S: Final = 1.0
PAUSE_CAP_S: Final = 30.0
STOP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Command:
    """One process to keep running. Its output goes to `log`, or where ours goes."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    log: Path | None = None


def script(name: str) -> str:
    """A script of this very installation (`celery`, `bellhop`), whatever PATH says."""
    return str(Path(sys.executable).with_name(name))


class Supervisor:
    """Runs commands until `stop` is called or a signal comes."""

    def __init__(self, commands: Sequence[Command], *, say: Callable[[str], None] | None = None) -> None:
        self._commands = commands
        self._say = say or (lambda text: log.warning("process", text=text))
        self._stopping = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start every command."""
        self._keepers = [asyncio.create_task(self._keep(command)) for command in self._commands]

    async def until_signal(self) -> None:
        """Wait for SIGINT or SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        await self._stopping.wait()

    async def stop(self) -> None:
        """SIGTERM to every child, and SIGKILL to those that do not end by it."""
        self._stopping.set()
        await asyncio.gather(*self._keepers)

    async def _keep(self, command: Command) -> None:
        pause = PAUSE_S
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            child = await _spawn(command)
            code = await self._watch(child)
            if self._stopping.is_set():
                return
            steady = asyncio.get_running_loop().time() - began > STEADY_S
            pause = PAUSE_S if steady else min(PAUSE_CAP_S, pause * 2)
            where = f" (see {command.log})" if command.log else ""
            self._say(f"{command.name} ended with {code}{where}; starting it again in {pause:.0f} s")
            await _wait(self._stopping, pause)

    async def _watch(self, child: asyncio.subprocess.Process) -> int:
        ended = asyncio.create_task(child.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            _signal(child, signal.SIGTERM)
            await asyncio.wait((ended,), timeout=STOP_S)
        if not ended.done():
            _signal(child, signal.SIGKILL)
        return await ended


async def _spawn(command: Command) -> asyncio.subprocess.Process:
    output = None if command.log is None else os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A session of its own: a Ctrl-C on our terminal reaches us alone, and we end the children in good order.
        return await asyncio.create_subprocess_exec(
            *ending_with_us(command.argv),
            env={**os.environ, **command.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        if output is not None:
            os.close(output)


def _signal(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number) if number is signal.SIGKILL else child.send_signal(number)
    except ProcessLookupError:
        return


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
