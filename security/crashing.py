"""A worker with a defective channel: `celery -A security.crashing worker`. Importing this adds it to the channels."""

from __future__ import annotations

from typing import Any

from security.defective import CHANNEL
from worker.channels import CHANNELS

CHANNELS[CHANNEL.name] = CHANNEL


def __getattr__(name: str) -> Any:
    """The worker's app, where Celery looks for it."""
    if name == "celery":
        from worker.app import celery_app  # noqa: PLC0415 - only a worker needs it

        return celery_app
    raise AttributeError(name)
