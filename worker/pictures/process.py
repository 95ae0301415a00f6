"""The process that draws: `python -m worker.pictures.process`. Charts come in on its standard input, PNGs go out.

It ends when its input does, when nobody has asked for a while, and when a picture takes it too long: what is drawn
comes from outside, and whatever it does to matplotlib it does to this process alone.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import Final

from worker.pictures.chart import CHARTS, LENGTH_BYTES, Chart, Drawn, framed

IDLE_S: Final = 900.0
"""After so long without a chart its memory (about 90 MB) is worth more than a quick start."""
ALARM_S: Final = 10.0
"""Longer than anybody waits: where nobody is left to end a process that hangs, it ends itself."""
MEMORY_BYTES: Final = 2**31
NICENESS: Final = 5
PROBLEM_CHARS: Final = 300


def main() -> None:
    """Draw until there is no more to draw."""
    source, sink = 0, os.dup(1)
    os.dup2(2, 1)  # what a library prints is no picture
    _confine()
    try:
        from worker.pictures.drawing import draw  # noqa: PLC0415 - what takes long, and may not be installed
    except ImportError as missing:
        _send(sink, Drawn(problem=str(missing)))
        return
    warnings.simplefilter("ignore")  # characters that the font lacks
    draw(
        Chart("x", "x", "#000000", 0.0, "x", ((0.0, 1.0),))
    )  # the first one loads fonts, and takes three times as long
    _send(sink, Drawn())
    while (chart := _received(source)) is not None:
        signal.setitimer(signal.ITIMER_REAL, ALARM_S)
        try:
            drawn = Drawn(png=draw(CHARTS.decode(chart)))
        except Exception as problem:  # noqa: BLE001 - matplotlib may fail in any way; the next chart is another one
            drawn = Drawn(problem=_words(problem))
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(sink, drawn)


def _words(problem: Exception) -> str:
    """What went wrong and where, for a log; a library's own words could quote the alert, which is for no log."""
    *_, (frame, line) = walk_tb(problem.__traceback__)
    code = frame.f_code
    return f"{type(problem).__name__} in {code.co_name}, line {line} of {Path(code.co_filename).name}"[:PROBLEM_CHARS]


def _confine() -> None:
    """Let deliveries go first, and take no more memory than a picture can need."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.nice(NICENESS)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _received(source: int) -> bytes | None:
    """The next chart as it came; None where there is none any more."""
    waiting, _, _ = select.select([source], [], [], IDLE_S)
    head = _read(source, LENGTH_BYTES) if waiting else b""
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    chart = _read(source, length)
    return chart if len(chart) == length else None


def _read(source: int, count: int) -> bytes:
    parts = []
    while count and (part := os.read(source, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(sink: int, drawn: Drawn) -> None:
    left = memoryview(framed(drawn))
    try:
        while left:
            left = left[os.write(sink, left) :]
    except BrokenPipeError:
        sys.exit()


if __name__ == "__main__":
    main()
