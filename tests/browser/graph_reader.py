"""Where things are on the event graph: read from the page as drawn, in pixels and times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from browser.guest import Guest
from playwright.async_api import Locator, Page, expect

EVENTS, METRIC = "xy", "xy2"
"""The panes: of the bars, and of the first metric."""


class Graph:
    """The graph on a page that is open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cursor = page.get_by_role("slider", name="Time cursor")
        self.line = page.locator("#line")
        self.readout = page.locator("#readout")
        self.rows = page.locator("#rows tr")
        self.shown = page.locator("#shown")

    @classmethod
    async def of(cls, guest: Guest, path: str = "") -> Graph:
        """The graph once it is drawn, of a page that is open, or at this path."""
        if path:
            await guest.open(path)
        graph = cls(guest.page)
        await graph.drawn()
        return graph

    async def drawn(self) -> None:
        """Wait until there is a time axis."""
        await expect(self.page.locator("#plot .xaxislayer-above .xtick").first).to_be_attached()

    def pane(self, name: str) -> Locator:
        """Where a pane takes the mouse: all of it."""
        return self.page.locator(f"#plot .draglayer .{name} .nsewdrag")

    async def box(self, what: str | Locator) -> dict[str, float]:
        """Where it is, with `right`, `bottom` and `middle` (of its width)."""
        found = self.pane(what) if isinstance(what, str) else what
        box = await found.bounding_box()
        assert box, f"{what} is not to be seen"
        ends = {"right": box["x"] + box["width"], "bottom": box["y"] + box["height"]}
        return {**box, **ends, "middle": box["x"] + box["width"] / 2}

    def bars(self) -> Locator:
        """All bars."""
        return self.page.locator("#plot .barlayer .point path")

    def line_of(self, pane: str) -> Locator:
        """A metric's curve."""
        return self.page.locator(f"#plot .subplot.{pane} .scatterlayer .js-line")

    def marks(self, colour: str, pane: str = METRIC) -> Locator:
        """The marks of a colour (`rgb(…)`) on a metric."""
        return self.page.locator(f'#plot .subplot.{pane} .scatterlayer .point[style*="fill: {colour}"]')

    async def colour(self, name: str) -> str:
        """What a mark of the legend has."""
        return await self.page.locator(f".legend .mark.{name}").first.evaluate("e => getComputedStyle(e).color")

    async def ends(self) -> list[float]:
        """From when to when, in epoch milliseconds, as the cursor can go."""
        return [float(await self.cursor.get_attribute(f"aria-value{end}") or 0) for end in ("min", "max")]

    async def range_is(self, since_ms: float, until_ms: float) -> None:
        """Wait until that range is drawn."""
        await expect(self.cursor).to_have_attribute("aria-valuemin", f"{since_ms:.0f}")
        await expect(self.cursor).to_have_attribute("aria-valuemax", f"{until_ms:.0f}")

    async def until(self, fits: Callable[[list[float]], bool]) -> None:
        """Wait until a range is drawn that fits. The page's policy keeps Playwright from asking for it in the page."""
        for _ in range(150):
            ends = await self.ends()
            if fits(ends):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"the range is {ends}")

    async def at(self) -> float:
        """Where the cursor is, in epoch milliseconds."""
        return float(await self.cursor.get_attribute("aria-valuenow") or 0)

    async def x_of(self, epoch_ms: float) -> float:
        """Where a time is drawn, in pixels."""
        (since, until), box = await self.ends(), await self.box(EVENTS)
        return box["x"] + box["width"] * (epoch_ms - since) / (until - since)

    async def point(self, pane: str, share: float) -> float:
        """Move the mouse to so much of a pane's width; its x."""
        box = await self.box(pane)
        x = box["x"] + box["width"] * share
        await self.page.mouse.move(x, box["y"] + box["height"] / 2)
        return x

    async def drag(self, pane: str, since: float, until: float) -> None:
        """Press, move and let go, from one share of a pane's width to another."""
        box = await self.box(pane)
        await self.point(pane, since)
        await self.page.mouse.down()
        for share in (since + (until - since) / 2, until):
            await self.page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        await self.page.mouse.up()
