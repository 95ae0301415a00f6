"""A Redis as it is after three days: events with their metrics, and records of their deliveries, as the scripts write.

One app in five events is the busiest one; each app has four metrics with a point a minute, of which each event brings
the last fifty, and three destinations. Nearly everything was delivered; some failed, some is still owed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from redis import Redis

from worker.events import dump_event, parse_event
from worker.models import Attempt, Event, Kind, Outcome, Reason
from worker.record import Record, Result
from worker.stores.ledger import Ledger, line_of
from worker.stores.ledger_values import Owing

PREFIX: Final = "bellhop"
APPS, METRICS, HOSTS, POINTS = 50, 4, 200, 50
BUSIEST: Final = "app-0"
SPAN_S: Final = 72 * 3600.0
KEPT_MS: Final = 72 * 3600 * 1000
PIPELINED: Final = 500
TO: Final = (("room", "hipchat"), ("team", "slack"), ("pager", "pagerduty"))
SEVERITIES: Final = ("info", "warning", "warning", "error", "critical")
WORDS: Final = ("checkout", "payment", "latency", "database", "replica", "queue", "cache", "disk", "memory", "network")


@dataclass(frozen=True, slots=True)
class Load:
    """`count` events that arrived up to `now` (epoch seconds), the same ones each time."""

    count: int
    now: float
    rng: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no secrets

    def fill(self, redis: Redis) -> Iterator[int]:
        """Write them, yielding how many are there by then."""
        for start in range(0, self.count, PIPELINED):
            pipe = redis.pipeline(transaction=False)
            for number in range(start, min(start + PIPELINED, self.count)):
                self._write(pipe, number)
            pipe.execute()
            yield min(start + PIPELINED, self.count)

    async def dispatch(self, ledger: Ledger, number: int) -> None:
        """Have event number `number` owed to everybody, now."""
        event = self.event(number)
        await ledger.dispatch([Owing(f"bench:{number}", event, dump_event(event), _TO, len(TO))])

    def event(self, number: int) -> Event:
        """Event number `number`."""
        at = self.now - SPAN_S * (1 - (number + 1) / self.count)
        app = BUSIEST if number % 5 == 0 else f"app-{self.rng.randrange(1, APPS)}"
        host, metric = f"host-{self.rng.randrange(HOSTS)}", f"metric-{self.rng.randrange(METRICS)}"
        words = " ".join(self.rng.choices(WORDS, k=4))
        given = {
            "app": app,
            "id": f"e{number}",
            "severity": self.rng.choice(SEVERITIES),
            "status": "resolved" if self.rng.random() < 1 / 3 else "firing",
            "rule": f"{metric} is high",
            "source": host,
            "title": f"{metric} above 4 on {host}",
            "message": f"The avg({metric}) > 4 for 300 seconds for application {app}: {words}, ticket {number}.",
            "tags": {"host": host, "zone": f"eu-{number % 3}"},
            "metric": {"name": metric, "unit": "%", "comparator": ">", "threshold": 4, "value": 5, "points": _line(at)},
        }
        return parse_event(given, default_id="", received_at=at, max_bytes=100_000)

    def _write(self, pipe: Any, number: int) -> None:
        """As worker/stores/scripts/dispatch.lua and settle.lua do."""
        event = self.event(number)
        at_ms, name = round(event.received_at * 1000), f"{event.app}/{event.id}"
        head = f"{at_ms}-0\t{at_ms}\tf{line_of(event)}\t{_TO}\n".encode()
        pipe.set(f"{PREFIX}:event:{name}", head + dump_event(event), px=KEPT_MS)
        pipe.zadd(f"{PREFIX}:recent", {name: at_ms})
        for nth, (destination, channel) in enumerate(TO):
            if record := self._record(event.received_at):
                key = f"{PREFIX}:record:{event.app}/{destination}/{event.id}"
                pipe.set(key, msgspec.json.encode(record), px=KEPT_MS)
                result = {"result": _result(event, destination, channel, record)}
                entry = f"{at_ms}-{number * len(TO) + nth + 1}"
                pipe.xadd(f"{PREFIX}:results", result, id=entry, maxlen=100_000, approximate=True)

    def _record(self, at: float) -> Record | None:
        """What became of a delivery: one in a hundred is owed, two are tried again, four have failed."""
        draw, elapsed = self.rng.random(), self.rng.uniform(5, 300)
        if draw < 0.01:  # noqa: PLR2004 - a share, as below
            return None
        if draw < 0.07:  # noqa: PLR2004
            reason = self.rng.choice((Reason.TIMED_OUT, Reason.NOT_FOUND, Reason.SERVER_ERROR))
            tried = (Attempt(1, at, elapsed, Kind.RETRYABLE, reason, 503, "it answered with an error", at + 60),)
            if draw < 0.03:  # noqa: PLR2004
                return Record(reason, due_at=at + 60, detail=tried[0].detail, attempts=tried)
            return Record(reason, Outcome.FAILED, 503, tried[0].detail, at + elapsed / 1000, attempts=tried)
        tried = (Attempt(1, at, elapsed, Kind.DELIVERED, Reason.OK, 204),)
        return Record(Reason.OK, Outcome.DELIVERED, 204, finished_at=at + elapsed / 1000, attempts=tried)


_TO: Final = " ".join(map("=".join, TO))


def _result(event: Event, destination: str, channel: str, record: Record) -> bytes:
    return msgspec.json.encode(
        Result(
            event_id=event.id,
            app=event.app,
            destination=destination,
            channel=channel,
            outcome=record.outcome or "attempted",
            reason=record.reason,
            status_code=record.status_code,
            detail=record.detail,
            first_attempt_at=record.first_attempt_at,
            finished_at=record.finished_at,
            elapsed_ms=record.elapsed_ms,
            provider_ref=None,
            ambiguous=record.ambiguous,
            attempts=len(record.attempts),
        )
    )


def _line(at: float) -> list[tuple[float, float]]:
    """A point a minute, up to `at`."""
    last = at // 60 * 60
    return [(moment, 3 + 2 * math.sin(moment / 3600)) for moment in (last - 60 * n for n in reversed(range(POINTS)))]
