"""The process that draws: a real one, and ones that hang, die, lie or never come up."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from msgspec.structs import replace
from pictures.conftest import seen

from worker.pictures import renderer as module
from worker.pictures.chart import Chart
from worker.pictures.charts import chart_of
from worker.pictures.renderer import STRIKES, NoPicture, can_draw, environment

HANGS = "import time; time.sleep(60)"
READY = r"""
import os, sys, time
from worker.pictures.chart import Drawn, framed
def say(drawn): os.write(1, framed(drawn))
say(Drawn())
head = os.read(0, 4)
"""


def test_this_machine_can_draw():
    """The tests' own environment has the extra, or most of them would prove nothing."""
    assert can_draw()


async def test_a_chart_becomes_a_png(make_renderer, make_event):
    """By the real process, which stays for the next one, and says what it cannot draw."""
    drawing = make_renderer()
    chart = chart_of(make_event())
    assert not drawing.up
    first = await drawing.draw(chart)
    assert seen(first).size == (1280, 640)
    assert drawing.up
    with pytest.raises(NoPicture, match=r"NothingToDraw in draw, line \d+ of drawing.py"):
        await drawing.draw(replace(chart, points=()))
    assert await drawing.draw(chart) == first
    await drawing.close()
    assert not drawing.up


async def test_what_a_picture_fails_on_is_not_quoted(make_renderer, make_event):
    """It goes to the log, where no words of an alert belong: what went wrong and where, not on what."""
    chart = replace(chart_of(make_event()), colour="canary")
    with pytest.raises(NoPicture, match=r"^ValueError in \w+, line \d+ of \w+.py$"):
        await make_renderer().draw(chart)


async def test_a_process_that_was_killed_is_replaced(make_renderer, make_event):
    """The picture that it was to draw is lost, the next one is not."""
    drawing = make_renderer()
    chart = chart_of(make_event())
    await drawing.draw(chart)
    os.kill(drawing._process.pid, signal.SIGKILL)
    await drawing._process.wait()
    assert seen(await drawing.draw(chart)).size == (1280, 640)


async def test_a_process_that_hangs_is_ended_within_its_time(make_renderer, make_event):
    """It holds nobody up for longer, and is gone afterwards."""
    drawing = make_renderer(READY + HANGS, draw_s=0.2)
    with pytest.raises(NoPicture, match="took too long"):
        async with asyncio.timeout(15):
            await drawing.draw(chart_of(make_event()))
    assert not drawing.up


@pytest.mark.parametrize(
    "script",
    [
        "raise SystemExit",
        "print('no frame at all, but more than four bytes of it', flush=True)",
        READY + "say(Drawn(png=b'GIF89a'))",
        READY + "os.write(1, b'\\x7f\\xff\\xff\\xff' + b'x' * 1000)",
        READY + "os.write(1, b'\\x00\\x00\\x00\\x03abc')",
        READY + "os.write(1, b'\\x00\\x00')",
        READY + "say(Drawn(png=b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 262_144))",
        READY + "sys.exit()",
        READY.replace("say(Drawn())", "say(Drawn(problem='not installed'))"),
    ],
    ids=["ends", "babbles", "no png", "too long", "no message", "half a frame", "too large", "ends later", "not there"],
)
async def test_a_process_that_fails_is_no_picture(make_renderer, make_event, script):
    """Whatever comes back: an error in words, never a picture that is none."""
    with pytest.raises(NoPicture):
        async with asyncio.timeout(15):
            await make_renderer(script).draw(chart_of(make_event()))


async def test_after_a_few_failures_in_a_row_nobody_is_asked(make_renderer, make_event):
    """A process that never works costs a few starts and then nothing for a while."""
    drawing = make_renderer("raise SystemExit")
    for _ in range(STRIKES):
        assert not drawing.resting
        with pytest.raises(NoPicture):
            await drawing.draw(chart_of(make_event()))
    assert drawing.resting
    with pytest.raises(NoPicture, match="too often"):
        await drawing.draw(chart_of(make_event()))


async def test_a_command_that_is_not_there_is_no_picture(make_event, tmp_path):
    """Nor is a Python that was taken away under a running worker."""
    drawing = module.Renderer(environment(tmp_path), (str(tmp_path / "nothing"),))
    with pytest.raises(NoPicture):
        await drawing.draw(chart_of(make_event()))


async def test_what_cannot_travel_is_refused(make_renderer, make_event):
    """Too many points, or half a surrogate pair, never reach the process."""
    drawing = make_renderer(HANGS)
    chart = chart_of(make_event())
    for wrong in (replace(chart, points=((1.0, 1.0),) * 20_001), replace(chart, title="\ud800")):
        with pytest.raises(NoPicture):
            await drawing.draw(wrong)


async def test_closing_ends_it_in_the_middle(make_renderer, make_event):
    """A worker that stops does not wait for a picture."""
    drawing = make_renderer(READY + HANGS)
    task = asyncio.create_task(drawing.draw(chart_of(make_event())))
    while not drawing.up:
        await asyncio.sleep(0.01)
    process = drawing._process
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await process.wait() != 0


async def test_the_process_ends_with_its_input(tmp_path):
    """Nobody has to look for it after a worker was killed; and what was no chart ends it as well."""
    for sent in (b"", b"\x00", b"\x00\x00\x01\x00 and not so many"):
        process = await module._spawned(module.COMMAND, environment(tmp_path))
        process.stdin.write(sent)
        process.stdin.close()
        async with asyncio.timeout(60):
            assert await process.stdout.read()
            assert await process.wait() == 0


def test_the_process_is_told_no_secret(monkeypatch, tmp_path):
    """What is drawn comes from outside, so whoever breaks in there finds nothing."""
    monkeypatch.setenv("BELLHOP_MASTER_KEYS", "canary")
    monkeypatch.setenv("HIPCHAT_TOKEN", "canary")
    assert "canary" not in environment(tmp_path).values()


def test_an_empty_chart_travels():
    """NaN and infinity as well: the process decides what can be drawn."""
    chart = Chart("", "", "", float("nan"), "", ((float("inf"), float("nan")),))
    assert module.framed(chart)
