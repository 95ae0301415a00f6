"""The original page's story, told once from its beginning to its end with nothing but real parts.

Open the console, set HipChat up, Test with a wrong and a right token, Save, send an alert, see it delivered, on the
event graph and in its timeline; replay one that failed; let somebody look who may change nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from types import SimpleNamespace

import pytest
from acceptance.deployment import READY, Deployment
from acceptance.vendors import Vendors
from browser.graph_reader import METRIC, Graph
from browser.pictures import picture
from browser.typist import outcome
from fakes.console import PASSWORD
from playwright.async_api import expect

from worker import demo
from worker.embedded_redis import EmbeddedRedis
from worker.sandbox.options import Options

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

APP, ROOM = "apache", "Ops Room"
OLD_TOKEN = "0123456789abcdef0123456789abcd"
METRIC_OF_IT = {"name": "used", "unit": "bytes", "aggregation": "avg", "comparator": ">", "threshold": 1_073_741_824}


@pytest.fixture
def deployed(browser, tmp_path):
    """A Redis, a worker, a sandbox and a console of which nobody has told anything yet, and a password."""
    options = Options(hipchat_requests=None, hipchat_messages=None)
    with EmbeddedRedis(tmp_path / "redis") as redis, Vendors(options) as vendors:
        deployment = Deployment(redis.url, tmp_path, BELLHOP_WEB_PASSWORD=PASSWORD)
        with (
            deployment.worker("story") as worker,
            deployment.start("web", "bellhop", "web", "--port", "0", "--json") as web,
        ):
            worker.wait_for(READY)
            web.wait_for('"url"')
            url = json.loads(re.search(r'\{"url".*\}', web.output())[0])["url"]
            yield SimpleNamespace(url=url, bellhop=deployment, vendors=vendors, folder=tmp_path)
        deployment.close()


def alert(event_id, at, **fields):
    """The alert of the original page: Apache's memory, with the fifty minutes before it."""
    points = [[at - 60 * ago, demo._used(ago)] for ago in range(50, -1, -1)]
    metric = METRIC_OF_IT | {"value": 1464274175.5, "points": points}
    words = "The avg(used) > 1.073741824E9 for 300 seconds for application Apache. Current value is 1464274175.50."
    usual = {"app": APP, "id": event_id, "severity": "critical", "rule": "Memory used", "occurred_at": at}
    return {**usual, "title": "Memory used by Apache is above 1 GiB", "message": words, "metric": metric, **fields}


async def test_from_an_empty_console_to_a_replayed_alert(deployed, invite, visit):
    """All of it, in the order in which a newcomer does it; and a viewer sees it and changes nothing."""
    guest = await invite(deployed, "", name="admin")
    await begin(guest.page)
    await set_hipchat_up(guest.page, deployed.vendors)
    await send_one(deployed, visit)
    await see_it_on_the_graph(guest)
    await read_its_timeline(guest.page)
    await replay_one_that_failed(deployed, guest)
    await leave(guest.page)
    await look_as_a_viewer(deployed, invite)


async def begin(page):
    """An empty console says how to begin."""
    await expect(page.get_by_text("There is no app yet")).to_be_visible()
    await page.get_by_label("Name").fill(APP)
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("status")).to_contain_text("Now say where its alerts go")


async def set_hipchat_up(page, vendors):
    """Room and token, Test with an old token and with a right one, Enabled, Save."""
    await page.get_by_role("main").get_by_role("link", name="HipChat", exact=True).last.click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("ops-room")
    await page.get_by_label("HipChat room id or name").fill(ROOM)
    await page.get_by_label("HipChat token").fill(OLD_TOKEN)
    await page.get_by_label("Base URL").fill(vendors.url)
    await page.get_by_label("Enabled").uncheck()
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "401: this looks like an OAuth1 token; create an OAuth2 token in Rooms / your room / Tokens")
    assert vendors.accepted("hipchat") == []
    await page.get_by_label("HipChat token").fill(demo.TOKEN)
    await page.get_by_role("button", name="Test").click()
    await outcome(page, "204: configured correctly (HipChat answers 200 or 204)")
    assert len(vendors.accepted("hipchat", ROOM)) == 1
    await page.get_by_label("Enabled").check()
    await picture(page, "console-test", whole=True)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("ops-room was saved")
    await expect(page.get_by_role("switch", name="Enabled: ops-room")).to_have_attribute("aria-checked", "true")


async def send_one(deployed, visit):
    """A producer's XADD, and there it is in the room."""
    deployed.bellhop.send(alert("memory-1", time.time() - 120))
    await asyncio.to_thread(deployed.bellhop.wait_for, 1, APP)
    visitor = await visit(url=deployed.vendors.url)
    room = await visitor.choose("HipChat")
    await expect(room.get_by_role("article")).to_have_count(2)  # the test message, and this
    await expect(room.get_by_role("article").filter(has_text="Memory used by Apache is above 1 GiB")).to_have_count(1)
    await visitor.page.close()


