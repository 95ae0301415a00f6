"""Narrow and wide, light and dark, and with a thousand arrivals."""

from __future__ import annotations

import time

import pytest
from browser.sender import TOKEN, event
from browser.visitor import TABS
from playwright.async_api import expect

from worker import demo

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"width": 390, "height": 844}
READABLE = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of usual size."""
FAINT = """(least) => {
  const channel = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (colour) => [...colour.matchAll(/[\\d.]+/g)].map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((part, at) => part * a + under[at] * (1 - a));
  const lineage = (e) => (e ? [...lineage(e.parentElement), e] : []);
  const fill = (e) => parts(getComputedStyle(e).backgroundColor);
  const ground = (e) => lineage(e).reduce((under, one) => over(fill(one), under), [255, 255, 255]);
  const opacity = (e) => lineage(e).reduce((all, one) => all * getComputedStyle(one).opacity, 1);
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.data.trim();
    const e = walker.currentNode.parentElement;
    if (!words || !e.checkVisibility()) continue;
    const under = ground(e);
    const seen = over([...parts(getComputedStyle(e).color).slice(0, 3), opacity(e)], under);
    const [a, b] = [light(seen), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least) faint.add(`${e.tagName}.${e.className} ${words.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return [...faint];
}"""


async def fill(sender):
    """The demo's alerts, back to normal but one, and one refusal of every kind that has a colour of its own."""
    now = time.time()
    events = demo.firing(now, "looks")
    for each in [*events, *demo.resolved(events, now)[1:]]:
        await sender.alert(each)
    for path in ("/v2/room/missing/notification", "/services/T0/B0/missing", "/v2/enqueue", "/hook/gone", "/nowhere"):
        await sender.post(path, json={"message": "x"}, headers=TOKEN)
    for colour in ("purple", "gray", "random"):
        body = {"message": f"{colour} <a href='https://shop.example/'>link</a>", "color": colour, "notify": True}
        await sender.post("/v2/room/Ops/notification", 204, json=body, headers=TOKEN)
    word = {"text": "*bold* `code` and a " + "W" * 300}
    await sender.post("/services/T0/B0/AbCdEfGhIjKlMnOpQrSt", 200, json=word)


async def unfold(view):
    """Open all that can be opened."""
    folded = "details:not(:has(> :nth-child(2)))"
    await view.evaluate("view => view.querySelectorAll('details').forEach(one => one.open = true)")
    await expect(view.locator(folded)).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_is_readable(visit, sender, scheme):
    """In both schemes every text on every view stands out from its ground by 4.5 to 1 or more."""
    await fill(sender)
    visitor = await visit(color_scheme=scheme)
    await visitor.page.get_by_role("button", name="Hang").click()
    await expect(visitor.page.get_by_role("listitem")).to_have_count(1)
    faint = {}
    for name in (*TABS, "Nobody's"):
        view = await visitor.choose(name)
        await unfold(view)
        faint[name] = await visitor.page.evaluate(FAINT, READABLE)
    assert not any(faint.values()), "\n".join(f"{name}: {words}" for name, found in faint.items() for words in found)


async def test_a_phone_needs_no_sideways_scroll(visit, sender):
    """At 390 pixels each view, the open sheet of faults included, is no wider than the screen."""
    await fill(sender)
    visitor = await visit(viewport=PHONE)
    wide = {}
    for name in TABS:
        view = await visitor.choose(name)
        await unfold(view)
        wide[name] = await visitor.page.evaluate("document.documentElement.scrollWidth")
        assert await view.locator(":scope > section").evaluate("e => e.scrollWidth") <= PHONE["width"]
    await visitor.page.get_by_role("button", name="Faults", exact=True).click()
    wide["faults"] = await visitor.page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in wide.items() if width > PHONE["width"]} == {}


async def test_a_thousand_arrivals_leave_it_quick(visit, sender):
    """With 1,000 arrivals the page opens, counts them all, and draws each view within half a second."""
    now = time.time()
    body = b'{"message": "Disk is full, 97 % used", "color": "red", "message_format": "text"}'
    record = sender.box.arrivals.record
    for number in range(1000):
        record(at=now, channel="hipchat", to=f"Room {number % 5}", fate="accepted", status=204, body=body)
    await sender.alert(event())

    visitor = await visit("#hipchat")
    await expect(visitor.tab("HipChat")).to_have_text("HipChat1,001")
    slowest = await visitor.page.evaluate(
        """() => Math.max(...[...document.querySelectorAll("#tabs button:not([hidden])")].map((tab) => {
          const start = performance.now();
          tab.click();
          document.body.getBoundingClientRect();
          return performance.now() - start;
        }))"""
    )
    assert slowest < 500
