"""All of the page by keyboard alone, and by name for who does not see it."""

from __future__ import annotations

import re

import pytest
from browser.sender import event
from browser.visitor import TABS
from playwright.async_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"width": 390, "height": 844}
FOCUSED = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const seen = at.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return { tag: at.tagName, name: at.innerText || at.id, seen };
}"""
THERE = "(which) => [...document.querySelectorAll(which)].filter(e => e.checkVisibility()).map(e => e.tagName)"
UNNAMED = """[...document.querySelectorAll("button, select, a, img")]
  .filter(e => !(e.innerText || e.labels?.length || e.alt === ""))
  .map(e => e.outerHTML)"""
CONTROLS = "button, select, summary, a[href], iframe"


async def walk(page):
    """Press Tab until the page begins anew; what had the focus, in order. Some ends lead straight to the beginning."""
    stops = []
    for _ in range(80):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUSED)
        if stop["tag"] == "BODY" or stop in stops[:1]:
            return stops
        stops.append(stop)
    raise AssertionError(f"no end of it: {stops}")


async def test_every_control_is_reached_by_tab(visit, sender):
    """Tab stops at every control that is to be seen, in their order, each time with a visible ring."""
    await sender.alert(event(links=[{"href": "https://shop.example/d", "text": "Details"}]))
    visitor = await visit()
    for name in ("HipChat", "PagerDuty", "E-mail", "Everything"):
        await visitor.choose(name)
        await expect(visitor.view.locator(CONTROLS).first).to_be_visible()
        await visitor.page.reload()  # so that Tab begins at the top
        await expect(visitor.view.locator(CONTROLS).first).to_be_visible()
        await expect(visitor.tab("Everything")).to_have_text("Everything6")

        stops = [stop for stop in await walk(visitor.page) if stop["tag"] != "MAIN"]

        assert [stop["tag"] for stop in stops] == await visitor.page.evaluate(THERE, CONTROLS)
        assert [stop for stop in stops if not stop["seen"] and stop["tag"] != "IFRAME"] == []


async def test_everything_has_its_name_and_role(visit, sender):
    """Regions, tabs, choices, buttons, the table's columns and the mail's frame are found by role and name."""
    visitor = await visit()
    page = visitor.page
    await sender.alert(event(), "nagios", "email")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Bellhop sandbox")
    for name in TABS:
        await expect(visitor.tab(name)).to_be_visible()
    for name in ("Where", "How often"):
        await expect(page.get_by_role("combobox", name=name)).to_be_visible()
    for name in ("Slow", "503", "429", "401", "Drop before", "Drop after", "Hang", "Limit"):
        await expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_be_visible()
    view = await visitor.choose("Nagios")
    for name in ("Host", "Service", "Status", "Status information"):
        await expect(view.get_by_role("columnheader", name=name, exact=True)).to_be_visible()
    await expect((await visitor.choose("E-mail")).get_by_title("The mail's HTML")).to_be_visible()
    assert await page.evaluate(UNNAMED) == []


async def test_the_focus_stays_where_it_is(visit, sender):
    """A tab that was chosen by Enter keeps the focus, and so does a button in the view, while alerts arrive."""
    visitor = await visit()
    await visitor.tab("HipChat").focus()
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.tab("HipChat")).to_have_attribute("aria-current", "true")
    await sender.alert(event(), "hipchat", "email")
    await expect(visitor.view.get_by_role("article")).to_have_count(1)
    await expect(visitor.tab("HipChat")).to_be_focused()

    letter = (await visitor.choose("E-mail")).locator(".letter")
    await letter.focus()
    await visitor.page.keyboard.press("Enter")
    await sender.alert(event(title="Another"), "email")
    await expect(letter).to_have_count(2)
    await expect(letter.last).to_be_focused()
    await visitor.view.get_by_role("button", name="Text").press("Enter")
    await expect(visitor.view.get_by_role("button", name="Text")).to_be_focused()


async def test_the_sheet_of_faults_opens_and_closes_by_keyboard(visit):
    """On a phone's width Faults opens the sheet and takes the focus there; Escape closes it and brings it back."""
    visitor = await visit(viewport=PHONE)
    page = visitor.page
    opener = page.get_by_role("button", name="Faults", exact=True)
    await expect(opener).to_have_attribute("aria-expanded", "false")
    await opener.press("Enter")
    await expect(page.get_by_label("Where")).to_be_focused()
    await expect(opener).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Where")).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_all_well_again_leaves_the_focus_in_the_panel(visit):
    """The button goes with the last fault; whoever pressed it is not thrown back to the top of the page."""
    visitor = await visit()
    await visitor.page.get_by_role("button", name=re.compile("^503")).press("Enter")
    await visitor.page.get_by_role("button", name="All well again").press("Enter")
    await expect(visitor.page.get_by_label("Where")).to_be_focused()
