"""Child processes are kept running, and end with us."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from worker import supervisor as module
from worker.supervisor import Command, Supervisor, script

STAY = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
FALL = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x' if p.exists() else 'x')"


def written(path: Path) -> str:
    """What a child wrote so far."""
    return path.read_text() if path.exists() else ""


async def text_of(path: Path, length=1) -> str:
    """What a child wrote, once it has."""
    async with asyncio.timeout(20):
        while len(written(path)) < length:
            await asyncio.sleep(0.01)
    return written(path)


def alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_stop_ends_every_child(tmp_path):
    """SIGTERM ends what was started, and nothing is left behind."""
    note = tmp_path / "pid"
    supervisor = Supervisor([Command("stay", [sys.executable, "-c", STAY, str(note)])])
    await supervisor.start()
    pid = int(await text_of(note))
    await supervisor.stop()
    assert not alive(pid)


@pytest.mark.slow
async def test_a_child_that_ends_is_started_again(tmp_path):
    """A worker that exits comes back after a pause, and we are told."""
    note, said = tmp_path / "runs", []
    supervisor = Supervisor([Command("fall", [sys.executable, "-c", FALL, str(note)])], say=said.append)
    await supervisor.start()
    assert (await text_of(note, 2)).startswith("xx")
    await supervisor.stop()
    assert said[0] == f"fall ended with 0; starting it again in {module.PAUSE_S * 2:.0f} s"


def test_scripts_are_those_of_this_installation():
    """Another `celery` on PATH is not taken for ours."""
    assert Path(script("celery")).parent == Path(sys.executable).parent
