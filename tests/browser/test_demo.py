"""The demo from its command to its end, seen as a newcomer sees it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from browser.guest import Guest
from browser.visitor import TABS
from fakes.processes import Process, descendants, lives, until
from playwright.async_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

BELLHOP = Path(sys.executable).with_name("bellhop")
UP_S, DOWN_S = 90, 10


@pytest.fixture
def demo(browser, tmp_path):
    """`bellhop demo`, with all of its state in a folder of the test's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELLHOP_", "FLOWER_"))}
    settings = {"BELLHOP_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "160"}
    with Process([BELLHOP, "demo"], env=clean | settings, cwd=tmp_path, log=tmp_path / "demo.log") as process:
        yield process
        for pid in descendants(process.pid):  # each is in a session of its own, where the group's end is not theirs
            os.kill(pid, signal.SIGKILL)


async def test_the_demo_shows_what_arrived_and_ends(demo, visit):
    """36 of 36 arrive, the page shows them and the console their app; Ctrl-C ends all of it soon, with 0."""
    await asyncio.to_thread(demo.wait_for, "Ctrl-C ends it.", UP_S)
    said = demo.output()
    assert "36 of 36 deliveries arrived." in said
    page = re.search(r"what arrived +(http://\S+)/\n", said)[1]

    visitor = await visit(url=page)
    await expect(visitor.tab("Everything")).to_have_text("Everything36")
    for name in TABS[1:]:
        await expect(visitor.tab(name)).to_have_text(f"{name}6")
    await expect((await visitor.choose("HipChat")).get_by_role("article")).to_have_count(6)
    await expect((await visitor.choose("PagerDuty")).get_by_text("RESOLVED")).to_have_count(3)
    await expect((await visitor.choose("Nagios")).get_by_text("OK", exact=True)).to_have_count(3)
    await visitor.page.close()
    console = re.search(r"Open the console: +(http://\S+)/\n", said)[1]
    guest = await Guest.arrive(visitor.page.context, console)
    await expect(guest.page.get_by_role("rowheader")).to_have_text(["shop"])
    await guest.page.close()
    assert guest.complaints == guest.strangers() == []

    started = descendants(demo.pid)
    assert len(started) >= 3, "Redis, a worker and Flower"
    began = time.monotonic()
    os.kill(demo.pid, signal.SIGINT)
    assert await asyncio.to_thread(demo.wait, DOWN_S) == 0
    assert time.monotonic() - began < DOWN_S
    until(lambda: not any(map(lives, started)), 1, lambda: f"{[pid for pid in started if lives(pid)]} are left")
