"""The limit: the same posts from a bare aiohttp loop on uvloop, with no queue and nothing stored.

`python -m benchmarks.bare SINK COUNT [prepared]`

As aiohttp's documentation posts: each message is a map which the session serialises. `prepared` leaves out what a
program could do once for all posts: the body's bytes, the parsed address, a session without a cookie jar. No worker
can, since each of its messages is another one; it stands beside the limit for those who want to know.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import orjson
import uvloop
from yarl import URL

from benchmarks.load import message

CONCURRENT = 100


async def post_all(sink: str, count: int, *, prepared: bool = False) -> None:
    """Post `count` times, 100 at a time."""
    what = message(sink)
    url: str | URL = URL(what.url) if prepared else what.url
    said: dict[str, Any] = {"data": what.body} if prepared else {"json": orjson.loads(what.body)}
    jar = aiohttp.DummyCookieJar() if prepared else None
    jobs = iter(range(count))
    connector = aiohttp.TCPConnector(limit=CONCURRENT)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:

        async def one_after_another() -> None:
            for _ in jobs:
                async with session.post(url, headers=what.headers, **said) as response:
                    await response.read()

        await asyncio.gather(*(one_after_another() for _ in range(CONCURRENT)))


if __name__ == "__main__":
    uvloop.run(post_all(sys.argv[1], int(sys.argv[2]), prepared=sys.argv[3:] == ["prepared"]))
