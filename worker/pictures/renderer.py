"""Has charts drawn by a process of its own, one after the other, within bounds of time and size.

matplotlib takes a second to load, a tenth of one per picture, and holds the interpreter's lock meanwhile; and what it
is fed comes from outside. A process that hangs is ended and started anew; after a few in a row nobody asks for a while.

A pool (`concurrent.futures`, pebble) is not what does it: the one cannot end what hangs before Python 3.14, the other
watches its workers with three threads that would compete with the event loop of this very process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
import structlog

from worker.pictures.chart import DRAWN, LENGTH_BYTES, Chart, Drawn, framed

log = structlog.get_logger()

START_S: Final = 20.0
"""For a process to load matplotlib, on a machine that has other things to do as well."""
DRAW_S: Final = 5.0
"""For one picture, which takes a tenth of a second where there is nothing else to do. No delivery waits for so long."""
PACE_S: Final = 0.1
"""How long a picture takes, until that is known better."""
LEARNING: Final = 0.2
STRIKES: Final = 3
REST_S: Final = 60.0
"""How long nobody is asked after so many failures in a row."""
PNG_BYTES: Final = 262_144
"""The largest picture that is taken: mails carry it."""
ANSWER_BYTES: Final = PNG_BYTES + 1024
POINTS: Final = 20_000
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COMMAND: Final = (sys.executable, "-P", "-m", "worker.pictures.process")
PASSED_ON: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT")
"""Of our environment; the rest holds secrets, and the process has no use for them."""


class NoPicture(Exception):
    """Why there is none, in words for a log."""


def can_draw() -> bool:
    """Whether the extra `bellhop[pictures]` is installed."""
    return find_spec("matplotlib") is not None and find_spec("PIL") is not None


def environment(cache: Path) -> dict[str, str]:
    """What the process is told; matplotlib keeps its list of fonts in the folder `cache`."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return kept | {
        "MPLCONFIGDIR": str(cache.absolute()),
        "MPL_IGNORE_SYSTEM_FONTS": "1",  # to look through hundreds takes seconds; matplotlib brings its own
        "OPENBLAS_NUM_THREADS": "1",  # else numpy starts one per core, for nothing
    }


class Renderer:
    """Draws charts. The process is started when first asked for, and ends by itself where nobody asks."""

    def __init__(self, env: Mapping[str, str], command: Sequence[str] = COMMAND, *, draw_s: float = DRAW_S) -> None:
        self._env = env
        self._command = command
        self._draw_s = draw_s
        self._process: Process | None = None
        self._busy = asyncio.Lock()
        self._strikes = 0
        self._rests_until = 0.0
        self._starting_since: float | None = None
        self.pace_s = PACE_S

    @property
    def starting_s(self) -> float:
        """For how long the process has been starting; 0 where it is up, or nobody has asked for it."""
        return 0.0 if self._starting_since is None else _now() - self._starting_since

    @property
    def up(self) -> bool:
        """Whether the process is there and has loaded what it needs."""
        return self._process is not None and self._process.returncode is None and self._starting_since is None

    @property
    def resting(self) -> bool:
        """Whether it has failed too often of late to be asked."""
        return _now() < self._rests_until

    async def draw(self, chart: Chart) -> bytes:
        """The PNG; NoPicture where there is none."""
        if len(chart.points) > POINTS:
            raise NoPicture(f"more than {POINTS} points")
        try:
            message = framed(chart)
        except (msgspec.EncodeError, UnicodeError) as problem:
            raise NoPicture(f"it cannot be told to another process: {problem}") from None
        async with self._busy:
            return _png(await self._asked(message))

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await _killed(process)

    async def _asked(self, message: bytes) -> Drawn:
        if self.resting:
            raise NoPicture("the drawing process has failed too often")
        try:
            process = await self._running()
            began = _now()
            async with asyncio.timeout(self._draw_s):
                drawn = await _exchanged(process, message)
        except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as fault:
            await self._failed(fault)
            raise NoPicture(f"the drawing process: {_words(fault)}") from None
        except asyncio.CancelledError:
            # An answer is under way that nobody will read.
            await self.close()
            raise
        self._strikes = 0
        self.pace_s += LEARNING * (_now() - began - self.pace_s)
        return drawn

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._starting_since = _now()
            try:
                async with asyncio.timeout(START_S):
                    self._process = await _spawned(self._command, self._env)
                    await _ready(self._process)
            finally:
                self._starting_since = None
        return self._process

    async def _failed(self, fault: BaseException) -> None:
        await self.close()
        self._strikes += 1
        log.warning("picture.renderer_failed", problem=_words(fault), in_a_row=self._strikes)
        if self._strikes >= STRIKES:
            self._strikes, self._rests_until = 0, _now() + REST_S


def _now() -> float:
    return asyncio.get_running_loop().time()


def _words(fault: BaseException) -> str:
    return "took too long" if isinstance(fault, TimeoutError) else str(fault) or "ended"


async def _spawned(command: Sequence[str], env: Mapping[str, str]) -> Process:
    # A session of its own: a Ctrl-C on our terminal is for us, and a stopping worker still delivers.
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=env, start_new_session=True
    )


async def _ready(process: Process) -> None:
    said = await _answer(process)
    if said.problem:
        raise EOFError(said.problem)


async def _exchanged(process: Process, message: bytes) -> Drawn:
    if process.stdin is None:
        raise EOFError
    process.stdin.write(message)
    await process.stdin.drain()
    return await _answer(process)


async def _answer(process: Process) -> Drawn:
    if process.stdout is None:
        raise EOFError
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
    if length > ANSWER_BYTES:
        raise EOFError(f"its answer has {length} bytes")
    return DRAWN.decode(await process.stdout.readexactly(length))


def _png(drawn: Drawn) -> bytes:
    if drawn.problem:
        raise NoPicture(drawn.problem)
    if not drawn.png.startswith(SIGNATURE) or len(drawn.png) > PNG_BYTES:
        raise NoPicture(f"{len(drawn.png)} bytes that are no picture, or too large")
    return drawn.png


async def _killed(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()
