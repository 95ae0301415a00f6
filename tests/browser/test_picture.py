"""The README's picture: the demo's alerts in the HipChat room, at a fixed hour. BELLHOP_SCREENSHOTS=1 writes it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from worker import demo
from worker.sandbox.options import Options
from worker.sandbox.server import Sandbox

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "sandbox.png"
MOST_BYTES = 300_000
HALF_PAST_TWO = time.time() // 86_400 * 86_400 + 14.5 * 3600
"""14:30 UTC of this day: an NSCA daemon whose clock is a month off is none."""
ABOUT = {"url": "http://127.0.0.1:8025", "smtp_port": 8026, "nsca_port": 8027}
"""Free ports differ from run to run."""


class Hours:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = HALF_PAST_TWO

    def __call__(self) -> float:
        return self.now


@pytest_asyncio.fixture(loop_scope="session")
async def hours():
    """The picture's clock."""
    return Hours()


@pytest_asyncio.fixture(loop_scope="session")
async def box(hours):
    """A sandbox at the picture's hour."""
    async with Sandbox(options=Options(), clock=hours) as started:
        yield started


async def test_the_picture(visit, sender, hours, tmp_path):
    """The demo's alerts fill the first screen and make a picture that a README can carry."""
    events = demo.firing(hours.now, "picture")
    for event in events:
        await sender.alert(event)
        hours.now += 19
    hours.now += 240
    for event in reversed(demo.resolved(events, hours.now)):
        await sender.alert(event)
        hours.now += 19

    visitor = await visit("#hipchat")
    await visitor.page.route("**/api/about", lambda route: route.fulfill(body=json.dumps(ABOUT)))
    await expect(visitor.tab("Everything")).to_have_text("Everything36")
    said = visitor.view.get_by_role("article")
    await expect(said).to_have_count(6)
    await expect(visitor.page.get_by_text("127.0.0.1:8027")).to_be_visible()
    await visitor.view.evaluate("view => view.scrollTo(0, 0)")

    picture = PICTURE if os.environ.get("BELLHOP_SCREENSHOTS") else tmp_path / "sandbox.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    await visitor.page.screenshot(path=picture, animations="disabled")
    assert 10_000 < picture.stat().st_size < MOST_BYTES
