"""A real Chromium, a sandbox and consoles on free ports, and visitors of their pages."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from browser.guest import Guest
from browser.sender import Sender
from browser.visitor import Visitor
from fakes.console import PASSWORD, open_console
from fakes.pipeline import checkout
from playwright.async_api import async_playwright, expect
from web.probes import PROBED

from config.settings import Settings
from worker.sandbox.options import Options
from worker.sandbox.server import Sandbox
from worker.transports.carrier import Carrier

CHROMIUM = Path("/usr/bin/chromium")
INSTALLED = CHROMIUM.exists()
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000
"""Machines are shared and slow at times; what is right is seen at once all the same."""
DESK = {"width": 1280, "height": 800}
HURRY = "const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 5);"
"""The page looks for news five times a second rather than once."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    """Debian's Chromium without a window, with a profile that is gone afterwards."""
    if not INSTALLED:
        pytest.skip("Debian package chromium is not installed")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def box():
    """A sandbox; its rate limits are off."""
    async with Sandbox(options=Options(hipchat_requests=None, hipchat_messages=None)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def hours():
    """The hour at which alerts are sent."""
    return time.time


@pytest_asyncio.fixture(loop_scope="session")
async def sender(box, hours):
    """What sends to it."""
    carrier = Carrier(Settings(allowed_addresses=["127.0.0.0/8"]))
    async with aiohttp.ClientSession() as session:
        yield Sender(box, carrier, session, hours)
    await carrier.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser, box):
    """Open the page; afterwards nobody may have complained, and nothing may have been asked of anybody else."""
    visitors, contexts = [], []

    async def arrive(place="", *, url=None, hurry=True, **options):
        settings = {"viewport": DESK, "locale": "en-GB", "timezone_id": "UTC", "color_scheme": "light", **options}
        contexts.append(await browser.new_context(**settings))
        if hurry:
            await contexts[-1].add_init_script(HURRY)
        visitors.append(await Visitor.arrive(contexts[-1], url or box.url, place))
        return visitors[-1]

    yield arrive
    for context in contexts:
        await context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []
    assert [request for visitor in visitors for request in visitor.strangers()] == []


@pytest_asyncio.fixture(loop_scope="session")
async def consoles():
    """Start consoles, where `admin` can log in unless the test says otherwise; each ends after the test."""
    async with AsyncExitStack() as stack:

        async def start(apps=None, **options):
            options = {"areas": PROBED, "web_password": PASSWORD, **options}
            return await stack.enter_async_context(open_console([checkout()] if apps is None else apps, **options))

        yield start


@pytest_asyncio.fixture(loop_scope="session")
async def invite(browser):
    """Open a console's page, logged in where a name is given; afterwards nobody may have complained of anything."""
    guests, contexts = [], []

    async def arrive(fake, path="/apps", *, name=None, **options):
        settings = {"viewport": DESK, "locale": "en-GB", "timezone_id": "UTC", "color_scheme": "light", **options}
        contexts.append(await browser.new_context(**settings))
        guests.append(await Guest.arrive(contexts[-1], fake.url, path.removeprefix("/")))
        if name:
            await guests[-1].log_in(name, PASSWORD)
            await expect(guests[-1].page.get_by_role("button", name="Log out")).to_be_visible()
        return guests[-1]

    yield arrive
    for context in contexts:
        await context.close()
    assert [complaint for guest in guests for complaint in guest.complaints] == []
    assert [request for guest in guests for request in guest.strangers()] == []
