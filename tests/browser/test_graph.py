"""The event graph in a real browser, over an afternoon on record: cursor, zoom, links, keyboard, phone and looks."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.graph_reader import EVENTS, METRIC, Graph
from browser.test_console import REACHABLE
from browser.test_keyboard import walk
from fakes.afternoon import HALF_PAST_TWO, afternoon_console
from fakes.console import PASSWORD
from fakes.history import add, found
from playwright.async_api import expect

from worker.graph_link import event_link

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PAGE = "/apps/shop/events"
NOW_MS = HALF_PAST_TWO * 1000
HOUR_MS = 3_600_000
LEAK_MS = NOW_MS - 17 * 60_000
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 150_000
HOSTILE = "</script><img src=x onerror='window.ran=1'><a href='javascript:window.ran=1'>x</a><b>b</b>{{7*7}}"


async def opened(consoles, invite, *events, path=PAGE, **options):
    """The graph of the shop, in a browser with these options, of whoever is on this machine."""
    fake = await afternoon_console(consoles, *events, web_password=None)
    guest = await invite(fake, path, **options)
    return guest, await Graph.of(guest)


async def test_one_cursor_through_all_charts(consoles, invite):
    """Wherever the mouse is, one line crosses bars and metrics at its x, and says what there is at that time."""
    _, graph = await opened(consoles, invite)
    for pane in (EVENTS, METRIC, "xy3"):
        for share in (0.2, 0.7185):
            x = await graph.point(pane, share)
            line = await graph.box(graph.line)
            assert line["middle"] == pytest.approx(x, abs=1)
            assert line["y"] <= (await graph.box(EVENTS))["y"] + 1
            assert line["bottom"] >= (await graph.box("xy3"))["bottom"] - 1
            assert await graph.at() == pytest.approx(NOW_MS - HOUR_MS + share * HOUR_MS, abs=4000)
    for words in ("2026-01-05 14:13:0", "1 critical", "avg(used): 1.", "fired: Memory used by Apache is above 1 GiB"):
        await expect(graph.readout).to_contain_text(words)
    await expect(graph.readout).to_contain_text("ops-room (hipchat) was told at 14:13:00")
    await graph.page.mouse.move(5, 5)
    await expect(graph.line).to_be_hidden()


async def test_what_is_drawn_stands_at_its_time(consoles, invite):
    """Bars, curve, threshold and marks are there, and the mark of the alert is at the alert's time and value."""
    _, graph = await opened(consoles, invite)
    fired = graph.marks(await graph.colour("critical"))
    assert (await graph.box(fired))["middle"] == pytest.approx(await graph.x_of(LEAK_MS), abs=2)
    normal = graph.marks(await graph.colour("normal"))
    assert (await graph.box(normal))["middle"] == pytest.approx(await graph.x_of(NOW_MS - 5 * 60_000), abs=2)
    await expect(graph.marks(await graph.colour("told"))).to_have_count(4)
    await expect(graph.line_of(METRIC)).to_have_count(1)
    label = await graph.box(graph.page.locator(".pane-limit").first)
    pane, point = await graph.box(METRIC), await graph.box(fired)
    assert pane["y"] < point["y"] < label["bottom"] < pane["bottom"], "it fired above the threshold"
    await expect(graph.page.locator(".pane-limit").first).to_have_text("> 1.074 GB")
    assert await graph.bars().count() >= 25
    first, last = [await graph.box(graph.bars().nth(at)) for at in (0, -1)]
    plot = await graph.box(EVENTS)
    for bar in (first, last):
        assert plot["x"] - 20 < bar["x"] < bar["right"] < plot["right"] + 20
        assert plot["y"] < bar["y"] < bar["bottom"] < plot["bottom"] + 2


async def test_a_row_moves_the_cursor(consoles, invite):
    """Over a row, or with its link focused, the cursor is at the event; and the rows under the cursor are lit."""
    _, graph = await opened(consoles, invite)
    row = graph.page.locator("tr[data-id=leak]")
    await row.hover()
    assert await graph.at() == LEAK_MS
    assert (await graph.box(graph.line))["middle"] == pytest.approx(await graph.x_of(LEAK_MS), abs=1)
    await graph.page.mouse.move(5, 5)
    await graph.page.locator("tr[data-id=errors] a").focus()
    assert await graph.at() == NOW_MS - 11 * 60_000
    await expect(graph.page.locator("tr[data-id=errors]")).to_have_class(re.compile("lit"))
    await expect(row).not_to_have_class(re.compile("lit"))


