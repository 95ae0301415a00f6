"""What settled deliveries leave on Redis: what a record weighs, by key, and how records leave by age and by count."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks import load
from benchmarks.apps import save, with_rooms
from benchmarks.growth_apps import fill, names
from benchmarks.measure import Bench, environment
from benchmarks.memory import Weight, gained, redis_bytes, weigh
from benchmarks.watching import rest, start_worker, until

APPS = 100
HOURS, KEPT, REJECTED_KEPT = 24, 1000, 100
"""The least that BELLHOP_RETENTION_HOURS may be, and small numbers of results and rejected events."""
MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Records:
    """What so many settled deliveries weigh, text by text and key by key, and what `bellhop status` says of it."""

    settled: int
    text_bytes: int
    grown_bytes: int
    weights: Mapping[str, Weight]
    status: Mapping[str, Any]
    lost: int = 0

    @property
    def beside_text(self) -> float:
        """Bytes for each, the event's own text as its producer sent it aside."""
        return (self.grown_bytes - self.text_bytes) / self.settled if self.settled else 0.0


@dataclass(frozen=True, slots=True)
class Left:
    """What was kept of `settled` deliveries and `rejected` events where little may be kept, and for how long.

    `endless` is how many keys without an end came, `aged` how many events were listed when all had become too old.
    """

    settled: int
    results: int
    rejected: int
    rejected_kept: int
    events: int
    longest_hours: float
    endless: int
    aged: int
    lost: int = 0


def measure(bench: Bench, count: int) -> Records:
    """Settle `count` deliveries, after a tenth more that make the worker and Redis warm."""
    first = count // 10
    _begin(bench)
    with start_worker(bench) as child:
        fill(bench.redis, "warm", _turns(first), load.PREFIX)
        until(bench, child, "settled records", first, settled=first)
        rest(bench.redis)
        before, were = redis_bytes(bench.redis), weigh(bench.redis, load.PREFIX)
        text = fill(bench.redis, "records", _turns(count), load.PREFIX)
        seen = until(bench, child, "settled records", first + count, settled=first + count)
        rest(bench.redis)
        grown, weights = redis_bytes(bench.redis) - before, weigh(bench.redis, load.PREFIX)
        return Records(count, text, grown, gained(were, weights), status(bench), first + count - seen.arrived)


def leave(bench: Bench, count: int) -> Left:
    """Settle and reject more than may be kept, and then let all of it become too old."""
    _begin(bench)
    _, before = ends(bench.redis)
    few = {"retention_hours": str(HOURS), "results_kept": str(KEPT), "rejected_kept": str(REJECTED_KEPT)}
    with start_worker(bench, **few) as child:
        fill(bench.redis, "leave", _turns(count), load.PREFIX)
        rejected = _send_bad(bench, count // 5)
        until(bench, child, "records that leave", count)
        rest(bench.redis)
        left = {name: int(bench.redis.xlen(f"{load.PREFIX}:{name}")) for name in ("results", "rejected", "events")}
        longest, endless = ends(bench.redis)
        endless -= before
        age(bench.redis)
        fill(bench.redis, "late", _turns(1), load.PREFIX)
        seen = until(bench, child, "records that leave", count + 1)
        rest(bench.redis)
        aged = int(bench.redis.zcard(f"{load.PREFIX}:recent"))
    lost = count + 1 - seen.arrived
    return Left(count, left["results"], rejected, left["rejected"], left["events"], longest, endless, aged, lost)


def ends(redis: Any) -> tuple[float, int]:
    """Of all that Bellhop keeps: the longest rest of a life in hours, and how many keys have no end."""
    keys = list(redis.scan_iter(f"{load.PREFIX}:*", count=1000))
    pipe = redis.pipeline(transaction=False)
    for key in keys:
        pipe.pttl(key)
    left = pipe.execute()
    return max(left, default=0) / MS_PER_HOUR, sum(each < 0 for each in left)


def age(redis: Any) -> None:
    """Make the list of what is on record as old as if its time had passed: it goes by what it says, not by a clock."""
    rows = redis.zrange(f"{load.PREFIX}:recent", 0, -1, withscores=True)
    older = {name: at - (HOURS + 1) * MS_PER_HOUR for name, at in rows}
    if older:
        redis.zadd(f"{load.PREFIX}:recent", older)


def status(bench: Bench) -> dict[str, Any]:
    """What `bellhop status --json` says."""
    command = [str(Path(sys.executable).with_name("bellhop")), "status", "--json"]
    env = environment({"BELLHOP_REDIS_URL": bench.redis_url})
    done = subprocess.run(command, env=env, cwd=bench.folder, capture_output=True, check=True)  # noqa: S603 - our own
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def says_weight(found: Mapping[str, Any]) -> bool:
    """Whether `status` says of all that is kept how much it is and what it weighs."""
    kept, weights = found.get("kept", {}), found.get("kept_bytes", {})
    return bool(kept) and set(kept) == set(weights) and all(weights[name] > 0 for name, count in kept.items() if count)


def _begin(bench: Bench) -> None:
    bench.reset()
    save(bench.redis_url, (with_rooms(name, bench.sink_url) for name in names(APPS)))


def _turns(count: int) -> list[str]:
    apps = names(APPS)
    return [apps[number % APPS] for number in range(count)]


def _send_bad(bench: Bench, count: int) -> int:
    """Events that cannot be read."""
    run_name, pipe = uuid.uuid4().hex[:8], bench.redis.pipeline(transaction=False)
    for number in range(count):
        pipe.xadd(f"{load.PREFIX}:events", {"event": orjson.dumps({"id": f"{run_name}-{number}"})})
    pipe.execute()
    return count
