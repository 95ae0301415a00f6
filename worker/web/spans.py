"""Stretches of time as the console's addresses have them: `?last=1h`, or `?from=…&to=…`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from worker.errors import InvalidSettings
from worker.graph_link import EPOCH, FURTHEST_MS, iso

LASTS: Final[Mapping[str, int]] = {"1h": 3_600_000, "6h": 6 * 3_600_000, "24h": 24 * 3_600_000, "3d": 72 * 3_600_000}
"""What may be asked for by name, in milliseconds."""
USUAL: Final = "1h"
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_MILLISECONDS: Final = 1e11
"""A number beyond this is in milliseconds: as seconds it would lie in the year 5138."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, both within it, in epoch milliseconds. `last` names one that always ends now."""

    since_ms: int
    until_ms: int
    last: str = ""

    @property
    def since(self) -> float:
        """Where it begins, in epoch seconds."""
        return self.since_ms / 1000

    @property
    def behind(self) -> float:
        """The first moment after it, in epoch seconds: what the history calls `until`."""
        return (self.until_ms + 1) / 1000

    def query(self) -> dict[str, str]:
        """As an address has it: by its name where it moves on."""
        return {"last": self.last} if self.last else self.fixed()

    def fixed(self) -> dict[str, str]:
        """As an address has it that shows the same to whoever opens it, and whenever."""
        return {"from": iso(self.since_ms), "to": iso(self.until_ms)}


def span_of(query: Mapping[str, str], now: float) -> Span:
    """What is asked for; without `from` and `to` it is the last hour, or what `last` says.

    InvalidSettings names the parameter that cannot be read.
    """
    since, until, now_ms = query.get("from", ""), query.get("to", ""), round(now * 1000)
    if not since and not until:
        last = query.get("last") or USUAL
        if last not in LASTS:
            raise InvalidSettings([f"last: must be one of {', '.join(LASTS)}"])
        return Span(now_ms - LASTS[last], now_ms, last)
    until_ms = _moment("to", until) if until else now_ms
    since_ms = _moment("from", since) if since else max(0, until_ms - LASTS[USUAL])
    if since_ms >= until_ms:
        raise InvalidSettings(["from: must be before the end of the range"])
    return Span(since_ms, until_ms)


def _moment(name: str, text: str) -> int:
    """Epoch milliseconds of `2014-12-02T17:33:00Z` (without a zone it is UTC), or of epoch seconds or milliseconds."""
    try:
        if _NUMBER.fullmatch(text):
            number = float(text)
            found = round(number if number > _MILLISECONDS else number * 1000)
        else:
            at = datetime.fromisoformat(text)
            age = (at.replace(tzinfo=UTC) if at.tzinfo is None else at) - EPOCH
            found = round(age / timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        found = -1
    if not 0 <= found <= FURTHEST_MS:
        raise InvalidSettings([f"{name}: write a time such as 2026-11-23T14:05:00Z"])
    return found
