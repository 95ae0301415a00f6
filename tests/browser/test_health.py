"""A destination's health in a real browser: what refreshes itself lets people press its buttons."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

HURRY = "const later = setTimeout; window.setTimeout = (work, ms) => later(work, ms / 15);"
"""The page asks for news five times a second."""
PATH = "/apps/checkout/destinations/ops-room/health"


async def test_a_button_keeps_the_focus_while_the_page_refreshes_itself(consoles, invite):
    """Pause and Resume by keyboard, however often the page has asked for itself before."""
    fake = await consoles(background=())
    guest = await invite(fake, PATH, name="admin")
    page = guest.page
    await page.add_init_script(HURRY)
    await guest.open(PATH)
    for name, after in (("Pause", "is paused: what comes"), ("Resume", "goes on")):
        button = page.get_by_role("button", name=name)
        await button.focus()
        for _ in range(2):
            async with page.expect_response(lambda answer: answer.url.endswith("/health")):
                pass
        await expect(button).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").first).to_contain_text(after)
    assert await guest.barriers() == []
