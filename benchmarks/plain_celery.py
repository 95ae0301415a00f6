"""What a Celery user writes first: a task a delivery, threads, one shared aiohttp loop, acks late, results on Redis.

`celery -A benchmarks.plain_celery worker -P threads -c 100`, with BENCH_REDIS and BENCH_SINK set.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from functools import cache

import aiohttp
import uvloop
from celery import Celery

from benchmarks.load import app_name, message

REDIS, SINK = os.environ.get("BENCH_REDIS", ""), os.environ.get("BENCH_SINK", "")
WHAT = message(SINK or "http://127.0.0.1")
REPORT_EVERY = 100

app = Celery("plain", broker=REDIS, backend=REDIS or None)
app.conf.update(task_acks_late=True, result_expires=600)


class Loop:
    """An event loop in a thread, with an HTTP session on it."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._session = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def _post(self) -> int:
        async with self._session.post(WHAT.url, data=WHAT.body, headers=WHAT.headers) as response:
            await response.read()
            return response.status

    def post(self) -> int:
        """Post the message and wait for the answer; its status."""
        return asyncio.run_coroutine_threadsafe(self._post(), self._loop).result()


_opening = threading.Lock()


@cache
def _loop() -> Loop:
    return Loop()


@app.task  # type: ignore[untyped-decorator]
def deliver(app_id: str, event_id: str) -> int:
    """Deliver one event of an app."""
    del app_id, event_id  # only as long as a real task's arguments: the message is always the same
    with _opening:
        loop = _loop()
    return loop.post()


def fill(redis_url: str, count: int) -> Iterator[int]:
    """Queue `count` tasks, yielding how many there are by then."""
    app.conf.update(broker_url=redis_url, result_backend=redis_url)
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(count):
            deliver.apply_async(args=(app_name(number), f"event-{number}"), producer=producer)
            if number % REPORT_EVERY == REPORT_EVERY - 1 or number == count - 1:
                yield number + 1
