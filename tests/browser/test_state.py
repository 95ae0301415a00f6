"""The page "State" in a real browser: it refreshes itself and disturbs nobody, and has no barriers."""

from __future__ import annotations

import orjson
import pytest
import pytest_asyncio
from browser.conftest import DESK
from browser.pictures import picture
from fakes.pipeline import checkout, room
from playwright.async_api import expect

from worker.models import App
from worker.stores.connection import async_redis
from worker.stores.roster import Roster, Self
from worker.web.history_rows import Feeding

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"width": 320, "height": 640}
HURRY = "const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 15);"
"""The page asks for news five times a second."""
FLOWER = "http://127.0.0.1:5555"
TROUBLE = {"until_ms": 0, "why": "503 try again later", "bad": 6, "denied": 0}


@pytest_asyncio.fixture(loop_scope="session")
async def redis(redis_server):
    """A real Redis, which says what it weighs, with a backlog, two workers, and some trouble."""
    client = async_redis(redis_server.url)
    await client.flushall()
    roster = Roster(client, "bellhop")
    now = await roster.now()
    now_ms = int(now * 1000)
    for number in (1, 2):
        me = Self(f"alerts-{number}-4711-1f2e3d4c", "0.1.0", 1000, f"bellhop{number}-4711@alerts-{number}")
        await roster.tell(me, now - 3 * 86_400 * number, 260 * number)
    gone = {"version": "0.1.0", "since": now - 9000, "at": now - 300, "in_flight": 12, "places": 1000, "celery": "x@y"}
    await client.hset("bellhop:workers", "alerts-3-99-0a1b2c3d", orjson.dumps(gone))
    await client.zadd("bellhop:leased", {f"lease {number}": now_ms + 9000 for number in range(780)})
    await client.zadd("bellhop:woken", {f"woken {number}": now_ms + 9000 for number in range(120)})
    await client.zadd("bellhop:owed", {f"owed {number}": now_ms + 95_000 for number in range(41)})
    await client.zadd("bellhop:waiting", {f"waiting {number}": now_ms - 240_000 for number in range(310)})
    await client.zadd("bellhop:dead", {f"dead {number}": now_ms - 7_200_000 for number in range(7)})
    await client.zadd("bellhop:recent", {f"checkout/{number}": now_ms for number in range(5200)})
    pipe = client.pipeline(transaction=False)
    for number in range(4000):
        pipe.xadd("bellhop:results", {"result": "x" * 400})
        if number < 12:
            pipe.xadd("bellhop:events", {"event": "{}"})
    await pipe.execute()
    await client.hset("bellhop:troubles", "checkout/ops-room", orjson.dumps(TROUBLE | {"until_ms": now_ms + 40_000}))
    paused = {"paused": now_ms - 3_600_000, "why": "401 Invalid OAuth session", "bad": 0, "denied": 3}
    await client.hset("bellhop:troubles", "search/a-room-with-a-rather-long-name", orjson.dumps(TROUBLE | paused))
    await client.hset("bellhop:holds", "search/status-page", now_ms + 30_000)
    yield client
    await client.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def fake(consoles, redis):
    """A console that looks at it."""
    fake = await consoles([checkout(room()), App("search")], redis=redis, flower_url=FLOWER, background=())
    fake.console.history.feeding = Feeding(3100, 5200)
    return fake


async def test_it_refreshes_itself_and_disturbs_nobody(fake, redis, invite):
    """Numbers change in place; focus and selection stay; an outage is told and ends; the log-out is noticed."""
    guest = await invite(fake, "/state", name="admin")
    page = guest.page
    await page.add_init_script(HURRY)
    await guest.open("/state")
    ledger, link = page.locator("#ledger"), page.get_by_role("link", name="ops-room")
    await expect(ledger).to_contain_text("780")
    await link.focus()
    loads = guest.loads
    await redis.zadd("bellhop:leased", {f"more {number}": 2e12 for number in range(20)})
    await redis.hset("bellhop:troubles", "checkout/another", orjson.dumps(TROUBLE))
    await expect(ledger).to_contain_text("800")
    await expect(page.get_by_role("row", name="another")).to_contain_text("failing")
    await expect(link).to_be_focused()
    assert guest.loads == loads

    await page.evaluate("getSelection().selectAllChildren(document.getElementById('ledger'))")
    await redis.zadd("bellhop:leased", {"still one more": 2e12})
    async with page.expect_response("**/static/**") as _:
        await page.evaluate("fetch('/static/icon.svg')")  # so much time has passed at the least
    await expect(ledger).to_contain_text("800")
    await page.evaluate("getSelection().removeAllRanges()")
    await expect(ledger).to_contain_text("801")

    await page.route("**/state", lambda route: route.abort())
    await expect(page.get_by_role("alert")).to_contain_text("does not answer")
    await page.unroute("**/state")
    await expect(page.get_by_role("alert")).to_be_hidden()
    await page.context.clear_cookies()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    guest.complaints = [words for words in guest.complaints if "ERR_FAILED" not in words]


async def test_without_scripts(fake, redis, invite):
    """All of it is there, and the browser is told to ask again."""
    guest = await invite(fake, java_script_enabled=False, name="admin")
    page = await guest.open("/state")
    await expect(page.locator("#ledger")).to_contain_text("780")
    assert await page.locator('meta[http-equiv="refresh"]').count() == 1
    await expect(page.get_by_role("link", name="alerts-1-4711-1f2e3d4c")).to_have_attribute(
        "href", f"{FLOWER}/worker/bellhop1-4711@alerts-1"
    )


async def test_no_barriers(fake, redis, invite):
    """Axe finds nothing, whatever the state, in light on a desk and in dark on a phone; nothing scrolls sideways."""
    guest = await invite(fake, "/state", name="admin")
    page = guest.page
    await expect(page.locator("#workers")).to_contain_text("gone")
    await picture(page, "state", whole=True)
    found = await seen(guest)
    await redis.flushall()
    fake.console.history.feeding = Feeding(complete=True)
    await expect(page.get_by_role("status")).to_contain_text("No worker is there")
    assert found + await seen(guest) == []


async def seen(guest):
    """What is in anybody's way, however the page is looked at."""
    found = []
    for viewport, scheme in ((DESK, "light"), (PHONE, "dark")):
        await guest.page.set_viewport_size(viewport)
        await guest.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += await guest.barriers()
        found += [f"{viewport}: scrolls sideways"] if await guest.width() > viewport["width"] else []
    return found
