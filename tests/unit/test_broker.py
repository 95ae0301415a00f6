"""Kombu's Redis transport as Bellhop uses it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from kombu import Connection, Consumer, Queue
from kombu.transport import TRANSPORT_ALIASES
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.broker import Channel, Transport
from worker.envelopes import OWN


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


@pytest.fixture
def channel(redis_server):
    """A worker's channel on an empty Redis."""
    with Connection(redis_server.url, transport=Transport) as connection:
        made = connection.default_channel
        made.client.flushdb()
        yield made


def take(channel, *, own):
    """A message that was put into the queue `q` and taken off it: our own or a producer's."""
    message = channel.prepare_message("[]", content_type="application/json", properties={"delivery_info": {}})
    channel.basic_publish(message, "", "q")
    raw = json.loads(channel.client.rpop("q"))
    if own:
        raw["properties"]["delivery_tag"] = OWN + raw["properties"]["delivery_tag"]
    channel.qos.append(taken := channel.Message(raw, channel=channel), taken.delivery_tag)
    return taken


@pytest.mark.parametrize("own", [True, False])
def test_only_a_producers_task_is_noted_on_redis(channel, own):
    """What a producer sent may be nowhere else; both count against what a worker may take until acknowledged."""
    channel.basic_qos(prefetch_count=1)
    taken = take(channel, own=own)
    assert channel.client.hlen("unacked") == channel.client.zcard("unacked_index") == (0 if own else 1)
    assert not channel.qos.can_consume()
    taken.ack()
    assert channel.qos.can_consume()
    assert channel.client.hlen("unacked") == 0


@pytest.mark.parametrize("own", [True, False])
def test_a_worker_that_stops_gives_back_what_it_has_not_begun(redis_server, own):
    """When the channel closes, what was not acknowledged is in the queue again, and what was is not."""
    with Connection(redis_server.url, transport=Transport) as connection:
        channel = connection.default_channel
        channel.client.flushdb()
        take(channel, own=own).ack()
        left = take(channel, own=own)
    with Connection(redis_server.url, transport=Transport) as connection:
        client = connection.default_channel.client
        (again,) = [json.loads(each) for each in client.lrange("q", 0, -1)]
        assert client.exists("unacked") == 0
    assert again["properties"]["delivery_tag"] == left.delivery_tag
    assert again["properties"]["delivery_info"]["redelivered"] is True


@pytest.mark.parametrize("own", [True, False])
def test_what_is_not_wanted_goes_back_or_away(channel, own):
    """A rejected message is gone, or with `requeue` in the queue again; either way it counts no more."""
    channel.basic_qos(prefetch_count=1)
    take(channel, own=own).reject()
    assert channel.client.llen("q") == 0
    assert channel.qos.can_consume()
    take(channel, own=own).requeue()
    assert channel.client.llen("q") == 1
    assert channel.qos.can_consume()


def test_a_redis_that_is_away_keeps_no_worker_from_stopping(channel):
    """Our own messages cannot be given back then, and need not be: the stream or the ledger has them."""
    take(channel, own=True)
    channel._create_client = None
    channel.connection_errors = (TypeError,)
    channel.qos.restore_unacked()
    assert not channel.qos._delivered


def test_one_client_serves_all_operations(channel):
    """As long as its connections live; kombu makes one for each operation, at a tenth of the time of a task."""
    with channel.conn_or_acquire() as one, channel.conn_or_acquire() as other:
        assert one is other
    channel._disconnect_pools()
    with channel.conn_or_acquire() as another:
        assert another is not one
        assert another.ping()


def test_it_says_whether_it_waits_for_messages(channel):
    """By what kombu notes when it asks Redis for the next message."""
    assert not channel.waits
    with Consumer(channel, [Queue("q")]):
        with suppress(TimeoutError):
            channel.connection.client.drain_events(timeout=0.05)
        assert channel.waits
