"""A destination that fails, told by the live list and the timeline; mended, its dead letter is replayed and arrives."""

from __future__ import annotations

import asyncio
import json
import re
import time
from types import SimpleNamespace

import pytest
from acceptance.deployment import READY, Deployment
from acceptance.destinations import hipchat, slack
from acceptance.vendors import Vendors
from browser.conftest import DESK
from browser.pictures import picture
from fakes.console import PASSWORD
from fakes.history import NOW, add, found, history_of
from fakes.pipeline import checkout, room
from playwright.async_api import expect

from worker.embedded_redis import EmbeddedRedis
from worker.sandbox.options import Options

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

APP, ROOM = "checkout", "Ops Room"
PHONE = {"width": 390, "height": 844}
HURRY = "const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 10);"
"""The pages ask for news three times a second."""
BODY = {"error": {"code": 404, "type": "Not Found", "message": "Room not found"}}


@pytest.fixture
def deployed(browser, tmp_path):
    """A Redis, a worker, a sandbox and a console; one destination answers 503 once and is gone then."""
    options = Options(hipchat_requests=None, hipchat_messages=None)
    with EmbeddedRedis(tmp_path / "redis") as redis, Vendors(options) as vendors:
        bellhop = Deployment(redis.url, tmp_path, BELLHOP_WEB_PASSWORD=PASSWORD)
        bellhop.apply({APP: {"ops-room": hipchat(vendors, ROOM), "alerts": slack(vendors, "alerts")}})
        vendors.break_down("hipchat", status=503, body="try again later", times=1)
        vendors.break_down("hipchat", status=404, body=BODY)
        web = ("bellhop", "web", "--port", "0", "--json")
        with bellhop.worker("deliveries") as worker, bellhop.start("web", *web) as console:
            worker.wait_for(READY)
            console.wait_for('"url"')
            url = json.loads(re.search(r'\{"url".*\}', console.output())[0])["url"]
            yield SimpleNamespace(url=url, bellhop=bellhop, vendors=vendors)
        bellhop.close()


def alert(event_id, title, **fields):
    """An alert of the shop's."""
    at = time.time()
    points = [[at - 60 * ago, 0.4 if ago > 12 else 0.4 + 0.05 * (12 - ago)] for ago in range(50, -1, -1)]
    metric = {"name": "5xx", "unit": "%", "aggregation": "avg", "comparator": ">", "threshold": 0.6, "value": 1.0}
    return {
        "app": APP, "id": event_id, "title": title, "severity": "critical", "rule": "Errors",
        "message": "One in a hundred requests has failed for five minutes.", "tags": {"host": "web-1", "zone": "b"},
        "links": [{"href": "https://wiki.example/errors", "text": "Runbook"}], "metric": metric | {"points": points},
        **fields,
    }  # fmt: skip


async def test_a_failure_is_seen_mended_and_replayed(deployed, invite):
    """List, timeline, dry run, replay, delivered; each page without barriers, and none wider than a phone."""
    guest = await invite(deployed, "/deliveries", name="admin")
    await guest.page.add_init_script(HURRY)
    await fail(guest, deployed)
    await look_at_the_timeline(guest)
    barriers = await seen(guest, "timeline")
    await guest.open(f"/deliveries?app={APP}")
    barriers += await seen(guest, "deliveries")
    await guest.open(f"/apps/{APP}/destinations/ops-room/health")
    await expect(guest.page.locator("#outcomes")).to_contain_text("not found")
    barriers += await seen(guest, "health")
    deployed.vendors.repair()
    barriers += await replay(guest, deployed)
    assert barriers == []


