"""The threads pool that reports what escapes."""

from __future__ import annotations

import threading

import pytest

from worker.pool import TaskPool


@pytest.fixture
def pool():
    """A pool of one thread."""
    made = TaskPool(limit=1)
    made.start()
    yield made
    made.stop()


def escape():
    """Escapes the tracer, as a result backend that is away makes it do."""
    raise RuntimeError("the backend is away")


def test_what_escapes_the_tracer_is_reported(pool):
    """The error callback frees the task's slot; Celery's own pool would never call it."""
    reported = threading.Event()
    errors = []

    def on_error(info):
        errors.append(info)
        reported.set()

    pool.apply_async(escape, error_callback=on_error)
    assert reported.wait(5)
    assert "the backend is away" in str(errors[0].exception)


def test_the_pool_works_on_after_an_escape(pool):
    """The thread is free for the next task, whose result is called back."""
    results, done = [], threading.Event()

    def on_result(value):
        results.append(value)
        done.set()

    pool.apply_async(escape, error_callback=lambda _info: None)
    pool.apply_async(lambda: 42, callback=on_result)
    assert done.wait(5)
    assert results == [42]
