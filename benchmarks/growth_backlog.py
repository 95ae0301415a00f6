"""What a backlog on the stream costs: the first deliveries with few events waiting behind them, and with very many."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson
from redis import Redis

from benchmarks import load
from benchmarks.measure import Bench, Show
from benchmarks.memory import process_bytes
from benchmarks.watching import start_worker, until, us_each

AT_ONCE = 10_000
RUN = "backlog"
SAMPLE = 987_654_321
"""A number that stands nowhere else in an event."""

# Redis itself writes the events from one sample: a million of them take seconds, and a client in Python half a minute.
FILL = """
for number = tonumber(ARGV[3]), tonumber(ARGV[4]) - 1 do
  local event = string.gsub(ARGV[1], ARGV[5], 'app-' .. number % tonumber(ARGV[6]))
  redis.call('XADD', KEYS[1], '*', 'event', (string.gsub(event, ARGV[2], tostring(number))))
end
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the first deliveries cost with so many events waiting behind them: microseconds each, bytes at the peak."""

    waiting: int
    us_each: float
    peak_bytes: int


def measure(bench: Bench, counted: int, waiting: int, filled: int) -> Backlog:
    """Deliver `counted` events and a tenth more before them; at no time do fewer than `waiting` stand behind.

    The stream is first filled with `filled` more, and then cut: a machine that has just worked for twenty seconds is
    slower than one that has not, and that would count for a long backlog alone.
    """
    first = counted // 10
    bench.reset()
    asyncio.run(load.save_apps(bench.redis_url, bench.sink_url))
    fill(bench.redis, first + counted + filled, bench.show)
    bench.redis.xtrim(f"{load.PREFIX}:events", maxlen=first + counted + waiting, approximate=False)
    name = f"{waiting:,} events wait"
    with start_worker(bench) as child:
        before = until(bench, child, name, first)
        after = until(bench, child, name, first + counted)
        peak = process_bytes(child.pid, peak=True)
    return Backlog(waiting, us_each(before, after), peak)


def fill(redis: Redis, count: int, show: Show) -> None:
    """Put so many events on the stream, those of `load.event`."""
    pattern = load.app_name(SAMPLE).replace("-", "%-")
    script = redis.register_script(FILL)
    sample = orjson.dumps(load.event(RUN, SAMPLE)).decode()
    for start in range(0, count, AT_ONCE):
        end = min(count, start + AT_ONCE)
        script(keys=[f"{load.PREFIX}:events"], args=[sample, SAMPLE, start, end, pattern, load.APPS])
        show("filling the stream", end, count)
