"""What the rows deliver: apps with a HipChat room, a web hook and a PagerDuty integration, and producers of events."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.stores.connection import sync_redis

APPS = 5
CHANNELS = ("hipchat", "webhook", "pagerduty")
TOKEN = "ChaosTokenOfNoServer0123456789abcdefghij"  # noqa: S105 - the sandbox takes any
ROUTING_KEY = "R0123456789abcdef0123456789abcde"
BATCH = 100
TRY_AGAIN_S = 0.05
BEHIND = 8
"""How many pairs that are not back to back are open at a time."""
Event = dict[str, Any]


def destination(vendor_url: str, channel: str, name: str, **options: Any) -> dict[str, Any]:
    """A destination as its owner would write it, with the vendor's limits off unless said otherwise."""
    settings: dict[str, dict[str, Any]] = {
        "hipchat": {"room": name, "token": TOKEN, "base_url": vendor_url},
        "webhook": {"url": f"{vendor_url}/hook/{name}"},
        "pagerduty": {"routing_key": ROUTING_KEY, "api_url": vendor_url},
    }
    return {"channel": channel, "settings": settings[channel], "rate_limit": "off", **options}


def apps(vendor_url: str, channels: Sequence[str] = CHANNELS, count: int = APPS, **options: Any) -> dict[str, Any]:
    """`count` apps with a destination of each channel."""
    return {
        f"app-{number}": {channel: destination(vendor_url, channel, f"app-{number}", **options) for channel in channels}
        for number in range(count)
    }


def events(count: int, names: Sequence[str], first: int = 0) -> list[Event]:
    """Events of as many conditions, the apps taking turns."""
    return [event(f"ev{number:06d}x", names[number % len(names)]) for number in range(first, first + count)]


def pairs(count: int, names: Sequence[str]) -> list[Event]:
    """Firing and resolved of `count` conditions: every other pair back to back, the others a little apart.

    Back to back most firing ones are superseded; a little apart they are under way when their resolved one comes.
    """
    found: list[Event] = []
    behind: deque[Event] = deque()
    for number in range(count):
        app, condition = names[number % len(names)], f"condition {number}"
        found.append(event(f"ev{number:06d}f", app, dedup_key=condition))
        behind.append(event(f"ev{number:06d}r", app, dedup_key=condition, status="resolved"))
        if number % 2 == 0:
            found.append(behind.pop())
        elif len(behind) > BEHIND:
            found.append(behind.popleft())
    return [*found, *behind]


def event(name: str, app: str, **more: Any) -> Event:
    """An alert whose title carries its id, so that the receiver knows it through any channel."""
    return {"app": app, "id": name, "title": f"Disk of host {name} is full", "dedup_key": name, **more}


class Producer:
    """Puts events on the stream, at a rate or as fast as Redis takes them; waits while Redis is away, and goes on.

    Counted as acknowledged is what XADD returned an entry for. What got no answer is sent again under the same id.
    """

    def __init__(self, url: str, load: Iterable[Event], per_s: float | None = None) -> None:
        self._url = url
        self._load = iter(load)
        self._per_s = per_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        self.acknowledged: list[tuple[Event, float]] = []
        """(event, epoch seconds)."""
        self.refused = 0
        """How often Redis said no or nothing."""

    def start(self) -> Producer:
        """Begin."""
        self._thread.start()
        return self

    @property
    def busy(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped.set()
        self.join()

    def join(self) -> Producer:
        """Wait until all is acknowledged."""
        self._thread.join()
        return self

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        size = BATCH if self._per_s is None else max(1, min(BATCH, int(self._per_s / 20)))
        with sync_redis(self._url, retry=Retry(NoBackoff(), 0), socket_timeout=5) as client:
            while batch := list(islice(self._load, size)):
                while batch and not self._stopped.is_set():
                    batch = self._add(client, batch)
                    if batch:
                        time.sleep(TRY_AGAIN_S)
                if self._stopped.is_set():
                    return
                sent += size
                if self._per_s is not None:
                    time.sleep(max(0.0, began + sent / self._per_s - time.monotonic()))

    def _add(self, client: redis.Redis, batch: list[Event]) -> list[Event]:
        """Send them; those that were not acknowledged."""
        pipe = client.pipeline(transaction=False)
        for each in batch:
            pipe.xadd("bellhop:events", {"event": orjson.dumps(each)})
        try:
            answers = pipe.execute(raise_on_error=False)
        except (redis.RedisError, OSError):
            self.refused += 1
            return batch
        now, left = time.time(), []
        for each, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                left.append(each)
            else:
                self.acknowledged.append((each, now))
        self.refused += bool(left)
        return left
