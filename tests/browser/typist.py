"""Somebody at a form with a keyboard alone: Tab from control to control, typing where there is something to type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from playwright.async_api import Page, expect

AT = """() => {
  const at = document.activeElement;
  const words = at.labels?.length ? at.labels[0].innerText : at.ariaLabel || at.innerText || "";
  const style = getComputedStyle(at);
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return { tag: at.tagName, type: at.type || "", name: words.replace(/\\s+/g, " ").replace(/ \\*$/, "").trim(), seen };
}"""
STOPS = 90


class Typist:
    """Fills in a form by names of controls."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.unseen: list[str] = []
        """What had the focus without showing it."""

    async def fill(self, fills: Iterable[tuple[str, str]], until: str) -> None:
        """Type each text into the control of its name, press Enter on the `Add to …` that it names, stop at `until`.

        Of two controls with one name each gets its own, in their order.
        """
        left = list(fills)
        moved = False
        for _ in range(STOPS):
            if not moved:
                await self.page.keyboard.press("Tab")
            at, moved = await self._at(), False
            if at["name"] == until and at["tag"] == "BUTTON":
                assert left == [], f"never came to {left}"
                return
            if at["tag"] == "SUMMARY" and left:
                await self.page.keyboard.press("Enter")
            elif mine := next((fill for fill in left if fill[0] == at["name"]), None):
                left.remove(mine)
                moved = await self._use(at, mine[1])
        raise AssertionError(f"no {until} in reach")

    async def press(self, name: str, key: str = "Enter") -> None:
        """Tab to a button or link and press it."""
        for _ in range(STOPS):
            if (await self._at())["name"] == name:
                await self.page.keyboard.press(key)
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"no {name} in reach")

    async def _use(self, at: Mapping[str, str], text: str) -> bool:
        """Whether the focus has moved on to something new."""
        if at["tag"] == "BUTTON":
            await self.page.keyboard.press("Enter")
            return True
        if at["type"] == "checkbox":
            await self.page.keyboard.press("Space")
        elif at["tag"] == "SELECT":
            await self.page.keyboard.type(text)
        else:
            await self.page.keyboard.press("ControlOrMeta+a")
            await self.page.keyboard.type(text)
        return False

    async def _at(self) -> dict[str, str]:
        at = await self.page.evaluate(AT)
        if not at["seen"] and at["tag"] != "BODY":
            self.unseen.append(at["name"] or at["tag"])
        return at


async def outcome(page: Page, words: str) -> None:
    """Wait until the page has told this of Test or Save."""
    await expect(page.locator("#outcome")).to_contain_text(words)
