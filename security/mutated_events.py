"""Mutated events: as bytes on the stream, and as objects of a Celery producer's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import orjson

from security.mutator import as_json, mutated_bytes, mutated_value
from security.sampled import as_read
from worker.channels import CHANNELS
from worker.dispatch import as_bytes
from worker.errors import InvalidEvent
from worker.events import dump_event, load_event, parse_event
from worker.models import Event, Notice

NOW: Final = 1_795_442_700.0  # 2026-11-23 14:05:00 UTC
SAMPLES: Final[tuple[dict[str, Any], ...]] = (
    {"app": "checkout", "title": "Disk full on db-1"},
    {"app": "a", "id": "1", "title": "t", "status": "resolved", "severity": "info", "tags": {"host": "h"}},
    {
        "app": "checkout",
        "id": "1795442700000-0",
        "status": "firing",
        "severity": "critical",
        "title": "Disk <sda> almost full",
        "message": "95 % of /var & rising\nsince this morning",
        "dedup_key": "checkout:disk",
        "rule": "disk",
        "source": "db-1",
        "tags": {"host": "db-1", "env": "prod", "load": 1.5, "ok": True},
        "links": [{"href": "https://monitor.example.com/apps/1?a=1&b=2", "text": "Chart"}],
        "occurred_at": "2026-11-23T14:04:00Z",
        "metric": {
            "name": "used",
            "unit": "bytes",
            "aggregation": "avg",
            "comparator": ">",
            "threshold": 1073741824,
            "value": 1464274175.5,
            "window_s": 300,
            "points": [[1795442640, 1.0], [1795442700, 2.5]],
        },
        "extra": {"team": "payments", "deep": {"a": [1, {"b": None}]}},
        "query": "status:500",
    },
)
TEXTS: Final = tuple(orjson.dumps(sample) for sample in SAMPLES)
MAX_BYTES: Final = 262_144
LONGEST_WORDS: Final = 1000

Input = tuple[Any, int]
"""The event as it came, and which destination it is composed for."""


def make(random: Random) -> Input:
    """A third of them are bytes that were damaged, a third JSON of odd values, a third such objects."""
    kind = random.randrange(3)
    if kind == 0:
        return mutated_bytes(random, random.choice(TEXTS), TEXTS), random.randrange(1 << 16)
    value: Any = random.choice(SAMPLES)
    for _ in range(random.choice([1, 1, 2, 4])):
        value = mutated_value(random, value, 0.02)
    return as_json(value) if kind == 1 else value, random.randrange(1 << 16)


def run(given: Input) -> bool:
    """Whether it is an event; then it survives Redis and is composed for some channel. Anything but that is a crash."""
    raw, place = given
    as_bytes(raw)
    if not isinstance(raw, bytes | dict):
        return False
    try:
        event = parse_event(raw, default_id="1795442700000-0", received_at=NOW, max_bytes=MAX_BYTES)
    except InvalidEvent as error:
        _check_words(str(error))
        return False
    kept = dump_event(event)
    if dump_event(load_event(kept)) != kept:
        raise AssertionError("what was kept is not what is read back")
    _compose(event, place)
    return True


def _check_words(text: str) -> None:
    if not text.isprintable() or len(text) > LONGEST_WORDS:
        raise AssertionError(f"an error of {len(text)} characters: {text[:200]!r}")


def _compose(event: Event, place: int) -> None:
    name, settings = as_read()[place % len(as_read())]
    compose: Callable[[Notice, Any], object] = CHANNELS[name].compose
    notice = Notice(event=event, delivery_id=f"{name}/{event.app}/there/{event.id}", attempt=1, now=NOW)
    try:
        compose(notice, settings)
    except ValueError as problem:  # what `worker.attempt` takes for bad settings
        if isinstance(problem, UnicodeError):
            raise
