"""In the demo each form offers to fill in what its sandbox takes; anywhere else there is no such thing."""

from __future__ import annotations

import html
import re

import orjson
import pytest

from worker import demo
from worker.appsfile import read_apps
from worker.channels import CHANNELS
from worker.stores.stand_ins import StandIns

WANTED = demo.destinations("http://127.0.0.1:8025", 1025, 5667)


async def offer_of(visitor, channel):
    """What the form's button would fill in, by control; None where there is no button."""
    page = await visitor.get(f"/apps/checkout/destinations/new?channel={channel}")
    assert page.status == 200
    found = re.search(r'data-offer="([^"]*)"', page.text)
    return orjson.loads(html.unescape(found[1])) if found else None


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_demos_forms_offer_its_sandbox(open_fake, channel):
    """Each setting that reaches it, by the name of a control that is on the page."""
    await StandIns(open_fake.redis, "bellhop").keep(demo.stand_ins(WANTED))
    visitor = await open_fake.visitor()
    offer = await offer_of(visitor, channel)
    page = await visitor.get(f"/apps/checkout/destinations/new?channel={channel}")
    assert offer == {f"settings.{name}": str(value) for name, value in WANTED[channel]["settings"].items()}
    for name in offer:
        assert f'name="{name}"' in page.text or f'data-rows="{name}"' in page.text
    assert read_apps(orjson.dumps({"apps": {"a": {"destinations": {channel: WANTED[channel]}}}}).decode(), {})


async def test_nowhere_else(open_fake):
    """A console without a demo offers nothing, and neither does the form of one that is stored."""
    visitor = await open_fake.visitor()
    assert await offer_of(visitor, "hipchat") is None
    await StandIns(open_fake.redis, "bellhop").keep(demo.stand_ins(WANTED))
    assert "data-offer" not in (await visitor.get("/apps/checkout/destinations/ops-room")).text