async def test_whoever_has_scrolled_keeps_their_place(consoles, invite):
    """What comes on top moves nothing that is in sight; without scripts the browser is told to ask again."""
    history = history_of(*(found(NOW + n, id=f"e{n}", title=f"Load {n}.") for n in range(80)))
    fake = await consoles([checkout(room("room"))], history=history, background=())
    guest = await invite(fake, "/deliveries", name="admin")
    page = guest.page
    await page.add_init_script(HURRY)
    await guest.open("/deliveries")
    link = page.get_by_role("link", name="Load 55.")
    await link.evaluate("each => each.scrollIntoView({ block: 'center' })")
    before = await link.bounding_box()
    add(history, *(found(NOW + 100 + n, id=f"new{n}", title=f"New {n}.") for n in range(9)))
    await expect(page.get_by_role("link", name="New 8.")).to_be_attached()
    assert abs((await link.bounding_box())["y"] - before["y"]) < 2
    plain = await invite(fake, java_script_enabled=False, name="admin")
    await plain.open("/deliveries")
    await expect(plain.page.get_by_role("row", name="New 8.")).to_be_visible()
    assert await plain.page.locator('meta[http-equiv="refresh"]').count() == 1


async def fail(guest, deployed):
    """The list is empty, and shows what comes while one looks at it; the focus stays where it is."""
    page = guest.page
    await guest.open("/deliveries")
    await expect(page.get_by_text("No delivery yet")).to_be_visible()
    deployed.bellhop.send(alert("errors-1", "Checkout answers with 5xx"))
    link = page.get_by_role("row", name="ops-room").get_by_role("link", name="Checkout answers")
    await expect(page.get_by_role("row", name="alerts")).to_contain_text("delivered")
    await link.focus()
    loads = guest.loads
    await expect(page.get_by_role("row", name="ops-room")).to_contain_text("not found: Room not found")
    deployed.bellhop.send(alert("calm-1", "Checkout is calm again", severity="info", dedup_key="calm"))
    await expect(page.get_by_role("row", name="calm again")).to_have_count(2)
    await expect(link).to_be_focused()
    assert guest.loads == loads
    await link.press("Enter")


async def look_at_the_timeline(guest):
    """Both attempts with their verdicts, and what was sent, without the token."""
    page = guest.page
    timeline = page.locator("#timeline")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Checkout answers with 5xx")
    await expect(timeline.get_by_role("listitem").filter(has_text="Attempt 1").last).to_contain_text("status 503")
    await expect(timeline).to_contain_text("kept as a dead letter")
    await expect(page.locator("#told")).to_contain_text("attempt 2 at")
    await page.get_by_text("ops-room HipChat").last.click()
    await expect(page.get_by_label("Request to ops-room")).to_contain_text("Bearer ***")
    await page.get_by_text("ops-room HipChat").last.click()
    await expect(page.get_by_role("img", name="Chart of avg(5xx)")).to_have_js_property("complete", value=True)


async def replay(guest, deployed):
    """The dry run says what; the button does it, and the timeline tells by itself that it arrived."""
    page = guest.page
    await guest.open(f"/events/{APP}/errors-1")
    await page.get_by_role("link", name="Replay").first.click()
    await expect(page.get_by_role("heading", name="1 delivery of the app checkout")).to_be_visible()
    barriers = await seen(guest, "replay")
    assert deployed.vendors.accepted("hipchat") == []
    await page.get_by_role("button", name="Replay 1 delivery").click()
    await expect(page.get_by_role("status")).to_contain_text("1 delivery is owed again")
    await expect(page.locator("#to-ops-room")).to_contain_text("delivered")
    await expect(page.get_by_role("link", name="Replay")).to_have_count(0)
    arrived = await asyncio.to_thread(deployed.vendors.wait_for, 1, ROOM, "hipchat")
    assert len(arrived) >= 1
    return barriers


async def seen(guest, name):
    """What is in anybody's way, on a desk and on a phone; and the page's picture."""
    page, barriers = guest.page, []
    for viewport, scheme in ((DESK, "light"), (PHONE, "dark")):
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if scheme == "light" and name in {"deliveries", "timeline"}:
            await picture(page, name, whole=True)
        barriers += [f"{name}: {barrier}" for barrier in await guest.barriers()]
        barriers += [f"{name} scrolls sideways"] if await guest.width() > viewport["width"] else []
    await page.set_viewport_size(DESK)
    await page.emulate_media(color_scheme="light")
    return barriers
