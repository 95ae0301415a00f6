"""The panel that makes things go wrong: a press, and the next request meets it."""

from __future__ import annotations

import re
import time

import aiohttp
import pytest
import pytest_asyncio
from browser.sender import TOKEN
from playwright.async_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ROOM = "/v2/room/Ops/notification"
SLACK = "/services/T0/B0/AbCdEfGhIjKlMnOpQrSt"


@pytest_asyncio.fixture(loop_scope="session")
async def panel(visit):
    """The page with its panel."""
    visitor = await visit("#hipchat")
    yield visitor


def buttons(visitor):
    """The panel."""
    return visitor.page.get_by_role("complementary", name="Faults on demand")


async def press(visitor, name, rules=1):
    """Press a fault's button and wait until so many rules are in force."""
    await buttons(visitor).get_by_role("button", name=name).click()
    await expect(buttons(visitor).get_by_role("listitem")).to_have_count(rules)


async def notify(sender, status=None):
    """One HipChat notification."""
    await sender.post(ROOM, status, json={"message": "x"}, headers=TOKEN)


async def test_a_503_and_all_well_again(panel, sender):
    """503 refuses the next request and is counted on rule and tab; All well again lets the one after it through."""
    await press(panel, re.compile("^503"))
    await notify(sender, 503)
    await expect(panel.view).to_contain_text("503 refused")
    await expect(buttons(panel).get_by_role("listitem")).to_contain_text("everywhere: status 503")
    await expect(buttons(panel).get_by_role("listitem")).to_have_text(re.compile("1$"))
    await expect(panel.tab("HipChat")).to_contain_text("1 ✕")

    await buttons(panel).get_by_role("button", name="All well again").click()
    await expect(buttons(panel).get_by_role("listitem")).to_have_count(0)
    await notify(sender, 204)
    await expect(panel.view.get_by_role("article")).to_have_count(1)


@pytest.mark.parametrize(("name", "fate", "shown"), [("Drop before", "unanswered", 0), ("Drop after", "accepted", 1)])
async def test_a_drop_leaves_no_answer(panel, sender, name, fate, shown):
    """The connection ends without an answer; after it was taken, the message stands in the room all the same."""
    await press(panel, re.compile(f"^{name}"))
    with pytest.raises(aiohttp.ClientError):
        await notify(sender)

    assert [arrival.fate for arrival in sender.box.arrivals] == [fate]
    await expect(panel.tab("HipChat")).to_contain_text("1")
    await expect(panel.view.get_by_role("article")).to_have_count(shown)


async def test_slow_answers_late(panel, sender):
    """Slow takes the message at once and answers it two seconds later."""
    await press(panel, re.compile("^Slow"))
    start = time.monotonic()
    await notify(sender, 204)
    assert 1.9 < time.monotonic() - start < 10


async def test_a_fault_can_be_for_one_channel_and_some_requests(panel, sender):
    """What is chosen as where and how often is in the rule: another channel goes on as before."""
    await panel.page.get_by_label("Where").select_option("slack")
    await panel.page.get_by_label("How often").select_option("every other")
    await press(panel, re.compile("^401"))

    await expect(buttons(panel).get_by_role("listitem")).to_contain_text("slack: status 401, 50 %")
    assert [(rule.channel, rule.share, rule.status) for rule in rules(sender)] == [("slack", 0.5, 401)]
    await notify(sender, 204)


async def test_a_limit_says_when_to_come_back(panel, sender):
    """429 comes with its Retry-After, and rules add up in the order in which they were pressed."""
    await press(panel, re.compile("^429"))
    await press(panel, re.compile("^Limit"), rules=2)

    assert [rule.headers for rule in rules(sender)] == [{"Retry-After": "5"}, {}]
    await sender.post(SLACK, 429, json={"text": "x"})


async def test_rules_set_elsewhere_show_here(panel, sender):
    """A rule that somebody else set by the API stands in the list within a moment."""
    sender.box.faults.replace([])
    async with aiohttp.ClientSession() as session:
        await (await session.put(f"{sender.box.url}/api/faults", json=[{"hang": True, "channel": "email"}])).read()
    await expect(buttons(panel).get_by_role("listitem")).to_contain_text("email: hang")


def rules(sender):
    """The rules in force."""
    return [armed.rule for armed in sender.box.faults._armed]
