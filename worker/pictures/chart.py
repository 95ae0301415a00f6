"""What travels to the process that draws, and what comes back from it. Light: that process imports it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

WIDTH, HEIGHT = 640, 320
"""Of a picture as it is shown, in CSS pixels; the PNG has twice as many each way, for sharp screens."""
DENSITY = 2


class Chart(Struct, frozen=True, gc=False):
    """One picture in words and numbers. Times are epoch seconds, UTC; nothing in it has been checked or sorted."""

    title: str
    subtitle: str
    colour: str
    """Of the title and the trigger: `#c53030`."""
    at: float
    """When it triggered, or was resolved."""
    mark: str
    """What happened then: `triggered`, `resolved`."""
    points: tuple[tuple[float, float], ...]
    unit: str = ""
    threshold: float | None = None
    beyond: int = 0
    """On which side of the threshold the trouble is: 1 above, -1 below, 0 unknown."""
    value: float | None = None
    window_s: float | None = None


class Drawn(Struct, frozen=True, gc=False, array_like=True):
    """A PNG, or why there is none. The first one that the process sends has neither: it is ready."""

    png: bytes = b""
    problem: str = ""


ENCODER, CHARTS, DRAWN = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Chart), msgspec.msgpack.Decoder(Drawn)
LENGTH_BYTES = 4
"""Before each message stands its length, in so many bytes, the highest first."""


def framed(message: Chart | Drawn) -> bytes:
    """A message as it travels."""
    raw = ENCODER.encode(message)
    return len(raw).to_bytes(LENGTH_BYTES, "big") + raw
