"""What stands in for the vendors in the demo: by channel the settings that its sandbox takes. Nobody else has any.

| key | kind | content |
|---|---|---|
| `<prefix>:stand-ins` | hash | by channel, JSON: setting to text; the demo writes it, and forms offer to fill it in |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from redis.asyncio import Redis


class StandIns:
    """Writes and reads them."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        self._key = f"{prefix}:stand-ins"

    async def keep(self, found: Mapping[str, Mapping[str, str]]) -> None:
        """These, by channel, in place of any others."""
        await self._redis.delete(self._key)
        await self._redis.hset(self._key, mapping={name: orjson.dumps(each) for name, each in found.items()})

    async def find(self, channel: str) -> dict[str, str]:
        """Setting to text; nothing where nobody stands in."""
        raw = await self._redis.hget(self._key, channel)
        return orjson.loads(raw) if raw else {}
