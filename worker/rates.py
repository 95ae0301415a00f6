"""How a destination's `rate_limit` is written: `off`, `vendor`, or a count per time."""

from __future__ import annotations

import re

OFF = "off"
VENDOR = "vendor"

_UNITS_S = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}
_RATE = re.compile(r"([0-9]{1,7})\s*/\s*([0-9]{1,5})?\s*([a-z]+)")


def parse_rate(text: str) -> tuple[int, float] | None:
    """`30/min` -> (30, 60.0): a count per so many seconds; None for `off` and `vendor`, which state no rate.

    Raises:
        ValueError: a sentence that says how to write it.
    """
    rate = text.strip().lower()
    if rate in {OFF, VENDOR}:
        return None
    found = _RATE.fullmatch(rate)
    if found is None or found[3] not in _UNITS_S:
        raise ValueError("must be off, vendor, or a rate such as 30/min, 5/s, 500/5min or 1000/h")
    count, times = int(found[1]), int(found[2] or 1)
    if count < 1 or times < 1:
        raise ValueError(
            "must allow at least one message in at least one unit of time; disable the destination instead"
        )
    return count, times * _UNITS_S[found[3]]
