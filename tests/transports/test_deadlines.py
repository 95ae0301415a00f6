"""Many deadlines on one timer: each ends its own work, in its own time, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from worker.transports.deadlines import Deadlines


@pytest.fixture
def deadlines():
    """Deadlines of a tenth of a second."""
    made = Deadlines(0.1)
    yield made
    made.close()


async def hang(deadlines):
    """Never ends by itself."""
    with deadlines.start():
        await asyncio.Event().wait()


async def test_what_takes_too_long_ends_as_a_time_out(deadlines):
    """TimeoutError, and the task is not cancelled afterwards."""
    with pytest.raises(TimeoutError):
        await hang(deadlines)

    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)


async def test_what_is_done_in_time_is_left_alone(deadlines):
    """Work that ended is not interrupted later, though others of its time are."""
    with deadlines.start():
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await hang(deadlines)
    await asyncio.sleep(0.15)


async def test_all_that_are_due_end(deadlines):
    """A hundred that began at once all end, as do those that began after a pause, when the timer had stopped."""
    first = await asyncio.gather(*(hang(deadlines) for _ in range(100)), return_exceptions=True)
    await asyncio.sleep(0.15)
    second = await asyncio.gather(*(hang(deadlines) for _ in range(100)), return_exceptions=True)

    assert {type(end) for end in first + second} == {TimeoutError}


async def test_they_end_in_the_order_in_which_they_began(deadlines):
    """Whoever began first is ended first; a later one has its whole time."""
    ended = []

    async def work(name, after_s):
        await asyncio.sleep(after_s)
        with pytest.raises(TimeoutError):
            await hang(deadlines)
        ended.append(name)

    await asyncio.gather(work("c", 0.08), work("a", 0.0), work("b", 0.04))

    assert ended == ["a", "b", "c"]


async def test_a_cancellation_by_others_stays_one(deadlines):
    """A task that somebody cancels ends as cancelled, not as timed out."""
    task = asyncio.create_task(hang(deadlines))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_at_the_same_moment_wins(deadlines):
    """Where the deadline passes and somebody cancels before the task could tell, it ends as cancelled."""
    task = asyncio.create_task(hang(deadlines))
    await asyncio.sleep(0)
    next(iter(deadlines._running)).pass_by()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_shorter_one_inside_ends_first(deadlines):
    """`asyncio.timeout` inside works as ever, and the work goes on in the time that is left."""
    with deadlines.start():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        await asyncio.sleep(0)


async def test_another_error_is_not_hidden(deadlines):
    """What the work itself raises comes out as it is."""
    with pytest.raises(KeyError), deadlines.start():
        raise KeyError
