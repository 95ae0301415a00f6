"""A Redis in memory and a real one, for the stores."""

from __future__ import annotations

import fakeredis
import pytest

from worker.stores.connection import async_redis


@pytest.fixture
async def redis():
    """An empty Redis in memory, scripts included."""
    client = fakeredis.FakeAsyncRedis()
    yield client
    await client.aclose()


@pytest.fixture
async def real_redis(redis_server):
    """A client for the real server, emptied before each test."""
    client = async_redis(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()
