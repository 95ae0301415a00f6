"""What arrives is shown at once and without a reload, in each channel's own shape."""

from __future__ import annotations

import re
import time

import pytest
from browser.sender import TOKEN, event
from browser.visitor import TABS
from playwright.async_api import expect

from worker import demo
from worker.events import parse_event
from worker.models import Picture
from worker.pictures.charts import chart_of
from worker.pictures.drawing import draw

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ROOM = "/v2/room/Ops%20Room/notification"
AT_ONCE_MS = 5000


async def test_everything_comes_live(visit, sender):
    """One alert through six channels is in the log and counted on every tab, while the page was loaded once."""
    visitor = await visit(hurry=False)
    await expect(visitor.view).to_contain_text("Nothing has arrived yet")

    await sender.alert(event())

    await expect(visitor.view.locator("details")).to_have_count(6, timeout=AT_ONCE_MS)
    await expect(visitor.tab("Everything")).to_have_text("Everything6")
    for name in TABS[1:]:
        await expect(visitor.tab(name)).to_have_text(f"{name}1")
    assert visitor.loads == 1


async def test_hipchat_is_a_room(visit, sender):
    """A notification stands in the room with sender, room, colour and notify; the resolved one comes in green."""
    visitor = await visit("#hipchat")

    await sender.alert(event(), "hipchat")
    said = visitor.view.get_by_role("article")
    await expect(said).to_contain_text(["Disk is full"])
    await expect(said).to_contain_text(["Ops Room"])
    await expect(said).to_contain_text(["Bellhop"])
    await expect(said.get_by_text("notify")).to_be_visible()
    await expect(said).to_have_css("border-left-color", "rgb(214, 69, 80)")

    await sender.alert(event(status="resolved"), "hipchat")
    await expect(said).to_have_count(2)
    await expect(said.last).to_have_css("border-left-color", "rgb(63, 166, 92)")
    await expect(said.last.get_by_text("notify")).to_have_count(0)


async def test_a_hipchat_card_and_label_are_drawn(visit, sender):
    """HTML keeps HipChat's few tags, a card its link and its attributes, and `from` stands by the name."""
    card = {
        "style": "application",
        "id": "1",
        "title": "The card",
        "url": "https://shop.example/card",
        "attributes": [{"label": "Host", "value": {"label": "db-1", "style": "lozenge-error"}}],
    }
    body = {"message": "<b>bold</b> and <i>more</i>", "color": "purple", "from": "Night shift", "card": card}
    await sender.post(ROOM, 204, json=body, headers=TOKEN)

    said = (await visit("#hipchat")).view.get_by_role("article")
    await expect(said.locator("b")).to_have_text("bold")
    await expect(said.get_by_role("link", name="The card")).to_have_attribute("href", "https://shop.example/card")
    await expect(said.locator("dt")).to_have_text("Host")
    await expect(said).to_contain_text("Night shift")
    await expect(said).to_have_css("border-left-color", "rgb(138, 92, 209)")


async def test_slack_is_a_channel(visit, sender):
    """A message shows its words, its colour and its link as Slack draws them, and the hook without its secret."""
    link = {"href": "https://shop.example/details", "text": "Details"}
    visitor = await visit("#slack")
    await sender.alert(event(links=[link]), "slack")

    said = visitor.view.get_by_role("article")
    await expect(said).to_contain_text("Disk is full")
    await expect(said).to_contain_text("T0DEMO/B0DEMO/•••••••")
    await expect(said.get_by_role("link", name="Details")).to_have_attribute("href", link["href"])
    await expect(said).not_to_contain_text("sandbox")


async def test_mail_is_an_inbox(visit, sender):
    """A mail opens with its subject, its HTML in a frame that may do nothing, and its text beside it."""
    visitor = await visit("#email")
    await sender.alert(event(), "email")

    await expect(visitor.view.get_by_role("heading", name="Disk is full")).to_be_visible()
    frame = visitor.view.locator("iframe")
    await expect(frame).to_have_attribute("sandbox", "")
    await expect(frame.content_frame.get_by_role("heading", name="Disk is full")).to_be_visible()
    await visitor.view.get_by_role("button", name="Text").click()
    await expect(visitor.view.locator("pre")).to_contain_text("97 % used")
    await expect(frame).to_have_count(0)


async def test_a_mail_shows_its_picture(visit, sender, tmp_path):
    """The metric that triggered the alert is drawn in the mail, and its words are there for who does not see it."""
    alert = demo.firing(time.time(), "pictured")[0]
    drawn = draw(chart_of(parse_event(alert, default_id="1", received_at=time.time(), max_bytes=100_000)))
    visitor = await visit("#email")
    await sender.alert(alert, "email", picture=Picture(alt="Chart of avg(used)", png=drawn))
    image = visitor.view.locator("iframe").content_frame.get_by_role("img", name="Chart of avg(used)")
    await expect(image).to_be_visible()
    assert await image.evaluate("async image => { await image.decode(); return image.naturalWidth }") == 1280
    await visitor.page.screenshot(path=tmp_path / "mail.png", full_page=True)


