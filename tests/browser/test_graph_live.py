"""The event graph of a whole deployment: server, Redis, worker and sandbox, from the producer's XADD to the page."""

from __future__ import annotations

import asyncio
import json
import re
import time
from html import unescape
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from acceptance.deployment import READY, Deployment
from acceptance.destinations import hipchat, slack
from acceptance.vendors import Vendors, body
from browser.graph_reader import EVENTS, METRIC, Graph
from browser.guest import Guest
from playwright.async_api import expect

from worker.embedded_redis import EmbeddedRedis
from worker.sandbox.options import Options

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

APP = "shop"
METRICS = {"name": "used", "unit": "bytes", "aggregation": "avg", "comparator": ">", "threshold": 1_073_741_824}


@pytest.fixture
def deployment(browser, tmp_path):
    """One Redis, worker and console, with two destinations in a sandbox."""
    options = Options(hipchat_requests=None, hipchat_messages=None)
    with EmbeddedRedis(tmp_path / "redis") as redis, Vendors(options) as vendors:
        deployed = Deployment(redis.url, tmp_path)
        deployed.apply({APP: {"ops-room": hipchat(vendors, "Ops"), "alerts": slack(vendors, "T1")}})
        with deployed.start("web", "bellhop", "web", "--port", "0", "--json") as web:
            web.wait_for('"url"')
            deployed.console = json.loads(re.search(r'\{"url".*\}', web.output())[0])["url"]
            deployed.vendors = vendors
            with deployed.worker("graph", BELLHOP_WEB_PUBLIC_URL=deployed.console) as worker:
                worker.wait_for(READY)
                yield deployed
        deployed.close()


@pytest_asyncio.fixture(loop_scope="session")
async def arrive(browser):
    """Open a page in a browser of its own; afterwards none may have complained, or asked anybody else."""
    guests, contexts = [], []

    async def arrived(url, path):
        contexts.append(await browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light"))
        guests.append(await Guest.arrive(contexts[-1], url, path.removeprefix("/")))
        return guests[-1]

    yield arrived
    for context in contexts:
        await context.close()
    assert [words for guest in guests for words in guest.complaints] == []
    assert [request for guest in guests for request in guest.strangers()] == []


def alert(now, **fields):
    """A memory alert with the half hour of points before it."""
    points = [[now - 60 * ago, 7e8 + (30 - ago) * 2.5e7] for ago in range(30, -1, -1)]
    metric = METRICS | {"value": points[-1][1], "points": points}
    usual = {"app": APP, "id": "used", "severity": "critical", "rule": "Memory used", "occurred_at": now}
    return {**usual, "title": "Memory is above 1 GiB", "message": "The avg(used) > 1 GiB", "metric": metric, **fields}


async def test_from_the_alert_to_the_graph(deployment, arrive):
    """An open page shows the alert, its metric and whom it reached by itself; a zoom is shared, and opens the same.

    The link in the message that arrived shows the fifty minutes up to the alert.
    """
    guest = await arrive(deployment.console, f"/apps/{APP}/events")
    await expect(guest.page.get_by_text("There is no event of this app yet")).to_be_visible()
    graph = await Graph.of(guest)
    now = time.time() - 300
    deployment.send(alert(now))
    await asyncio.to_thread(deployment.wait_for, 2, APP)
    await expect(graph.rows).to_have_count(1, timeout=20_000)
    await expect(graph.rows.first).to_contain_text("Bellhop alert 'Memory used' is triggered")
    await expect(graph.bars()).to_have_count(1)
    await expect(graph.line_of(METRIC)).to_have_count(1)
    await expect(graph.marks(await graph.colour("critical"))).to_have_count(1)
    await expect(graph.marks(await graph.colour("told"))).to_have_count(2)
    await expect(guest.page.locator(".pane-limit")).to_have_text("> 1.074 GB")

    said = body(deployment.vendors.arrivals("hipchat")[0])["message"]
    path = urlsplit(re.search(rf"{re.escape(deployment.console)}(/apps/\S*)", unescape(said))[1].split('"')[0])
    told = await Graph.of(await arrive(deployment.console, f"{path.path}?{path.query}"))
    await told.range_is(round(now * 1000) - 50 * 60_000, round(now * 1000))
    await expect(told.rows).to_have_count(1)

    deployment.send(alert(now + 240, id="normal", status="resolved", title="Memory is fine"))
    await asyncio.to_thread(deployment.wait_for, 4, APP)
    await expect(graph.rows).to_have_count(2, timeout=20_000)
    await expect(graph.line_of(METRIC)).to_have_count(1)
    await expect(guest.page.locator(".pane-title b")).to_have_text(["Events", "avg(used)"])
    heads = ["Timestamp", "Event", "Message", "Priority", "Creator", "Name"]
    await expect(guest.page.get_by_role("columnheader")).to_have_text(heads)
    await expect(graph.marks(await graph.colour("normal"))).to_have_count(1)
    await expect(graph.marks(await graph.colour("told"))).to_have_count(4)
    assert guest.loads == 1

    for pane in (EVENTS, METRIC):
        x = await graph.point(pane, 0.5)
        assert (await graph.box(graph.line))["middle"] == pytest.approx(x, abs=1)

    search = guest.page.get_by_label("Search")
    await search.fill("fine")
    await search.press("Enter")
    await expect(graph.rows).to_have_count(1)
    await expect(graph.bars()).to_have_count(1)
    await search.fill("")
    await search.press("Enter")
    await expect(graph.rows).to_have_count(2)

    since, until = await graph.ends()
    share = ((now + 120) * 1000 - since) / (until - since)
    await graph.drag(METRIC, 0.5, share)
    await expect(graph.rows).to_have_count(1)
    await expect(graph.rows.first).to_have_attribute("data-id", "used")
    shared = await guest.page.get_by_role("link", name="Link to this range").get_attribute("href")
    other = await Graph.of(await arrive(deployment.console, shared))
    assert await other.ends() == await graph.ends()
    await expect(other.rows).to_have_count(1)
    await expect(other.shown).to_have_text(await graph.shown.inner_text())
