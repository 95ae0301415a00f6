"""Events at steady rates, and how long each took from XADD to its arrival at the sink."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from benchmarks import load
from benchmarks.measure import Bench

AHEAD_S = 0.0005


@dataclass(frozen=True, slots=True)
class Stream:
    """Events of some apps, evenly spread over the time; their numbers count from `first`, which tells streams apart."""

    name: str
    apps: tuple[str, ...]
    per_s: float
    first: int


@dataclass(frozen=True, slots=True)
class Due:
    """One event: when it is to be sent (seconds from the beginning), its number, and whose it is."""

    at_s: float
    number: int
    app: str


def schedule(streams: Iterable[Stream], seconds: float) -> list[Due]:
    """What is to be sent when; within a stream the apps take turns."""
    due = [
        Due(place / stream.per_s, stream.first + place, stream.apps[place % len(stream.apps)])
        for stream in streams
        for place in range(round(stream.per_s * seconds))
    ]
    return sorted(due, key=lambda one: one.at_s)


def send(bench: Bench, run: str, due: Sequence[Due], meanwhile: Callable[[float], None]) -> dict[int, float]:
    """Send each when it is due; when each was, by its number. `meanwhile` is told how late it is, again and again."""
    began, sent = time.monotonic(), {}
    for one in due:
        while (early := began + one.at_s - time.monotonic()) > AHEAD_S:
            time.sleep(early)
        meanwhile(time.monotonic() - began)
        event = orjson.dumps(load.event(run, one.number) | {"app": one.app})
        sent[one.number] = time.monotonic()
        bench.redis.xadd(f"{load.PREFIX}:events", {"event": event})
    return sent


def arrivals(bench: Bench) -> dict[int, float]:
    """When each event first arrived, by its number."""
    return {int(number): at for number, at in bench.sink("/events").items()}


def took_ms(sent: Mapping[int, float], arrived: Mapping[int, float], numbers: Iterable[int]) -> list[float]:
    """How long each of these events took; without end where it did not arrive."""
    return [(arrived.get(number, math.inf) - sent[number]) * 1000 for number in numbers]