async def test_zoom_by_drag_changes_link_and_table(consoles, invite):
    """A drag over either chart narrows graph, table, address and shared link; Back goes back."""
    _, graph = await opened(consoles, invite)
    rows = await graph.rows.count()
    await graph.drag(METRIC, 0.6, 0.8)
    await expect(graph.rows).not_to_have_count(rows)
    since, until = await graph.ends()
    assert since == pytest.approx(NOW_MS - 0.4 * HOUR_MS, abs=6000)
    assert until == pytest.approx(NOW_MS - 0.2 * HOUR_MS, abs=6000)
    listed = [float(await graph.rows.nth(n).get_attribute("data-at")) for n in range(await graph.rows.count())]
    assert len(listed) >= 3
    assert all(since <= at <= until for at in listed)
    shared = await graph.page.get_by_role("link", name="Link to this range").get_attribute("href")
    assert set(parse_qs(urlsplit(shared).query)) == {"from", "to"}
    assert urlsplit(graph.page.url).query == urlsplit(shared).query
    await expect(graph.page.get_by_label("From (UTC)")).not_to_have_value("")
    await graph.page.go_back()
    await graph.range_is(NOW_MS - HOUR_MS, NOW_MS)
    await expect(graph.rows).to_have_count(rows)
    await expect(graph.page.get_by_text("live", exact=True)).to_be_visible()


async def test_a_shared_link_opens_the_same(consoles, invite):
    """Whoever opens the link, in a browser of their own and after logging in, has the same range, rows and filters."""
    fake = await afternoon_console(consoles)
    mine = await invite(fake, PAGE, name="admin")
    graph = await Graph.of(mine, PAGE)
    await graph.drag(EVENTS, 0.5, 0.9)
    await expect(graph.page).to_have_url(re.compile("from="))
    await graph.page.get_by_label("Severity").select_option("critical")
    await expect(graph.page).to_have_url(re.compile("severity=critical"))
    await expect(graph.rows.locator(".badge", has_text=re.compile("warning|info|error"))).to_have_count(0)
    ids = "rows => rows.map(row => row.dataset.id)"
    shared = await graph.page.get_by_role("link", name="Link to this range").get_attribute("href")
    theirs = await invite(fake, shared)
    await expect(theirs.page.get_by_role("heading", level=1)).to_have_text("Log in")
    await theirs.log_in("admin", PASSWORD)
    other = await Graph.of(theirs)
    assert await other.ends() == await graph.ends()
    assert await other.rows.evaluate_all(ids) == await graph.rows.evaluate_all(ids) != []
    await expect(other.page.get_by_label("Severity")).to_have_value("critical")


async def test_an_alerts_own_link(consoles, invite):
    """It shows the fifty minutes up to the alert, with the alert at the right end."""
    path = event_link("", "shop", LEAK_MS / 1000)
    _, graph = await opened(consoles, invite, path=path)
    await graph.range_is(LEAK_MS - 50 * 60_000, LEAK_MS)
    await expect(graph.rows.first).to_have_attribute("data-id", "leak")
    fired = await graph.box(graph.marks(await graph.colour("critical")))
    assert fired["middle"] == pytest.approx((await graph.box(METRIC))["right"], abs=2)


async def test_zoom_by_buttons_keys_and_wheel(consoles, invite):
    """Each halves or doubles, or goes on; the wheel does so with Ctrl, and without it scrolls the page."""
    _, graph = await opened(consoles, invite)
    page, (since, until) = graph.page, await graph.ends()

    async def length_is(share):
        await graph.until(lambda ends: abs(ends[1] - ends[0] - share * HOUR_MS) < 2000)

    await page.get_by_role("button", name="Zoom in").click()
    await length_is(1 / 2)
    await page.get_by_role("button", name="Earlier").click()
    await graph.range_is(since, since + HOUR_MS / 2)
    await page.get_by_role("button", name="Zoom out").click()
    await length_is(1)
    await graph.cursor.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("+")
    await length_is(1 / 2)
    await page.keyboard.press("Shift+ArrowRight")
    await graph.until(lambda ends: ends[0] > since - HOUR_MS / 4 + 1000)
    await page.keyboard.press("-")
    await length_is(1)
    await graph.cursor.blur()
    before = await graph.ends()
    await graph.point(EVENTS, 0.5)
    await page.mouse.wheel(0, 200)
    while await page.evaluate("window.scrollY") < 50:
        await asyncio.sleep(0.05)
    assert await graph.ends() == before
    await page.evaluate("scrollTo(0, 0)")
    await graph.point(EVENTS, 0.5)
    await page.keyboard.down("Control")
    await page.mouse.wheel(0, -500)
    await page.keyboard.up("Control")
    await length_is(1 / 2)
    await page.get_by_role("link", name="Last 1 h").click()
    await graph.range_is(since, until)
    box = await graph.box(EVENTS)
    await page.mouse.dblclick(box["x"] + box["width"] - 3, box["y"] + 10)
    await length_is(2)


