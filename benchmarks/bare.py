"""The limit: the same posts from a bare aiohttp loop on uvloop, with no queue and nothing stored.

`python -m benchmarks.bare SINK COUNT`
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import uvloop
from yarl import URL

from benchmarks.load import message

CONCURRENT = 50


async def post_all(sink: str, count: int) -> None:
    """Post `count` times, 50 at a time."""
    what = message(sink)
    url, jobs = URL(what.url), iter(range(count))
    connector = aiohttp.TCPConnector(limit=CONCURRENT)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def one_after_another() -> None:
            for _ in jobs:
                async with session.post(url, data=what.body, headers=what.headers) as response:
                    await response.read()

        await asyncio.gather(*(one_after_another() for _ in range(CONCURRENT)))


if __name__ == "__main__":
    uvloop.run(post_all(sys.argv[1], int(sys.argv[2])))
