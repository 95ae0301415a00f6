"""Which deliveries a page is asked for, by its address. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from worker.channels import CHANNELS
from worker.errors import InvalidSettings
from worker.models import Reason
from worker.web.history_rows import Apps, DeliveryFilter, DeliveryRow
from worker.web.spans import Span, span_of

PATH: Final = "/deliveries"
STATES: Final = ("owed", "retrying", "delivered", "failed", "skipped")
NAME_CHARS: Final = 128
_KNOWN: Final[Mapping[str, Collection[str]]] = {
    "channel": CHANNELS,
    "state": STATES,
    "reason": tuple(reason.value for reason in Reason),
}
_CURSOR: Final = re.compile(r"([0-9]{1,19})\.([0-9]{1,9})")
_MOST: Final = (1 << 63) - 1
"""What a database takes for a number."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; what is empty does not filter. Without a span: of any time."""

    app: str = ""
    destination: str = ""
    channel: str = ""
    state: str = ""
    reason: str = ""
    span: Span | None = None
    before: tuple[int, int] | None = None
    """Where a page begins that is not the first."""

    def named(self) -> dict[str, str]:
        """What is asked for but for the time."""
        told = {
            "app": self.app,
            "destination": self.destination,
            "channel": self.channel,
            "state": self.state,
            "reason": self.reason,
        }
        return {name: value for name, value in told.items() if value}

    def query(self) -> dict[str, str]:
        """As an address has it, from the first page on."""
        return self.named() | (self.span.query() if self.span else {})

    def filter(self, visible: Apps) -> DeliveryFilter:
        """For the history."""
        since, until = (self.span.since, self.span.behind) if self.span else (0.0, math.inf)
        return DeliveryFilter(visible, **self.named(), since=since, until=until)


def asked_of(query: Mapping[str, str], now: float) -> Asked:
    """What an address asks for; InvalidSettings names what cannot be read."""
    named = {name: query.get(name, "").strip()[:NAME_CHARS] for name in ("app", "destination", *_KNOWN)}
    for name, known in _KNOWN.items():
        if named[name] and named[name] not in known:
            raise InvalidSettings([f"{name}: must be one of {', '.join(known)}"])
    timed = any(query.get(name) for name in ("last", "from", "to"))
    return Asked(**named, span=span_of(query, now) if timed else None, before=_cursor(query.get("before", "")))


def list_path(query: Mapping[str, str]) -> str:
    """The list with what of it is asked for."""
    return f"{PATH}?{urlencode(query, safe=':')}" if query else PATH


def older_path(asked: Asked, last: DeliveryRow) -> str:
    """The page that follows this row."""
    return list_path(asked.query() | {"before": "{}.{}".format(*last.cursor)})


def _cursor(text: str) -> tuple[int, int] | None:
    found = _CURSOR.fullmatch(text)
    return (min(int(found[1]), _MOST), int(found[2])) if found else None
