"""What arrived: a bounded ring of the latest, and counters that stay exact beyond it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice

from worker.sandbox.exchange import Fate

RING = 200_000
RING_BYTES = 256 * 1024 * 1024
ADDRESSES = 100_000
ANY_OTHER = "…"
"""Counts for addresses beyond the first 100,000 of a channel are kept under this one."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that arrived, numbered from 1. Headers and body are kept raw, and read only when somebody looks."""

    number: int
    at: float
    """Epoch seconds."""
    channel: str
    to: str
    fate: Fate
    status: int | None
    """The status that was answered; None where the connection was closed instead, and for NSCA, which has none."""
    delivery_id: str = ""
    note: str = ""
    line: str = field(default="", repr=False)
    content_type: str = ""
    headers: bytes = field(default=b"", repr=False)
    """`name: value` lines."""
    body: bytes = field(default=b"", repr=False)

    @property
    def accepted(self) -> bool:
        """Whether a message was taken."""
        return self.fate is Fate.ACCEPTED

    @property
    def size(self) -> int:
        """About how many bytes it takes in the ring."""
        return len(self.body) + len(self.headers)


@dataclass(slots=True)
class Tally:
    """Exact counts of one channel, whatever the ring has forgotten."""

    by_fate: Counter[Fate] = field(default_factory=Counter)
    by_status: Counter[int | None] = field(default_factory=Counter)
    first_at: float = 0.0
    last_at: float = 0.0

    def add(self, fate: Fate, status: int | None, at: float) -> None:
        """Count one arrival."""
        if not self.first_at:
            self.first_at = at
        self.last_at = at
        self.by_fate[fate] += 1
        self.by_status[status] += 1


class Arrivals:
    """The record of what arrived. Written and read on the event loop only; iterable, oldest first."""

    def __init__(self, ring: int = RING, ring_bytes: int = RING_BYTES) -> None:
        self._ring: deque[Arrival] = deque()
        self._most = max(1, ring)
        self._most_bytes = ring_bytes
        self._bytes = 0
        self._addressed: dict[tuple[str, str], Counter[Fate]] = {}
        self.tallies: dict[str, Tally] = {}
        """By channel."""
        self.last = 0
        """The number of the latest arrival."""
        self.cleared = 0
        """The number of the latest arrival that was cleared away."""

    def __len__(self) -> int:
        return len(self._ring)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._ring)

    def record(
        self,
        *,
        at: float,
        channel: str,
        to: str,
        fate: Fate,
        status: int | None,
        delivery_id: str = "",
        note: str = "",
        line: str = "",
        content_type: str = "",
        headers: bytes = b"",
        body: bytes = b"",
    ) -> Arrival:
        """Keep and count one arrival."""
        self.last += 1
        arrival = Arrival(
            self.last, at, channel, to, fate, status, delivery_id, note, line, content_type, headers, body
        )
        self._ring.append(arrival)
        self._bytes += arrival.size
        while len(self._ring) > self._most or (self._bytes > self._most_bytes and len(self._ring) > 1):
            self._bytes -= self._ring.popleft().size
        self._count(arrival)
        return arrival

    def _count(self, arrival: Arrival) -> None:
        tally = self.tallies.get(arrival.channel)
        if tally is None:
            tally = self.tallies[arrival.channel] = Tally()
        tally.add(arrival.fate, arrival.status, arrival.at)
        counts = self._addressed.get((arrival.channel, arrival.to))
        if counts is None:
            address = arrival.to if len(self._addressed) < ADDRESSES else ANY_OTHER
            counts = self._addressed.setdefault((arrival.channel, address), Counter())
        counts[arrival.fate] += 1

    def count(self, channel: str | None = None, to: str | None = None) -> Counter[Fate]:
        """How many arrived, by what became of them. `to` may be a glob. Exact beyond the ring."""
        total: Counter[Fate] = Counter()
        if to is None:
            for name, tally in self.tallies.items():
                if channel in {None, name}:
                    total.update(tally.by_fate)
            return total
        for (name, address), counts in self._addressed.items():
            if channel in {None, name} and fnmatchcase(address, to):
                total.update(counts)
        return total

    def select(
        self,
        channel: str | None = None,
        to: str | None = None,
        since: int | None = None,
        limit: int = 100,
        *,
        newest: bool = False,
    ) -> list[Arrival]:
        """At most `limit` arrivals with numbers above `since`, oldest first in the list.

        Where more match: the oldest of them after a `since`, to page on from; the newest without, or when asked for.
        """
        found = (arrival for arrival in self._after(since) if _matches(arrival, channel, to))
        if since is not None and not newest:
            return list(islice(found, limit))
        return list(deque(found, maxlen=limit))

    def deliveries(self, channel: str | None = None) -> dict[str, Counter[Fate]]:
        """By delivery id, how often it arrived, by what became of it. As far as the ring reaches back."""
        counts: dict[str, Counter[Fate]] = {}
        for arrival in self._ring:
            if arrival.delivery_id and channel in {None, arrival.channel}:
                counts.setdefault(arrival.delivery_id, Counter())[arrival.fate] += 1
        return counts

    def find(self, number: int) -> Arrival | None:
        """The arrival of this number, where the ring still has it."""
        at = number - self._first()
        return self._ring[at] if 0 <= at < len(self._ring) else None

    def clear(self) -> None:
        """Forget what arrived, and the counts. Numbers go on."""
        self._ring.clear()
        self._bytes = 0
        self._addressed.clear()
        self.tallies.clear()
        self.cleared = self.last

    def _first(self) -> int:
        return self._ring[0].number if self._ring else self.last + 1

    def _after(self, since: int | None) -> Iterator[Arrival]:
        skipped = 0 if since is None else max(0, since + 1 - self._first())
        return islice(self._ring, skipped, None)


def _matches(arrival: Arrival, channel: str | None, to: str | None) -> bool:
    return (channel is None or arrival.channel == channel) and (to is None or fnmatchcase(arrival.to, to))
