"""What was lost and what came twice, counted at the receiver and not by Bellhop itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from chaos.load import Event
from chaos.vendor import Arrived

Key = tuple[str, str]
"""(channel, event id): an app has at most one destination of a channel here."""
Result = dict[str, Any]
PAGE = 5000


@dataclass(slots=True)
class Tally:
    """Every delivery that is owed to an acknowledged event, and what became of it."""

    owed: dict[Key, float]
    """By when its event was acknowledged, in epoch seconds."""
    arrived: dict[Key, list[Arrived]]
    results: dict[Key, list[Result]] = field(repr=False)

    @property
    def lost(self) -> list[Key]:
        """Neither taken by the vendor nor settled with a reason why not."""
        return [key for key in self.owed if not self.taken(key) and not self._explained(key)]

    @property
    def duplicates(self) -> dict[Key, int]:
        """Those that the vendor took more than once: how often too many."""
        return {key: more for key in self.arrived if (more := len(self.taken(key)) - 1) > 0}

    @property
    def unmarked(self) -> list[Key]:
        """Duplicates whose result does not say that they may be."""
        return [key for key in self.duplicates if not self.marked(key)]

    @property
    def undelivered(self) -> list[Key]:
        """Not taken by the vendor, for whatever reason."""
        return [key for key in self.owed if not self.taken(key)]

    @property
    def settled_twice(self) -> list[Key]:
        """Deliveries with more than one result."""
        return [key for key, found in self.results.items() if len(found) > 1]

    def taken(self, key: Key) -> list[Arrived]:
        """Its arrivals that the vendor took."""
        return [each for each in self.arrived.get(key, ()) if each.accepted]

    def marked(self, key: Key) -> bool:
        """Whether its result is marked ambiguous."""
        return any(result["ambiguous"] for result in self.results.get(key, ()))

    def reasons(self) -> dict[str, int]:
        """How many results there are by `outcome reason`."""
        counts: dict[str, int] = defaultdict(int)
        for found in self.results.values():
            for result in found:
                counts[f"{result['outcome']} {result['reason']}"] += 1
        return dict(counts)

    def first_after(self, key: Key, at: float) -> float | None:
        """When it arrived for the first time after `at`, epoch seconds."""
        return min((each.at for each in self.arrived.get(key, ()) if each.at > at), default=None)

    def _explained(self, key: Key) -> bool:
        return any(result["outcome"] != "delivered" and result["reason"] for result in self.results.get(key, ()))


def tally(
    acknowledged: Iterable[tuple[Event, float]],
    channels: Mapping[str, Sequence[str]],
    arrived: Iterable[Arrived],
    results: Iterable[Result],
) -> Tally:
    """Count. `channels` are each app's."""
    owed = {(channel, each["id"]): at for each, at in acknowledged for channel in channels[each["app"]]}
    by_key: dict[Key, list[Arrived]] = defaultdict(list)
    for one in arrived:
        by_key[one.channel, one.event].append(one)
    found: dict[Key, list[Result]] = defaultdict(list)
    for result in results:
        found[result["channel"], result["event_id"]].append(result)
    return Tally(owed, dict(by_key), dict(found))


def read_results(client: Any) -> list[Result]:
    """Everything on the results stream, as a consumer reads it."""
    found: list[Result] = []
    after = "-"
    while rows := client.xrange("bellhop:results", after, count=PAGE):
        found += [orjson.loads(fields[b"result"]) for _, fields in rows]
        after = f"({rows[-1][0].decode()}"
    return found
