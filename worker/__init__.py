"""Bellhop's worker: an alert comes off Redis and goes to every place that its app has set up, in four steps.

1. `intake` reads a batch of events off the stream and says which cannot be read;
2. `dispatch` looks up each app's destinations and writes one ledger entry per delivery that is owed;
3. `delivery` claims entries, composes, carries and judges, and settles each or sets when it is due again;
4. `results` writes back what happened.

The ledger (`stores.ledger`) is the truth; a Celery message (`tasks`) is only a wake-up.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`celery -A worker` looks for an attribute `celery`; importing `worker` alone must not load Celery."""
    if name == "celery":
        from worker.app import celery_app  # noqa: PLC0415 - see above

        return celery_app
    raise AttributeError(name)