async def test_an_open_mail_stays_open(visit, sender):
    """The mail that somebody reads is neither closed nor loaded again when another comes."""
    visitor = await visit("#email")
    await sender.alert(event(title="First"), "email")
    await visitor.view.get_by_role("button", name="First").click()
    await sender.alert(event(title="Second"), "email")

    await expect(visitor.view.locator(".letter")).to_have_count(2)
    await expect(visitor.view.get_by_role("heading", name="First")).to_be_visible()
    assert [request for request in visitor.requests if "/mail/" in request] == [f"{sender.box.url}/mail/1"]


async def test_pagerduty_opens_and_resolves(visit, sender):
    """An incident opens, takes a second trigger as one of its own, and is the same one when it is resolved."""
    visitor = await visit("#pagerduty")
    await sender.alert(event(dedup_key="disk"), "pagerduty")
    incident = visitor.view.get_by_role("article")
    await expect(incident).to_contain_text(["TRIGGERED"])
    await expect(incident).to_contain_text(["Disk is full"])
    await expect(incident).to_contain_text(["critical"])

    await sender.alert(event(dedup_key="disk"), "pagerduty")
    await expect(incident).to_contain_text(["2 events"])

    await sender.alert(event(dedup_key="disk", status="resolved"), "pagerduty")
    await expect(incident).to_contain_text(["RESOLVED"])
    await expect(incident).to_have_count(1)


async def test_nagios_is_a_status_table(visit, sender):
    """A check has its row with host, service and state, by NSCA and by NRDP, and the row follows the state."""
    visitor = await visit("#nagios")
    await sender.alert(event(), "nagios")
    row = visitor.view.get_by_role("row", name=re.compile("^db-1"))
    await expect(row.get_by_role("cell").nth(1)).to_have_text("Bellhop alerts")
    await expect(row.get_by_role("cell").nth(2)).to_have_text("CRITICAL")

    await sender.alert(event(status="resolved"), "nagios")
    await expect(row.get_by_role("cell").nth(2)).to_have_text("OK")
    check = '{"checkresults":[{"checkresult":{"type":"host"},"hostname":"web-9","state":"1","output":"gone"}]}'
    await sender.post("/nrdp/", 200, data={"token": "t0ken", "cmd": "submitcheck", "json": check})
    other = visitor.view.get_by_role("row", name=re.compile("^web-9"))
    await expect(other.get_by_role("cell").nth(2)).to_have_text("DOWN")
    await expect(other).to_contain_text("NRDP")


async def test_a_web_hook_shows_its_json(visit, sender):
    """A web hook shows its request line, its status, its JSON and, when asked, its headers."""
    visitor = await visit("#webhook")
    await sender.alert(event(), "webhook")

    hook = visitor.view.get_by_role("article")
    await expect(hook).to_contain_text("POST /hook/shop")
    await expect(hook).to_contain_text("204 accepted")
    await expect(hook.locator(".key").first).to_be_visible()
    await expect(hook.locator("pre").first).to_contain_text('"Disk is full"')
    await expect(hook.get_by_text('"webhook-id"', exact=False)).to_be_hidden()
    await hook.get_by_text("headers", exact=True).click()
    await expect(hook.get_by_text('"webhook-id"', exact=False)).to_be_visible()


async def test_what_is_open_stays_open(visit, sender):
    """An entry of the log that somebody reads stays open while others come above it."""
    visitor = await visit()
    await sender.alert(event(), "webhook")
    await visitor.view.locator("summary").click()
    await sender.alert(event(), "webhook", "slack")

    await expect(visitor.view.locator("details")).to_have_count(3)
    await expect(visitor.view.locator("details[open]")).to_have_count(1)
    await expect(visitor.view.locator("details").last).to_have_attribute("open", "")


async def test_clear_empties_the_page(visit, sender):
    """Clear forgets what arrived; what comes afterwards is shown alone."""
    await sender.alert(event(), "hipchat")
    visitor = await visit("#hipchat")
    said = visitor.view.get_by_role("article")
    await expect(said).to_have_count(1)
    await visitor.page.get_by_role("button", name="Clear").click()
    await expect(visitor.view).to_contain_text("Nothing has arrived yet")
    await expect(visitor.tab("HipChat")).to_have_text("HipChat0")

    await sender.alert(event(title="Afterwards"), "hipchat")
    await expect(said).to_contain_text(["Afterwards"])
