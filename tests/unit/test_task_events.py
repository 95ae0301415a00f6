"""Task events are sent while somebody listens."""

from __future__ import annotations

import pytest
from celery import Celery

from worker.broker import Channel
from worker.task_events import Dispatcher


class Listeners:
    """Stands for Flower and the like: subscribed to all events, or gone."""

    def __init__(self, redis):
        self._pubsub = redis.pubsub()
        self._redis = redis

    def come(self):
        """Subscribe, as `celery.events.Receiver` does."""
        self._pubsub.psubscribe("/0.celeryev/*")
        self._pubsub.get_message(timeout=5)

    def go(self):
        """Leave."""
        self._pubsub.punsubscribe()
        self._pubsub.get_message(timeout=5)

    def heard(self):
        """The topics of what was published meanwhile."""
        topics = []
        while message := self._pubsub.get_message(timeout=0.2):
            topics.append(message["channel"].decode().rpartition("/")[2])
        return topics

    def close(self):
        """Let go of the connection."""
        self._pubsub.close()


@pytest.fixture
def dispatcher(redis_server):
    """A worker's event dispatcher on Bellhop's transport."""
    app = Celery("test", broker=redis_server.url, events="worker.task_events:Events", set_as_current=False)
    with app.connection_for_write() as connection, app.events.Dispatcher(connection, hostname="w@test") as made:
        assert isinstance(made, Dispatcher)
        assert isinstance(connection.default_channel, Channel)
        yield made
    app.close()


@pytest.fixture
def listeners(dispatcher):
    """Nobody listens yet."""
    made = Listeners(dispatcher.producer.channel._create_client())
    yield made
    made.close()


def beat(dispatcher):
    """A heartbeat of the worker's own, as `celery.worker.heartbeat.Heart` sends it."""
    dispatcher.send("worker-heartbeat", freq=2.0, active=0, processed=0, loadavg=(0, 0, 0), retry=True)


def test_nobody_listens_nothing_is_sent(dispatcher, listeners):
    """After a heartbeat that reached nobody, a task's events are not published; heartbeats go on."""
    beat(dispatcher)
    listeners.come()
    dispatcher.send("task-received", uuid="1")
    beat(dispatcher)
    assert listeners.heard() == ["worker.heartbeat"]


def test_a_listener_is_noticed_by_the_next_heartbeat(dispatcher, listeners):
    """From then on it gets the events of tasks, and no longer once it has left."""
    beat(dispatcher)
    listeners.come()
    beat(dispatcher)
    dispatcher.send("task-received", uuid="1")
    assert listeners.heard() == ["worker.heartbeat", "task.received"]
    listeners.go()
    dispatcher.send("task-received", uuid="2")
    assert not dispatcher.heard


def test_who_asks_for_a_heartbeat_is_about_to_listen(dispatcher, listeners):
    """Flower asks for one a moment before it subscribes, so that it may reach nobody; the task that follows must."""
    beat(dispatcher)
    assert not dispatcher.heard
    # As `celery.worker.control.heartbeat` does.
    dispatcher.send("worker-heartbeat", freq=5, sw_ident="py-celery")
    listeners.come()
    dispatcher.send("task-received", uuid="1")
    assert listeners.heard() == ["task.received"]


def test_what_cannot_be_sent_is_kept(dispatcher):
    """With Redis away an event is kept for later, as Celery does, and no error comes out of it."""
    dispatcher.producer.channel._create_client = None
    beat(dispatcher)
    assert [routing_key for _, routing_key in dispatcher._outbound_buffer] == ["worker.heartbeat"]
