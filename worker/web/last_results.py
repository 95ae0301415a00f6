"""How the newest deliveries of an app's destinations ended, from the newest entries of the results stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

NEWEST: Final = 1000
"""Entries looked at; a destination that has none among them has been quiet, or others have been loud."""


@dataclass(frozen=True, slots=True)
class LastResult:
    """How one delivery ended. `at` is epoch seconds."""

    outcome: str
    reason: str
    at: float
    event_id: str
    detail: str = ""

    @property
    def kind(self) -> str:
        """The colour of it."""
        return {"delivered": "good", "failed": "bad"}.get(self.outcome, "warn")


async def last_results(redis: Redis, prefix: str, app: str) -> dict[str, LastResult]:
    """By destination."""
    client: Any = redis
    entries = await client.xrevrange(f"{prefix}:results", count=NEWEST)
    mark = orjson.dumps({"app": app})[1:-1]
    found: dict[str, LastResult] = {}
    for entry_id, fields in entries:
        raw = fields.get(b"result", b"")
        if mark not in raw:
            continue  # to look is cheaper than to read
        result = orjson.loads(raw)
        if result.get("app") == app and result.get("outcome"):
            found.setdefault(result["destination"], _last(result, int(entry_id.partition(b"-")[0]) / 1000))
    return found


def _last(result: dict[str, Any], at: float) -> LastResult:
    detail = str(result.get("detail") or "")
    return LastResult(result["outcome"], result["reason"], at, result["event_id"], detail)
