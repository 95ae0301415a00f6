"""What schemathesis makes of the document: thousands of requests, right and wrong, and an answer as it says to each."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest
from fakes.console import PASSWORD
from fakes.history import NOW, history_of
from fakes.pipeline import checkout, room
from web.bench import Vendor
from web.test_api_events import past

from worker.models import App
from worker.web.api import API
from worker.web.roles import Role

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = 120


@pytest.fixture
async def fake(consoles):
    """A console with something of everything, whose vendor takes whatever comes."""
    apps = [checkout(), App("search", {"room": room("room", app="search")})]
    parts = {"history": history_of(*past()), "background": (), "now": lambda: NOW + 100}
    return await consoles(apps, web_password=PASSWORD, carrier=Vendor(), **parts)


@pytest.mark.slow
async def test_every_answer_is_as_the_document_says(fake, tmp_path):
    """Status, headers and schema; wrong data is refused, right data taken, and nothing goes without a token."""
    token = await fake.console.tokens.add("schemathesis", "*", Role.ADMIN)
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", CONFIG, "run", f"{fake.url}{API}/openapi.json", "--no-color"),
        *("--header", f"Authorization: Bearer {token}"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said = (await asyncio.wait_for(process.communicate(), SECONDS))[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said
    tried, passed = map(int, re.search(r"(\d+) generated, (\d+) passed", said).groups())
    assert tried == passed > 1000