async def see_it_on_the_graph(guest):
    """Its bar, its metric with the threshold, and the marks of when it fired and whom it reached."""
    graph = await Graph.of(guest, f"/apps/{APP}/events")
    await expect(graph.rows).to_have_count(1)
    await expect(graph.rows.first).to_contain_text("Bellhop alert 'Memory used' is triggered")
    await expect(graph.bars()).to_have_count(1)
    await expect(graph.line_of(METRIC)).to_have_count(1)
    await expect(graph.marks(await graph.colour("critical"))).to_have_count(1)
    await expect(graph.marks(await graph.colour("told"))).to_have_count(1)


async def read_its_timeline(page):
    """The row's name leads to what became of it, try by try and in words."""
    await page.locator("#rows").get_by_role("link").click()
    await page.wait_for_url(f"**/events/{APP}/memory-1")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Memory used by Apache is above 1 GiB")
    timeline = page.locator("#timeline")
    for words in ("It came", "ops-room", "HipChat", "delivered", "204"):
        await expect(timeline).to_contain_text(words)
    await expect(page.locator("#told")).to_contain_text("ops-room (HipChat):")
    await expect(page.locator("body")).not_to_contain_text(demo.TOKEN)
    await page.locator("img.event-picture").evaluate("async image => { await image.decode(); }")


async def replay_one_that_failed(deployed, guest):
    """The room is gone for a while: a dead letter, which State counts and Deliveries lists; replayed, it arrives."""
    deployed.vendors.break_down("hipchat", ROOM, status=404, body={"error": {"code": 404, "message": "Room not found"}})
    deployed.bellhop.send(alert("memory-2", time.time()))
    *_, failed = await asyncio.to_thread(deployed.bellhop.wait_for, 2, APP)
    assert (failed["outcome"], failed["reason"]) == ("failed", "not_found")
    page = await guest.open("/state")
    await expect(page.locator("#ledger")).to_contain_text(re.compile(r"Dead letters the latest died \d+ s ago\s*1"))
    await page.get_by_role("link", name="Dead letters").click()
    await expect(page.locator("#list").get_by_role("row").last).to_contain_text("not found")
    deployed.vendors.repair()
    await page.get_by_role("link", name="Replay dead letters…").click()
    await expect(page.get_by_role("heading", name="1 delivery of the app apache would be tried again")).to_be_visible()
    await page.get_by_role("button", name="Replay 1 delivery").click()
    await expect(page.get_by_role("status")).to_contain_text("1 delivery is owed again, from attempt 1")
    *_, arrived = await asyncio.to_thread(deployed.bellhop.wait_for, 3, APP)
    assert (arrived["event_id"], arrived["outcome"]) == ("memory-2", "delivered")
    await guest.open(f"/events/{APP}/memory-2")
    await expect(page.locator("#timeline")).to_contain_text("delivered")
    await guest.open("/state")
    await expect(page.locator("#ledger")).to_contain_text(re.compile(r"Dead letters\s*0"))
    await expect(page.locator("#verdict")).to_contain_text("All is well: 1 worker is there")


async def leave(page):
    """After the log-out nothing is to be seen."""
    await page.get_by_role("button", name="Log out").click()
    await page.goto(page.url.partition("/login")[0] + f"/apps/{APP}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


async def look_as_a_viewer(deployed, invite):
    """Everything to see, nothing to press, and a form that somebody sends all the same is refused."""
    secret = deployed.folder / "password"
    secret.write_text(PASSWORD)
    who = ("users", "add", "eve", "--app", APP, "--role", "viewer", "--password-file", str(secret))
    await asyncio.to_thread(deployed.bellhop.bellhop, *who)
    guest = await invite(deployed, f"/apps/{APP}", name="eve")
    page = guest.page
    await expect(page.get_by_role("row", name="ops-room")).to_contain_text(ROOM)
    for path in (f"/apps/{APP}", f"/apps/{APP}/destinations/ops-room", f"/events/{APP}/memory-1", "/state"):
        await guest.open(path)
        await expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
        await expect(page.get_by_role("main").get_by_role("switch")).to_have_count(0)
    csrf = await page.locator('meta[name="csrf"]').get_attribute("content")
    headers = {"Origin": deployed.url, "Sec-Fetch-Site": "same-origin"}
    forms = {
        f"/apps/{APP}/destinations/ops-room/enabled": {"enabled": "false"},
        "/replay": {"app": APP, "event": "memory-1"},
    }
    for path, fields in forms.items():
        form = {"csrf": csrf, **fields}
        refused = await page.request.post(f"{deployed.url}{path}", form=form, headers=headers, max_redirects=0)
        assert refused.status == 403, path
    await guest.open(f"/apps/{APP}")
    await expect(page.get_by_role("row", name="ops-room")).to_contain_text("on")
