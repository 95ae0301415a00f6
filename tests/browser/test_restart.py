"""A page that is left open while its sandbox goes away and comes back."""

from __future__ import annotations

import pytest
from browser.sender import TOKEN
from playwright.async_api import expect

from worker.sandbox.server import Sandbox

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_another_sandbox_at_the_same_address_is_another(visit, sender):
    """The page says that nobody answers; then it shows what the new sandbox got, although its numbers are the same."""
    box = sender.box

    async def notify(words):
        await sender.post("/v2/room/Ops/notification", 204, json={"message": words}, headers=TOKEN)

    await notify("of the first")
    visitor = await visit("#hipchat")
    said = visitor.view.get_by_role("article")
    await expect(said).to_contain_text(["of the first"])
    await box.stop()
    await expect(visitor.page.get_by_role("status")).to_have_text("not answering")
    # The browser itself notes each request that failed.
    visitor.complaints.clear()

    async with Sandbox(http_port=box.http_port):
        await notify("of the second")
        await expect(said).to_contain_text(["of the second"])
        await expect(said).to_have_count(1)
        await expect(visitor.page.get_by_role("status")).to_have_text("live")
        visitor.complaints.clear()
        await visitor.page.close()
