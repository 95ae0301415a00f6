"""What one HipChat post costs, by bare aiohttp and by Bellhop's Carrier: `python -m benchmarks.post`.

The two take turns in one thread, on one processor, and post the same message to the same sink. What counts is that
thread's processor time with the kernel's share in it, which moves less with a busy machine than the rate does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from benchmarks import bare, load, measure
from benchmarks.processes import Child
from config.settings import read_settings
from worker.commands.output import print_table
from worker.transports import Carrier

Work = Callable[[str, int], Coroutine[Any, Any, None]]


async def carry_all(sink: str, count: int) -> None:
    """Carry the message of `benchmarks.bare` `count` times, as many at a time; RuntimeError where one fails."""
    carrier = Carrier(read_settings(allowed_addresses="127.0.0.0/8"))
    message, jobs = load.message(sink), iter(range(count))

    async def one_after_another() -> None:
        for _ in jobs:
            reply = await carrier.carry(message)
            if reply.failure or not reply.status:
                raise RuntimeError(f"{reply.status} {reply.detail}")

    try:
        await asyncio.gather(*(one_after_another() for _ in range(bare.CONCURRENT)))
    finally:
        await carrier.close()


async def prepared(sink: str, count: int) -> None:
    """Bare aiohttp with all prepared that can be: what differs is the way of posting alone."""
    await bare.post_all(sink, count, prepared=True)


def cost_us(work: Work, sink: str, count: int) -> float:
    """Microseconds of this thread's processor time per post."""
    gc.collect()
    began = time.thread_time()
    uvloop.run(work(sink, count))
    return (time.thread_time() - began) / count * 1e6


def main(
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=100, help="Posts per turn.")] = 4_000,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
) -> None:
    """Take turns and print the medians, and that of the ratios within each round."""
    gc.set_threshold(50_000, 20, 100)  # as the worker does
    mine, others = measure.processors()
    with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.sink"]
        log = Path(folder) / "sink.log"
        with Child(command, others, log, measure.environment({}), talks=True) as child:
            os.sched_setaffinity(0, mine)
            sink = f"http://127.0.0.1:{child.line()}"
            cost_us(prepared, sink, 500), cost_us(carry_all, sink, 500)  # warm up
            turns = [(cost_us(prepared, sink, count), cost_us(carry_all, sink, count)) for _ in range(rounds)]
    bare_us, ours_us = (statistics.median(column) for column in zip(*turns, strict=True))
    ratios = sorted(ours / limit for limit, ours in turns)
    print_table(
        ("post", "us each", "x bare", "from", "to"),
        [
            ("bare aiohttp + uvloop, the request prepared once", f"{bare_us:.1f}", "1", "", ""),
            ("Carrier", f"{ours_us:.1f}", *(f"{x:.2f}" for x in (statistics.median(ratios), ratios[0], ratios[-1]))),
        ],
    )


if __name__ == "__main__":
    typer.run(main)
