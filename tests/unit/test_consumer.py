"""Celery's consumer as Bellhop uses it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from worker.consumer import Consumer
from worker.envelopes import OWN


class Hub:
    """Collects what is left to Celery's main thread."""

    def __init__(self):
        self.calls = []

    def call_soon(self, call):
        """Do it later."""
        self.calls.append(call)


class Message:
    """A message that was taken."""

    def __init__(self, tag, *, waits):
        self.delivery_tag = tag
        self.channel = SimpleNamespace(waits=waits)
        self.acked = []

    def ack_log_error(self, *args):
        """Acknowledge it."""
        self.acked.append(args)


@pytest.fixture
def consumer():
    """A consumer with a hub, not started."""
    made = object.__new__(Consumer)
    made.hub = Hub()
    return made


def test_our_own_message_is_acknowledged_on_the_spot(consumer):
    """Nothing goes to Redis, so the main thread is not woken for it."""
    message = Message(OWN + "1", waits=True)
    consumer.call_soon_ack(message.ack_log_error, "log", "errors")
    assert message.acked == [("log", "errors")]
    assert consumer.hub.calls == []


def test_a_worker_that_had_enough_asks_again(consumer):
    """With as many messages as it may hold the worker asks for none; an acknowledgement wakes it to ask again."""
    message = Message(OWN + "1", waits=False)
    consumer.call_soon_ack(message.ack_log_error)
    assert message.acked == [()]
    assert len(consumer.hub.calls) == 1


def test_a_producers_task_is_acknowledged_in_the_main_thread(consumer):
    """Its acknowledgement goes to Redis, on the main thread's connection."""
    message = Message("8a7b", waits=True)
    consumer.call_soon_ack(message.ack_log_error, "log")
    assert message.acked == []
    (later,) = consumer.hub.calls
    later()
    assert message.acked == [("log",)]
