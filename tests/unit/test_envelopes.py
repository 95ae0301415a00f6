"""Our own Celery messages are what Celery itself would have written."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from celery import Celery
from kombu import Connection, Consumer, Queue

from worker.broker import Transport
from worker.envelopes import envelopes, is_own

ARGS = [["hipchat/a/r/1"]]
SHOWN = "(hipchat/a/r/1)"


@pytest.fixture
def celery_app(redis_server):
    """An app on an empty Redis."""
    app = Celery("test", broker=redis_server.url, set_as_current=False)
    with app.connection_for_write() as connection:
        connection.default_channel.client.flushdb()
    yield app
    app.close()


def shape(value):
    """The keys and the kinds of values, all the way down."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return type(value)


def written(celery_app, queue):
    """What is in a queue, as its list on Redis holds it."""
    with celery_app.connection_for_write() as connection:
        return [json.loads(each) for each in connection.default_channel.client.lrange(queue, 0, -1)]


def test_it_is_what_kombu_would_have_written(celery_app):
    """The same keys and values as `send_task` writes; kombu only packs the body once more."""
    celery_app.send_task("a.task", ARGS, {"b": 1}, argsrepr=SHOWN, kwargsrepr="{}", ignore_result=True)
    (theirs,) = written(celery_app, "celery")
    ours = json.loads(envelopes(celery_app)("a.task", ARGS, {"b": 1}, SHOWN, "celery"))
    # Options of the call, which Celery copies there as well and never reads.
    del theirs["properties"]["argsrepr"], theirs["properties"]["kwargsrepr"]
    assert shape(ours) == shape(theirs)
    assert theirs["properties"].pop("body_encoding") == "base64"
    assert ours["properties"].pop("body_encoding") == "utf-8"
    changing = {"id", "root_id", "correlation_id", "delivery_tag", "reply_to"}
    for part in ("headers", "properties"):
        ours[part] = {key: value for key, value in ours[part].items() if key not in changing}
        theirs[part] = {key: value for key, value in theirs[part].items() if key not in changing}
    assert ours["headers"] == theirs["headers"]
    assert ours["properties"] == theirs["properties"]
    assert json.loads(ours["body"]) == json.loads(b64decode(theirs["body"]))


def test_any_consumer_reads_it(celery_app):
    """Kombu takes it off the queue and decodes it, with the delivery tag by which a worker knows it as our own."""
    message = envelopes(celery_app)("a.task", ARGS, {}, SHOWN, "ours")
    read = []
    with celery_app.connection_for_read() as connection:
        connection.default_channel.client.lpush("ours", message)
        with Consumer(connection, [Queue("ours")], accept=["json"], on_message=read.append):
            connection.drain_events(timeout=5)
        read[0].ack()
    assert read[0].payload[0] == ARGS
    assert is_own(read[0].delivery_tag)


def test_nobody_elses_message_is_our_own(celery_app, redis_server):
    """What a producer sends by Celery has a tag of kombu's, in whatever queue it is."""
    celery_app.send_task("bellhop.dispatch", [[]])
    (theirs,) = written(celery_app, "celery")
    assert not is_own(theirs["properties"]["delivery_tag"])
    with Connection(redis_server.url, transport=Transport) as connection:
        assert not is_own(connection.default_channel._next_delivery_tag())


def test_bytes_that_are_no_utf8_travel(celery_app):
    """What came off the stream as lone surrogates arrives as them, to be refused by dispatch with its own error."""
    message = json.loads(envelopes(celery_app)("bellhop.dispatch", [["\udcff"]], {}, "", "celery"))
    assert json.loads(message["body"])[0] == [["\udcff"]]
