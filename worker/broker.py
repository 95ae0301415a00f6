"""Kombu's Redis transport, whose channels say in Celery's own terms that their connection is gone.

When Redis goes away, Celery closes the connection while channels still want to give messages back. Kombu's channel then
stumbles over the closed connection with an AttributeError, which Celery takes for a defect, and the worker exits for
good. As a connection error it is what it is: a reason to connect again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(kombu_redis.Channel):
    """A channel that notices that its connection was closed."""

    def _connparams(self, *args: Any, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the connection to Redis was closed meanwhile")
        return super()._connparams(*args, **options)  # type: ignore[no-untyped-call]


class Transport(kombu_redis.Transport):
    """Chosen by `redis://` and `rediss://`, which `worker.app` points here."""

    Channel = Channel
