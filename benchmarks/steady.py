"""Sends events at a steady rate and tells when each was handed to Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import orjson
from redis import Redis

from benchmarks import load

TICK_S = 0.002


def events(run: str, start: int, count: int) -> list[bytes]:
    """Made beforehand, so that sending costs little: events number `start` and on."""
    return [orjson.dumps(load.event(run, number)) for number in range(start, start + count)]


def send(redis: Redis, what: Sequence[bytes], per_s: float, show: Callable[[int], None]) -> list[float]:
    """Send all at `per_s`; for each the moment just before its XADD, in monotonic seconds.

    What falls due within two milliseconds goes in one pipeline. One that is behind its time catches up.
    """
    sent: list[float] = []
    began = time.monotonic()
    while len(sent) < len(what):
        now = time.monotonic()
        due = what[len(sent) : 1 + int((now - began) * per_s)]
        if due:
            _add(redis, due)
            sent += [now] * len(due)
            show(len(sent))
        time.sleep(max(TICK_S, began + len(sent) / per_s - time.monotonic()))
    return sent


def _add(redis: Redis, what: Sequence[bytes]) -> None:
    pipe = redis.pipeline(transaction=False)
    for event in what:
        pipe.xadd(f"{load.PREFIX}:events", {"event": event})
    pipe.execute()


def rate(sent: Sequence[float]) -> float:
    """At what rate they really went."""
    span = sent[-1] - sent[0] if sent else 0.0
    return (len(sent) - 1) / span if span > 0 else 0.0
