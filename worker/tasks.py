"""The Celery edge: arguments in, a result that people read out. What happens lives in the steps.

A task's arguments are references (event id, destination id): never a token, an address or a message body, because
Flower, the broker and the logs show them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from celery import Celery, Task

from worker.channels import CHANNELS
from worker.dispatch import Raw
from worker.publisher import Send
from worker.runtime import Runtime

RESULT_CHARS = 4096
"""How much of a task's return value Flower is shown."""


class SyncTask(Task):  # type: ignore[misc]
    """Celery logs an `async def` task as succeeded without ever running it; refuse it when it is made."""

    abstract = True

    def __init__(self) -> None:
        if asyncio.iscoroutinefunction(self.run):
            raise TypeError(f"task {self.name} is an async function, which Celery would never run; use worker.runtime")
        super().__init__()


def register(celery_app: Celery, runtime: Callable[[], Runtime]) -> None:
    """Give `celery_app` its tasks: `bellhop.dispatch`, and `bellhop.deliver.<channel>` for each channel."""

    # Late: a batch from a Celery producer is nowhere else until it is in the ledger.
    @celery_app.task(name="bellhop.dispatch", base=SyncTask, bind=True, acks_late=True, resultrepr_maxsize=RESULT_CHARS)  # type: ignore[untyped-decorator]
    def dispatch(self: Task, events: list[Raw], entries: list[str] | None = None) -> dict[str, Any]:
        """Dispatch a batch of events. `entries` is intake's own; producers leave it out."""
        mine = runtime()
        if not isinstance(events, list):
            raise TypeError(f"bellhop.dispatch takes one list of events, not {type(events).__name__}")
        names = entries or [f"celery:{self.request.id}-{place}" for place in range(len(events))]
        return mine.run(mine.parts.dispatcher.dispatch(events, names)).as_result()

    for channel in CHANNELS.values():
        _register_deliver(celery_app, runtime, channel.name, channel.label)


def _register_deliver(celery_app: Celery, runtime: Callable[[], Runtime], name: str, label: str) -> None:
    @celery_app.task(name=f"bellhop.deliver.{name}", base=SyncTask, resultrepr_maxsize=RESULT_CHARS)  # type: ignore[untyped-decorator]
    def deliver(refs: list[str]) -> dict[str, Any]:
        mine = runtime()
        return mine.run(mine.parts.deliverer.deliver(refs)).as_result()

    deliver.__doc__ = f"Deliver a batch to {label}. `refs` are references: channel/app/destination/event id."


def sender(celery_app: Celery) -> Send:
    """What publishes a task, blocking, with `shown` in Flower in place of its arguments."""

    def send(name: str, args: Any, kwargs: dict[str, Any], shown: str) -> None:
        celery_app.tasks[name].apply_async(args, kwargs, argsrepr=shown, kwargsrepr="{}", ignore_result=True)

    return send
