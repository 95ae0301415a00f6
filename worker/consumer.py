"""Celery's consumer, which comes back soon after an outage of Redis.

Celery's own waits 2, 4, 6 … 30 seconds between tries: after a minute's outage it may be away half a minute longer.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Chosen by `worker_consumer` in `worker.app`."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes; 1 to 2 seconds between tries."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_start=1, interval_step=0.5, interval_max=2)
        return super().ensure_connected(conn)
