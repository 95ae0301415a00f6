"""What a process and what Redis hold in memory, in bytes. Linux only (`/proc`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from benchmarks.processes import PROC

PAGE = 1000
NO_END = -1
"""What Redis says is the rest of the life of a key without an end."""


@dataclass(frozen=True, slots=True)
class Weight:
    """All keys of one kind: how many, what they weigh, and how many of them have no end."""

    keys: int
    size: int
    endless: int


def process_bytes(pid: int, *, peak: bool = False) -> int:
    """What a process has in memory now, or had at the most."""
    return parse_status((PROC / str(pid) / "status").read_text(), "VmHWM" if peak else "VmRSS")


def parse_status(text: str, field: str) -> int:
    """A size of `/proc/<pid>/status` in bytes. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {field} in this process' status")
    return int(found[1]) * 1024


def redis_bytes(redis: Redis) -> int:
    """What Redis holds, without what its clients and its log have in their buffers at the moment."""
    info: dict[str, Any] = redis.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"]) - int(info["mem_aof_buffer"])


def weigh(redis: Redis, prefix: str) -> dict[str, Weight]:
    """All keys by kind, the heaviest kind first."""
    weights: dict[str, Weight] = {}
    for keys in _pages(redis):
        pipe = redis.pipeline(transaction=False)
        for key in keys:
            pipe.memory_usage(key, samples=0)
            pipe.pttl(key)
        answers = pipe.execute()
        for key, size, left in zip(keys, answers[::2], answers[1::2], strict=True):
            name = kind(key.decode(), prefix)
            was = weights.get(name, Weight(0, 0, 0))
            weights[name] = Weight(was.keys + 1, was.size + (size or 0), was.endless + (left == NO_END))
    return dict(sorted(weights.items(), key=lambda item: -item[1].size))


def _pages(redis: Redis) -> Iterator[list[bytes]]:
    keys: Iterable[bytes] = redis.scan_iter(count=PAGE)
    page: list[bytes] = []
    for key in keys:
        page.append(key)
        if len(page) == PAGE:
            yield page
            page = []
    yield page


def kind(key: str, prefix: str) -> str:
    """What a key is, by the names of docs/architecture.md: `event`, `recent`, …; without the prefix, `others`."""
    head, _, name = key.partition(":")
    return name.partition(":")[0] if head == prefix else "others"


def gained(before: Mapping[str, Weight], after: Mapping[str, Weight]) -> dict[str, Weight]:
    """What came to each kind of key."""
    nothing = Weight(0, 0, 0)
    pairs = {name: (before.get(name, nothing), now) for name, now in after.items()}
    return {
        name: Weight(now.keys - was.keys, now.size - was.size, now.endless - was.endless)
        for name, (was, now) in pairs.items()
        if now.size != was.size
    }


def mib(size: float) -> str:
    """`104.3 MiB`."""
    return f"{size / 2**20:.1f} MiB"
