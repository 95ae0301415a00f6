"""Rate limits as vendors keep them: a fixed window that starts with its first request, and a bucket that refills."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

UNITS_S = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
KEYS_KEPT = 10_000

_RATE = re.compile(r"^(?P<count>\d{1,9})/(?P<units>\d{0,6})(?P<unit>s|sec|min|h)$")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests per `per_s` seconds."""

    count: int
    per_s: float


def parse_rate(text: str) -> Rate | None:
    """`30/min`, `500/5min`, `1/s`; None for `off`; ValueError with a sentence for anything else."""
    if text.strip().lower() == "off":
        return None
    match = _RATE.match(text.strip().lower())
    if match is None or int(match["count"]) < 1 or match["units"] == "0":
        raise ValueError(f"{text!r} is not a rate; write 30/min, 500/5min, 1/s or off")
    return Rate(int(match["count"]), int(match["units"] or 1) * UNITS_S[match["unit"]])


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands in its window. `reset_at` is in whole epoch seconds, rounded up as the headers show it."""

    limit: int
    remaining: int
    reset_at: int
    allowed: bool


class Windows:
    """Fixed windows by key: `count` requests from the first one on, and all of them again when it ends."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key: str, now: float) -> Standing:
        """Count one request of this key's, and say whether it is within the limit."""
        ends_at, used = self._window(key, now)
        allowed = used < self._rate.count
        used += allowed
        self._windows[key] = (ends_at, used)
        return self._standing(ends_at, used, allowed=allowed)

    def look(self, key: str, now: float) -> Standing:
        """Where this key stands, without counting."""
        ends_at, used = self._window(key, now)
        return self._standing(ends_at, used, allowed=used < self._rate.count)

    def clear(self) -> None:
        """Forget all windows."""
        self._windows.clear()

    def _window(self, key: str, now: float) -> tuple[float, int]:
        window = self._windows.get(key)
        if window is not None and now < window[0]:
            return window
        if len(self._windows) >= KEYS_KEPT:
            self._windows = {key: kept for key, kept in self._windows.items() if now < kept[0]}
        # The end is a whole second, so that a client that waits until the reset it was told is let in.
        return float(math.ceil(now + self._rate.per_s)), 0

    def _standing(self, ends_at: float, used: int, *, allowed: bool) -> Standing:
        return Standing(self._rate.count, self._rate.count - used, int(ends_at), allowed)


class Buckets:
    """Token buckets by key: bursts of `burst`, refilled at `rate`."""

    def __init__(self, rate: Rate, burst: int) -> None:
        self._per_s = rate.count / rate.per_s
        self._burst = burst
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key: str, now: float) -> float:
        """Seconds to wait until one more is allowed; 0 where this one is."""
        level, at = self._levels.get(key, (float(self._burst), now))
        level = min(float(self._burst), level + (now - at) * self._per_s)
        allowed = level >= 1
        if key not in self._levels and len(self._levels) >= KEYS_KEPT:
            self._levels.clear()
        self._levels[key] = (level - 1 if allowed else level, now)
        return 0.0 if allowed else (1 - level) / self._per_s

    def clear(self) -> None:
        """Fill all buckets."""
        self._levels.clear()


def windows(rate: Rate | None) -> Windows | None:
    """Windows of this rate, or None where it is off."""
    return None if rate is None else Windows(rate)


Clock = Callable[[], float]
"""Epoch seconds."""
