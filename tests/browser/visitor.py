"""A person at the page: a Chromium tab that notes every request it makes and every complaint it utters."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

TABS = ("Everything", "HipChat", "Slack", "PagerDuty", "E-mail", "Nagios", "Web hooks")
PREVENTED = ("Content Security Policy", "sandboxed")


class Visitor:
    """One tab, open at the sandbox's page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.loads = 0
        page.on("request", self._note_request)
        page.on("requestfailed", self._note_failure)
        page.on("console", self._note_console)
        page.on("load", self._note_load)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    @classmethod
    async def arrive(cls, context: BrowserContext, url: str, place: str = "") -> Visitor:
        """Open the page and wait until it is live."""
        visitor = cls(await context.new_page(), url)
        await visitor.page.goto(f"{url}/{place}")
        await expect(visitor.page.get_by_role("status")).to_have_text("live")
        return visitor

    async def choose(self, name: str) -> Locator:
        """Press a channel's tab; the view beneath."""
        await self.tab(name).click()
        await expect(self.tab(name)).to_have_attribute("aria-current", "true")
        return self.view

    def tab(self, name: str) -> Locator:
        """A channel's tab; its name goes on with how many arrived."""
        return self.page.get_by_role("navigation", name="Channels").get_by_role("button", name=name)

    @property
    def view(self) -> Locator:
        """What is shown of the chosen channel."""
        return self.page.get_by_role("main")

    def pardon(self) -> None:
        """Forget the complaints that only say what the page's own policy has kept from running."""
        self.complaints = [words for words in self.complaints if not any(sign in words for sign in PREVENTED)]

    def strangers(self) -> list[str]:
        """Requests to anybody but the sandbox."""
        known = (urlsplit(self._url).scheme, urlsplit(self._url).netloc)
        return [request for request in self.requests if urlsplit(request)[:2] != known]

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_failure(self, request: Request) -> None:
        if request.failure == "csp":  # noted, but never made
            self.requests.remove(request.url)

    def _note_load(self, _: Page) -> None:
        self.loads += 1

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")
