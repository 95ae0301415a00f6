"""Kombu's Redis transport as Bellhop uses it."""

from __future__ import annotations

import pytest
from kombu import Connection
from kombu.transport import TRANSPORT_ALIASES
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.broker import Channel, Transport


def test_a_closed_connection_is_a_connection_error(redis_server):
    """Celery connects again after it; the AttributeError that kombu raises makes a worker exit for good."""
    with Connection(redis_server.url, transport=Transport) as connection:
        channel = connection.channel()
        assert isinstance(channel, Channel)
        channel.connection.client = None
        with pytest.raises(RedisConnectionError, match="closed meanwhile"):
            channel._connparams()
        channel.connection.client = connection


def test_the_schemes_of_redis_lead_to_it(redis_server, monkeypatch):
    """`redis://` and `rediss://` mean this transport wherever the app is loaded."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_server.url)
    import worker.app  # noqa: F401, PLC0415 - what loading it does is what is tested

    assert {TRANSPORT_ALIASES[name] for name in ("redis", "rediss")} == {"worker.broker:Transport"}
