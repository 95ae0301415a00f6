"""Celery's threads pool, with an escaped exception reported instead of swallowed.

Celery's own leaves an exception that escapes its tracer in a Future that nobody asks: the task's slot and its message
are then lost for as long as the worker lives, and after a few of them the worker does nothing at all, in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from billiard.einfo import ExceptionInfo
from celery.concurrency.thread import ApplyResult
from celery.concurrency.thread import TaskPool as CeleryTaskPool

log = structlog.get_logger()


class TaskPool(CeleryTaskPool):  # type: ignore[misc]
    """Chosen by `-P threads`, which `worker.app` points here."""

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *rest: Any,
        error_callback: Callable[[ExceptionInfo], Any] | None = None,
        **options: Any,
    ) -> ApplyResult:
        """Run a task; what escapes goes to `error_callback`, which frees the slot and settles the message."""
        result = super().on_apply(target, args, kwargs, *rest, error_callback=error_callback, **options)

        def report(future: Future[Any]) -> None:
            escaped = None if future.cancelled() else future.exception()
            if escaped is None:
                return
            log.error("task.escaped", error=repr(escaped), exc_info=escaped)
            if error_callback is not None:
                error_callback(ExceptionInfo((type(escaped), escaped, escaped.__traceback__)))

        result.f.add_done_callback(report)
        return result
