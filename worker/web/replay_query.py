"""Which dead letters the page Replay is asked for: by an address at first, then by the form that it makes. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from worker.replays import Letter, LetterFilter
from worker.web.deliveries_query import Asked, asked_of, list_path
from worker.web.history_rows import Apps
from worker.web.history_values import LONGEST_ID
from worker.web.links import timeline_path

PATH: Final = "/replay"
_MOMENT: Final = re.compile(r"[0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters. `died_ms`: those alone that had died by then, since they are what was shown."""

    asked: Asked = field(default_factory=Asked)
    event: str = ""
    died_ms: int | None = None

    def filter(self, visible: Apps) -> LetterFilter:
        """For Redis; of apps that may be seen."""
        asked = self.asked
        return LetterFilter(
            apps={asked.app} if asked.app else visible,
            event=self.event,
            destination=asked.destination,
            channel=asked.channel,
            outcome=asked.state,
            reason=asked.reason,
            until=math.inf if self.died_ms is None else self.died_ms / 1000,
            came_since=asked.span.since if asked.span else 0.0,
            came_until=asked.span.until_ms / 1000 if asked.span else math.inf,
        )

    def names(self, letter: Letter) -> bool:
        """Whether it is of the very event that is asked for: `LetterFilter` takes `app/id` for an id, too."""
        return self.event in {"", letter.event.id}

    def fields(self, shown: list[Letter]) -> dict[str, str]:
        """What the form sends, so that it asks for these, and for none that die later."""
        fixed = self.asked.named() | (self.asked.span.fixed() if self.asked.span else {}) | self._event()
        return fixed | {"died": str(round(max(letter.died_at for letter in shown) * 1000))} if shown else fixed

    @property
    def back(self) -> str:
        """Where one came from."""
        if self.event and self.asked.app:
            return timeline_path(self.asked.app, self.event)
        return list_path(self.asked.query())

    def _event(self) -> dict[str, str]:
        return {"event": self.event} if self.event else {}


def wanted_of(query: Mapping[str, str], now: float) -> Wanted:
    """What is asked for; InvalidSettings names what cannot be read."""
    died = query.get("died", "")
    died_ms = int(died) if _MOMENT.fullmatch(died) else None
    return Wanted(asked_of(query, now), query.get("event", "")[:LONGEST_ID], died_ms)


def replay_path(query: Mapping[str, str]) -> str:
    """The page that says what would be replayed."""
    return f"{PATH}?{urlencode(query, safe=':')}" if query else PATH
