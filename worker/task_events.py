"""Celery's task events, sent only while somebody listens: Flower, `celery events`.

Each task has three of them, and publishing them takes a third of the time that Celery needs for a task. Redis says with
every event how many received it, so a worker's heartbeat, every two seconds, tells when a listener comes or goes.
"""

from __future__ import annotations

import time
from typing import Any, Final

from celery.app.events import Events as CeleryEvents
from celery.events.dispatcher import EventDispatcher

ANNOUNCED_S: Final = 5.0
"""Listeners ask for a heartbeat a moment before they subscribe; for so long they are taken to be there."""


class Dispatcher(EventDispatcher):  # type: ignore[misc]
    """Sends task events while its last event reached somebody, or somebody has just announced himself."""

    _reached = 1
    _announced_until = 0.0

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002 - Celery calls it so
        """Send an event; those of tasks only to listeners."""
        if type.startswith("task-") and not self.heard:
            return None
        # The worker's own heartbeats say how many tasks are active; those that a listener asks for do not.
        # https://docs.celeryq.dev/en/stable/userguide/workers.html#events
        if type == "worker-heartbeat" and "active" not in fields:
            self._announced_until = time.monotonic() + ANNOUNCED_S
        return super().send(type, *args, **fields)

    @property
    def heard(self) -> bool:
        """Whether task events find a listener."""
        return self._reached > 0 or time.monotonic() < self._announced_until

    def _publish(self, event: Any, producer: Any, routing_key: str, **options: Any) -> None:
        super()._publish(event, producer, routing_key, **options)
        # A channel that does not count is one to which everything is sent.
        # Not `producer.channel`, which would connect where there is no connection.
        self._reached = getattr(producer._channel, "reached", 1)  # noqa: SLF001


class Events(CeleryEvents):  # type: ignore[misc]
    """`app.events`, chosen by `worker.app`."""

    dispatcher_cls = "worker.task_events:Dispatcher"
