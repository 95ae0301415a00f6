"""docs/api.md: each command in it runs as it stands, and is answered as the page says."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import orjson
import pytest
from fakes.console import PASSWORD
from fakes.pipeline import FakeCarrier

from worker.web.failures import HEADLINES
from worker.web.roles import Role

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```(?:\n```json\n(.*?)```)?", PAGE, re.DOTALL)


class Taking(FakeCarrier):
    """Everything sent is taken."""

    async def close(self):
        """Nothing is open."""


async def run(command, **environment):
    """What a shell prints for it."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", command), env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    said = (await process.communicate())[0]
    assert process.returncode == 0, (command, said)
    return said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_each_command_does_what_the_page_says(consoles):
    """One after the other, on a console without an app; an answer has at least what stands there."""
    fake = await consoles([], web_password=PASSWORD, carrier=Taking())
    token = await fake.console.tokens.add("terraform", "*", Role.ADMIN)
    assert len(COMMANDS) > 7
    for command, expected in COMMANDS:
        said = await run(command, TOKEN=token, API=f"{fake.url}/api/v1", NO_PROXY="*")
        if expected:
            answer, wanted = orjson.loads(said), orjson.loads(expected)
            assert {name: answer[name] for name in wanted} == wanted


def test_the_page_is_linked_and_knows_the_statuses():
    """From the console's page; each status in its table has a headline."""
    console = Path(__file__).parents[2] / "docs" / "console.md"
    assert "(api.md)" in console.read_text("utf-8")
    assert {int(each) for each in re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE)} <= set(HEADLINES)
