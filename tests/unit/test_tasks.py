"""What a task returns."""

from __future__ import annotations

from celery.utils.saferepr import saferepr

from worker.tasks import RESULT_CHARS, Told

RESULT = {"summary": "1 delivered", "deliveries": ["a/room/1: delivered, 204 in 3 ms, attempt 1"]}


def test_flower_shows_a_result_as_it_shows_a_dict():
    """Celery's tracer writes the same text for it, by one call of `repr`."""
    assert saferepr(Told(RESULT), RESULT_CHARS) == saferepr(RESULT, RESULT_CHARS) == repr(RESULT)


def test_a_long_result_is_cut():
    """It takes no more room in Flower and in the events than it may."""
    long = Told({"summary": "x" * 2 * RESULT_CHARS})
    assert len(saferepr(long, RESULT_CHARS)) <= RESULT_CHARS
