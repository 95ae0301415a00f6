"""People at the console: Chromium tabs that note every request they make and every complaint they utter."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from browser.visitor import Visitor
from playwright.async_api import BrowserContext, Page, expect

STANDARD = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


class Guest(Visitor):
    """One tab at the console."""

    @classmethod
    async def arrive(cls, context: BrowserContext, url: str, place: str = "") -> Guest:
        """Open a page of the console."""
        guest = cls(await context.new_page(), url)
        await guest.page.goto(f"{url}/{place}")
        await expect(guest.page.get_by_role("main")).to_be_visible()
        return guest

    async def open(self, path: str) -> Page:
        """Go to another page of it."""
        await self.page.goto(f"{self._url}{path}")
        return self.page

    async def log_in(self, name: str, password: str) -> None:
        """By the form that is open."""
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Log in").click()

    async def barriers(self) -> list[str]:
        """What axe finds wrong with the page as it is, by the rules of WCAG 2.2 AA and good practice."""
        found = await Axe().run(self.page, options=STANDARD)
        assert len(found.response["passes"]) > 10, "it has looked"
        violations = found.response["violations"]
        return [f"{each['id']}: {node['html'][:160]}" for each in violations for node in each["nodes"]]

    async def width(self) -> int:
        """How wide the page is, in pixels."""
        return await self.page.evaluate("document.documentElement.scrollWidth")