async def test_the_cursor_by_keyboard(consoles, invite):
    """Arrows go by a slot, Page keys by ten, and what is there is said in words for who does not see it."""
    _, graph = await opened(consoles, invite)
    page = graph.page
    await graph.cursor.focus()
    await page.keyboard.press("End")
    assert await graph.at() == NOW_MS
    await page.keyboard.press("PageDown")
    await page.keyboard.press("ArrowLeft")
    assert await graph.at() == NOW_MS - 11.5 * 60_000, "eleven slots before the last one"
    for _ in range(5):
        await page.keyboard.press("ArrowLeft")
    said = await graph.cursor.get_attribute("aria-valuetext")
    assert re.match(r"2026-01-05 14:13:30 UTC; \d+ critical", said)
    for words in ("avg(used): 1.", "fired: Memory used by Apache is above 1 GiB", "on-call (pagerduty) was told"):
        assert words in said
    await expect(graph.page.locator("tr[data-id=leak]")).to_have_class(re.compile("lit"))
    await page.keyboard.press("Escape")
    await expect(graph.line).to_be_hidden()


async def test_search_and_ranges(consoles, invite):
    """A search narrows bars and rows without loading the page again; so do a range by name and one by two times."""
    guest, graph = await opened(consoles, invite)
    page = graph.page
    await page.get_by_label("Search").fill("apache")
    await page.keyboard.press("Enter")
    await expect(graph.rows).to_have_count(2)
    await expect(graph.bars()).to_have_count(2)
    await expect(page).to_have_url(re.compile(r"\?last=1h&text=apache$"))
    await page.get_by_role("link", name="Last 3 d").click()
    await graph.range_is(NOW_MS - 72 * HOUR_MS, NOW_MS)
    await expect(graph.rows).to_have_count(2)
    await page.get_by_label("From (UTC)").fill("2026-01-05T14:00")
    await page.get_by_label("To (UTC)").fill("2026-01-05T14:20")
    await page.get_by_role("button", name="Show", exact=True).click()
    await graph.range_is(NOW_MS - HOUR_MS / 2, NOW_MS - HOUR_MS / 6)
    await expect(graph.rows).to_have_count(1)
    await expect(page.locator("#summary")).to_contain_text("1 event: 1 critical.")
    await page.get_by_label("Search").fill("nothing like it")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No event in this time that fits")).to_be_visible()
    await page.get_by_role("button", name="Show", exact=True).focus()
    await page.get_by_label("Metric").select_option("errors")
    await expect(page.locator(".pane-title b")).to_have_text(["Events", "count(errors)"])
    assert guest.loads == 1


async def test_news_arrive_by_themselves(consoles, invite):
    """A new event is drawn, listed on top and said, without a reload; a hidden tab asks for nothing."""
    fake = await afternoon_console(consoles, web_password=None)
    guest = await invite(fake, PAGE)
    await guest.page.add_init_script("const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 20)")
    graph = await Graph.of(guest, PAGE)
    rows, bars, loads = await graph.rows.count(), await graph.bars().count(), guest.loads
    add(fake.console.history, found(HALF_PAST_TWO - 3590, id="new", app="shop", title="Disk is full", severity="info"))
    add(fake.console.history, found(HALF_PAST_TWO, id="newest", app="shop", title="Disk is fuller", rule="Disk"))
    await expect(graph.rows).to_have_count(rows + 2)
    await expect(graph.rows.first).to_have_attribute("data-id", "newest")
    await expect(graph.rows.first).to_have_class(re.compile("fresh"))
    await expect(graph.page.get_by_role("status")).to_have_text("2 new events")
    await expect(graph.bars()).not_to_have_count(bars)
    assert guest.loads == loads
    await graph.page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    await graph.page.wait_for_timeout(400)
    asked = len(guest.requests)
    await graph.page.wait_for_timeout(800)
    assert len(guest.requests) == asked


async def test_a_console_that_stops_is_told(consoles, invite):
    """While nothing answers the page says so, and what is drawn stays; then it goes on by itself."""
    fake = await afternoon_console(consoles, web_password=None)
    guest = await invite(fake, PAGE)
    await guest.page.add_init_script("const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 20)")
    graph = await Graph.of(guest, PAGE)
    await graph.page.route("**/api/v1/**", lambda route: route.abort())
    await expect(graph.page.locator("#notice")).to_contain_text("may be out of date")
    assert await graph.bars().count() > 0
    await graph.page.unroute("**/api/v1/**")
    await expect(graph.page.locator("#notice")).to_be_hidden()
    guest.complaints = [words for words in guest.complaints if "ERR_FAILED" not in words]


