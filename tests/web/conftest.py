"""A console with one app, and others as a test wants them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from fakes.console import PASSWORD, open_console
from fakes.pipeline import checkout
from web.probes import PROBED


@pytest.fixture
async def consoles():
    """Start consoles with the probes' areas; each ends after the test."""
    async with AsyncExitStack() as stack:

        async def start(apps=None, **options):
            options = {"areas": PROBED, **options}
            return await stack.enter_async_context(open_console([checkout()] if apps is None else apps, **options))

        yield start


@pytest.fixture
async def fake(consoles):
    """A console on which everybody has to log in; `admin` can."""
    return await consoles(web_password=PASSWORD)


@pytest.fixture
async def open_fake(consoles):
    """A console on the loopback that asks nobody who they are."""
    return await consoles()
