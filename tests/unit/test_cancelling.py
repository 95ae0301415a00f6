"""Tasks are ended for certain."""

from __future__ import annotations

import asyncio

from worker.cancelling import ended


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again():
    """Python 3.11's wait_for may swallow one; the second attempt ends the task."""
    swallowed = []

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append(1)
                if len(swallowed) > 1:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await ended([task])
    assert task.cancelled()
    assert len(swallowed) == 2


async def test_what_a_task_raises_is_dropped():
    """Ending is not the place to learn of its errors."""

    async def fails():
        raise ValueError

    await ended([asyncio.create_task(fails())])
