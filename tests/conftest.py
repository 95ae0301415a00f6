"""What tests of every kind share: a real Redis of their own, and fakes at the seams."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from worker import broker
from worker.embedded_redis import EmbeddedRedis

# Machines are shared and slow at times: how long an example takes proves nothing.
settings.register_profile("bellhop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bellhop")
# Before any test connects: kombu keeps the transport that it found first, and tests run in any order.
broker.install()


def pytest_collection_modifyitems(items):
    """The fast ones first: what is plainly wrong shows within seconds."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A real Redis or Valkey on a free port, ended with the test run."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server
