"""What draws pictures of metrics, without drawing any."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

PNG = b"\x89PNG\r\n\x1a\n and the rest"


@dataclass
class FakeRenderer:
    """Draws nothing: answers with `png` after `takes_s`, and notes what it was asked for."""

    takes_s: float = 0.0
    png: bytes = PNG
    up: bool = True
    resting: bool = False
    starting_s: float = 0.0
    pace_s: float = 0.1
    problem: Exception | None = None
    asked: list = field(default_factory=list)
    closed: bool = False
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def draw(self, chart):
        self.asked.append(chart)
        async with self._busy:
            await asyncio.sleep(self.takes_s)
        if self.problem:
            raise self.problem
        return self.png

    async def close(self):
        self.closed = True
