"""Celery's consumer, which comes back soon after an outage of Redis, and acknowledges our own messages on the spot.

Celery's own waits 2, 4, 6 … 30 seconds between tries: after a minute's outage it may be away half a minute longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from worker.envelopes import is_own
from worker.stores.redis_faults import why

log = structlog.get_logger()

REFUSED_S: Final = 1.0


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Chosen by `worker_consumer` in `worker.app`."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes; 1 to 2 seconds between tries, and each failure in a sentence of ours."""
        patiently = partial(conn.ensure_connection, interval_start=1, interval_step=0.5, interval_max=2)

        def ensure_connection(tell: Callable[..., None], *args: Any, **options: Any) -> Any:
            return patiently(lambda error, pause: tell(RedisConnectionError(why(error)), pause), *args, **options)

        conn.ensure_connection = ensure_connection
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Connected, and then refused something."""
        super().on_connection_error_before_connected(exc)
        _let_it_be_mended(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """The connection broke, or Redis refuses something that it let pass before."""
        super().on_connection_error_after_connected(exc)
        _let_it_be_mended(exc)

    def call_soon_ack(self, p: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Acknowledge: our own message here and now, as nothing goes to Redis; any other in Celery's main thread.

        The main thread is woken only where it has stopped asking for messages, having as many as it may.
        """
        message = p.__self__  # type: ignore[attr-defined]
        if self.hub is None or not is_own(message.delivery_tag):
            return super().call_soon_ack(p, *args, **options)
        p(*args, **options)
        if not message.channel.waits:
            self.hub.call_soon(_asks_again)
        return None


def _let_it_be_mended(error: Exception) -> None:
    """What an ACL forbids is forbidden a moment later, too; Celery would ask again without a pause."""
    if isinstance(error, ResponseError):
        log.warning("broker.waiting", error=why(error))
        time.sleep(REFUSED_S)


def _asks_again() -> None:
    """Nothing to do: the loop asks for messages before it sleeps again."""
