"""The event graph where there is little to draw: no event, one, a metric without points, and one that never moves."""

from __future__ import annotations

import pytest
from browser.graph_reader import METRIC, Graph
from fakes.afternoon import HALF_PAST_TWO, WHOM, told
from fakes.history import add, found, history_of
from playwright.async_api import expect

from worker.web.history_rows import Feeding

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PAGE = "/apps/checkout/events"
AT = HALF_PAST_TWO - 1200
USED = {"name": "used", "unit": "bytes", "aggregation": "avg", "comparator": ">", "threshold": 1e9, "value": 1.2e9}


def alert(event_id, **fields):
    """Of the app whose page is open; two destinations were told."""
    return found(AT, id=event_id, to=WHOM, standings=[told(AT, 0.4), told(AT, 1.3)], **fields)


async def inside(graph, what):
    """Whether a mark is within the metric's pane, from edge to edge, its height allowed for."""
    mark, pane = await graph.box(what), await graph.box(METRIC)
    return pane["y"] - 1 <= mark["y"] and mark["bottom"] <= pane["bottom"] + 1


async def test_little_to_draw(consoles, invite):
    """Axes and words are right with nothing, with one event, without points, and where a value never moves."""
    history = history_of()
    history.feeding = Feeding(complete=True)
    fake = await consoles(history=history, background=(), now=lambda: HALF_PAST_TWO, web_password=None)
    guest = await invite(fake, PAGE)
    graph = await Graph.of(guest)
    panes = guest.page.locator(".pane-title b")
    await expect(guest.page.get_by_text("There is no event of this app yet")).to_be_visible()
    await expect(panes).to_have_text(["Events"])
    await expect(graph.bars()).to_have_count(0)
    await graph.cursor.focus()
    await expect(graph.readout).to_contain_text("no event from")

    add(history, alert("plain"))
    await Graph.of(guest, PAGE)
    await expect(graph.bars()).to_have_count(1)
    await expect(panes).to_have_text(["Events"])
    await expect(guest.page.locator("#summary")).to_have_text("1 event: 1 warning.")

    add(history, alert("used", severity="critical", metric=USED))
    await Graph.of(guest, PAGE)
    await expect(panes).to_have_text(["Events", "avg(used)"])
    await expect(guest.page.locator(".pane-title").last).to_contain_text("no points in this time")
    assert await inside(graph, graph.marks(await graph.colour("critical")))
    assert await inside(graph, guest.page.locator(".pane-limit"))

    add(history, alert("bare", severity="critical", metric={"name": "bare"}))
    await Graph.of(guest, f"{PAGE}?metric=bare")
    assert await inside(graph, graph.marks(await graph.colour("critical")))
    await expect(guest.page.locator("#plot .yaxislayer-above .y2tick text")).to_have_count(0)

    flat = [[AT - 60 * minutes, 0] for minutes in range(20)]
    add(history, alert("flat", severity="critical", metric={"name": "flat", "points": flat}))
    await Graph.of(guest, f"{PAGE}?metric=flat")
    assert await inside(graph, graph.line_of(METRIC))
    fired = await graph.box(graph.marks(await graph.colour("critical")))
    curve = await graph.box(graph.line_of(METRIC))
    assert fired["y"] < curve["y"] < fired["bottom"], "it fired where the value was, though the alert has none"
    assert (await graph.box(METRIC))["bottom"] - curve["bottom"] > 50, "a value that never moves is not on the axis"
