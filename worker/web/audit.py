"""The audit log: who did what, when and from where; `<prefix>:audit`, a capped stream. No secret is ever in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from redis.asyncio import Redis

from worker.web.roles import User

PAGE: Final = 500
READ_AT_MOST: Final = 20_000
"""Entries looked through for one page of a filtered list."""
LONGEST: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done. `at` is epoch seconds; `id` is its place in the stream."""

    id: str
    at: float
    who: str
    kind: str
    address: str
    what: str
    app: str = ""
    subject: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API."""
        return asdict(self)


Fits = Callable[[Entry], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """Entries, newest first, and from where to look on for older ones; empty where there are none."""

    entries: list[Entry]
    older: str


class Audit:
    """Writes and reads it."""

    def __init__(self, redis: Redis, prefix: str, *, kept: int) -> None:
        self._redis: Any = redis
        self._key = f"{prefix}:audit"
        self._kept = kept

    async def record(self, who: User, what: str, *, app: str = "", subject: str = "", detail: str = "") -> None:
        """Note that `who` did `what` (`destination.saved`, dotted, past tense) to `subject` of `app`."""
        told = {"who": who.name, "kind": who.kind.value, "address": who.address, "what": what, "app": app}
        told |= {"subject": subject, "detail": detail}
        fields = {name: _line(value) for name, value in told.items() if value}
        await self._redis.xadd(self._key, fields, maxlen=self._kept, approximate=True)

    async def entries(self, fits: Fits = lambda _: True, *, limit: int = 100, before: str = "") -> Found:
        """Up to `limit` entries that fit, newest first, older than the entry `before`."""
        found: list[Entry] = []
        end, read = before, 0
        while read < READ_AT_MOST:
            page = await self._redis.xrevrange(self._key, f"({end}" if end else "+", "-", count=PAGE)
            for entry in map(_entry, page):
                end = entry.id
                if fits(entry):
                    found.append(entry)
                if len(found) == limit:
                    return Found(found, end)
            read += len(page)
            if len(page) < PAGE:
                return Found(found, "")
        return Found(found, end)


def _entry(stored: tuple[bytes, dict[bytes, bytes]]) -> Entry:
    entry_id = stored[0].decode()
    fields = {name.decode(): value.decode("utf-8", "replace") for name, value in stored[1].items()}
    known = ("who", "kind", "address", "what", "app", "subject", "detail")
    return Entry(entry_id, int(entry_id.partition("-")[0]) / 1000, **{name: fields.get(name, "") for name in known})


def _line(value: str) -> bytes:
    """One line, bounded, and text whatever it came from."""
    return _CONTROL.sub(" ", value)[:LONGEST].encode("utf-8", "replace")
