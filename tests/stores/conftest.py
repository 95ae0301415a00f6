"""A Redis in memory and a real one, for the stores."""

from __future__ import annotations

import fakeredis
import pytest

from worker.embedded_redis import EmbeddedRedis
from worker.stores.connection import async_redis


@pytest.fixture
async def redis():
    """An empty Redis in memory, scripts included."""
    client = fakeredis.FakeAsyncRedis()
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A real server for the whole session."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def real_redis(server):
    """A client for the real server, emptied before each test."""
    client = async_redis(server.url)
    await client.flushall()
    yield client
    await client.aclose()
