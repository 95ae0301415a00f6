"""What arrives is shown at once, in each channel's own shape."""

from __future__ import annotations

import pytest
from browser.sender import event
from playwright.async_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_hipchat_is_a_room(visit, sender):
    """A notification shows without a reload, with its sender, room, colour and notify; the resolved one is green."""
    view = await (visitor := await visit()).choose("HipChat")
    await expect(view).to_contain_text("Nothing has arrived yet")

    await sender.alert(event(), "hipchat")
    said = view.get_by_role("article")
    await expect(said).to_contain_text(["Disk is full"])
    await visitor.page.screenshot(path="/tmp/br/a.png")