@pytest.mark.parametrize(
    ("viewport", "scheme"), [({"width": 1280, "height": 900}, "light"), (NARROW, "dark")], ids=["desk", "phone"]
)
async def test_no_barriers(consoles, invite, viewport, scheme):
    """There is nothing that axe finds, with the cursor on and off, and nothing scrolls sideways."""
    guest, graph = await opened(consoles, invite, color_scheme=scheme, viewport=viewport)
    found_first = await guest.barriers()
    await graph.cursor.focus()
    await expect(graph.readout).to_be_visible()
    assert found_first + await guest.barriers() == []
    assert await guest.width() <= viewport["width"]
    await guest.open(f"{PAGE}?text=nothing&from=yesterday")
    assert await guest.barriers() == []
    guest.complaints = [words for words in guest.complaints if "422" not in words]


async def test_every_control_by_tab(consoles, invite):
    """Tab stops at every control, the cursor among them, each with a ring around it; nothing in the plot is a stop."""
    guest, graph = await opened(consoles, invite, path=f"{PAGE}?last=1h&text=apache")
    await expect(graph.rows).to_have_count(2)
    stops = await walk(guest.page)
    there = await guest.page.evaluate(REACHABLE)
    named = [stop["name"] for stop in stops]
    assert "cursor" in named
    assert len([stop for stop in stops if stop["tag"] != "DIV"]) >= there
    unseen = [stop["tag"] for stop in stops if not stop["seen"]]
    assert unseen == ["INPUT"] * 2, "the calendars' own buttons, around which Chromium draws a ring of its own"


async def test_on_a_phone(consoles, invite):
    """A tap puts the cursor there and leaves it; buttons zoom; the page scrolls under the finger."""
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    guest, graph = await opened(consoles, invite, **touch)
    box = await graph.box(METRIC)
    await guest.page.touchscreen.tap(box["x"] + box["width"] * 0.7185, box["y"] + 40)
    await expect(graph.readout).to_contain_text("fired: Memory used by Apache")
    assert await graph.ends() == [NOW_MS - HOUR_MS, NOW_MS]
    readout = await graph.box(graph.readout)
    assert readout["x"] >= 0
    assert readout["right"] <= PHONE["width"]
    await guest.page.get_by_role("button", name="Zoom in").tap()
    await expect(graph.page).to_have_url(re.compile("from="))
    assert await guest.width() == PHONE["width"]


async def test_hostile_words_do_nothing(consoles, invite):
    """HTML in titles, units, metrics and destinations is shown as text wherever it gets, and nothing of it runs."""
    metric = {
        "name": HOSTILE[:60],
        "unit": "<i>x",
        "points": [[HALF_PAST_TWO - n, n] for n in range(9)],
        "threshold": 4,
    }
    event = found(
        HALF_PAST_TWO - 60,
        id="__proto__",
        app="shop",
        title=HOSTILE,
        message=HOSTILE,
        rule=HOSTILE,
        to=(("room", "<b>bold</b>"),),
        metric=metric,
    )
    long = found(HALF_PAST_TWO - 50, id="long", app="shop", title="W" * 1000, metric=metric | {"name": "__proto__"})
    guest, graph = await opened(consoles, invite, event, long, viewport=PHONE)
    await expect(graph.rows.first).to_contain_text("WWWW")
    await expect(graph.page.locator("tr[data-id=__proto__]")).to_contain_text("</script><img src=x")
    await graph.cursor.focus()
    await graph.page.keyboard.press("ArrowLeft")
    await expect(graph.readout).to_contain_text("fired: </script><img")
    await graph.page.get_by_label("Metric").select_option("__proto__")
    await expect(graph.page.locator(".pane-title b").last).to_have_text("__proto__")
    assert await graph.page.evaluate("[window.ran, {}.polluted]") == [None, None]
    assert await graph.page.locator("main img, main b:not(.pane-title b), main i:not(.mark, .cursor-line)").count() == 0
    assert await guest.width() <= PHONE["width"]


async def test_colours_follow_the_switch(consoles, invite):
    """The plot is drawn anew in the other scheme's colours when the switch is pressed."""
    _, graph = await opened(consoles, invite)
    light = await graph.colour("critical")
    await expect(graph.marks(light)).to_have_count(1)
    await graph.page.get_by_role("button", name="Dark colours").click()
    dark = await graph.colour("critical")
    assert dark != light
    await expect(graph.marks(dark)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_picture(consoles, invite, tmp_path, scheme):
    """The afternoon's first screen makes a picture for the documentation. BELLHOP_SCREENSHOTS=1 writes it."""
    guest, graph = await opened(consoles, invite, color_scheme=scheme, viewport={"width": 1280, "height": 960})
    await graph.point(METRIC, 0.7185)
    await expect(graph.readout).to_be_visible()
    folder = IMAGES if os.environ.get("BELLHOP_SCREENSHOTS") else tmp_path
    picture = folder / f"graph-{scheme}.png"
    await guest.page.screenshot(path=picture, animations="disabled")
    assert 10_000 < picture.stat().st_size < MOST_BYTES
