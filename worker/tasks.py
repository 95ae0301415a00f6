"""The Celery edge: arguments in, a result that people read out. What happens lives in the steps.

A task's arguments are references (event id, destination id): never a token, an address or a message body, because
Flower, the broker and the logs show them.
"""

from __future__ import annotations

import asyncio
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import Celery, Task

from worker.channels import CHANNELS
from worker.runtime import Runtime

RESULT_CHARS = 4096
"""How much of a task's return value Flower is shown."""


class Told(UserDict[str, Any]):
    """A task's return value. Celery shows it by `repr`; a plain dict it would take apart, at ten times the cost."""


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
    def dispatch(self: Task, *args: Any, entries: list[str] | None = None, **named: Any) -> Told:
        """Dispatch a batch of events: one list of them. Intake names stream entries instead."""
        mine = runtime()
        if entries is not None and not args and not named:
            return Told(mine.run(mine.parts.dispatcher.dispatch_entries(entries)).as_result())
        events = events_of(args, named)
        places = [f"celery:{self.request.id}-{place}" for place in range(len(events))]
        return Told(mine.run(mine.parts.dispatcher.dispatch(events, places)).as_result())

    for channel in CHANNELS.values():
        _register_deliver(celery_app, runtime, channel.name, channel.label)


def events_of(args: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    """The events of a call, however it was written: one list of them, or each an argument, or `events=`.

    What else was passed counts as an event too: it is rejected as such, where a TypeError would lose what came with it.
    """
    others = {name: value for name, value in named.items() if name != "events"}
    given = [*args, *([named["events"]] if "events" in named else []), *([others] if others else [])]
    return [event for each in given for event in (each if isinstance(each, list) else [each])]


def _register_deliver(celery_app: Celery, runtime: Callable[[], Runtime], name: str, label: str) -> None:
    @celery_app.task(name=f"bellhop.deliver.{name}", base=SyncTask, resultrepr_maxsize=RESULT_CHARS)  # type: ignore[untyped-decorator]
    def deliver(refs: list[str]) -> Told:
        mine = runtime()
        return Told(mine.run(mine.parts.deliverer.deliver(refs)).as_result())

    deliver.__doc__ = f"Deliver a batch to {label}. `refs` are references: channel/app/destination/event id."
