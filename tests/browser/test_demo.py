"""The demo from its command to its end, seen as a newcomer sees it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from browser.graph_reader import Graph
from browser.guest import Guest
from browser.typist import outcome
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
    """36 of 36 arrive, the page shows them, the console does all of the original page; Ctrl-C ends it soon, with 0."""
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
    await see_the_alerts(guest)
    await set_hipchat_up(guest.page)
    await expect(guest.page.get_by_role("row", name="ops-room")).to_contain_text("On call")
    assert await all_is_well(guest)
    await guest.page.close()
    assert guest.complaints == guest.strangers() == []

    started = descendants(demo.pid)
    assert len(started) >= 3, "Redis, a worker and Flower"
    began = time.monotonic()
    os.kill(demo.pid, signal.SIGINT)
    assert await asyncio.to_thread(demo.wait, DOWN_S) == 0
    assert time.monotonic() - began < DOWN_S
    until(lambda: not any(map(lives, started)), 1, lambda: f"{[pid for pid in started if lives(pid)]} are left")


async def see_the_alerts(guest):
    """From the first page to the graph, by what is there to press."""
    await expect(guest.page.get_by_role("rowheader")).to_have_text(["shop"])
    await guest.page.get_by_role("link", name="shop").click()
    await expect(guest.page.get_by_role("row", name="hipchat")).to_contain_text("delivered")
    await guest.page.get_by_role("link", name="Events", exact=True).click()
    graph = await Graph.of(guest)
    await expect(graph.rows).to_have_count(6)
    await expect(guest.page.locator(".pane-limit").filter(has_text="> 1.074 GB")).to_have_count(1)
    await expect(guest.page.locator("#summary")).to_contain_text("fired once; back to normal once; 6 destinations told")
    await guest.page.get_by_role("link", name="Destinations").click()


async def set_hipchat_up(page):
    """Test with a token that is none, with the one that the sandbox takes, and Save."""
    await page.get_by_role("link", name="Add a destination").click()
    await page.get_by_role("main").get_by_role("link", name="HipChat").last.click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("ops-room")
    await page.get_by_role("button", name="Fill in what it takes").click()
    await page.get_by_label("HipChat room id or name").fill("On call")
    right = await page.get_by_label("HipChat token").input_value()
    await page.get_by_label("HipChat token").fill(right.lower())
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "401: this looks like an OAuth1 token")
    await page.get_by_label("HipChat token").fill(right)
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "204: configured correctly")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("ops-room was saved")


async def all_is_well(guest):
    """The page State says so, and leads to the worker in Flower."""
    page = await guest.open("/state")
    await expect(page.get_by_role("status")).to_contain_text("All is well: 1 worker is there")
    link = page.locator("#workers").get_by_role("link").first
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:  # Flower asks its workers who they are when it starts, and has no page of one before
            async with session.get(await link.get_attribute("href")) as answer:
                if answer.status == 200:
                    return "bellhop" in await answer.text()
            await asyncio.sleep(0.2)
