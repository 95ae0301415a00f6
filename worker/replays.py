"""Dead letters, and an operator's replay of them: owed again from attempt 1, with a deadline that counts from then."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from worker.models import DeliveryId, Event
from worker.stores.ledger import Ledger
from worker.stores.ledger_values import LedgerLimits
from worker.stores.records import DeliveryRecord, EventRecord, Records

BATCH: Final = 200
MS_PER_HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: where it stands, when it died and when its event came (epoch seconds), and its event."""

    ref: str
    died_at: float
    came_at: float
    event: Event
    record: DeliveryRecord


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters; what is empty does not filter. Times are epoch seconds, and both ends are within."""

    apps: Collection[str] | None = None
    """Of these apps; None for all."""
    event: str = ""
    """An event's id, or `app/id`."""
    destination: str = ""
    channel: str = ""
    outcome: str = ""
    """`failed` or `skipped`."""
    reason: str = ""
    since: float = 0.0
    until: float = math.inf
    """When they died."""
    came_since: float = 0.0
    came_until: float = math.inf
    """When their events came."""

    def names(self, delivery: DeliveryId) -> bool:
        """Whether a delivery may be one of them, by its names alone."""
        pairs = ((self.destination, delivery.destination), (self.channel, delivery.channel))
        return (
            (self.apps is None or delivery.app in self.apps)
            and all(want in {"", is_} for want, is_ in pairs)
            and self.event in {"", delivery.event_id, f"{delivery.app}/{delivery.event_id}"}
        )

    def fits(self, letter: Letter) -> bool:
        """Whether it is one of them, by what is on record."""
        pairs = ((self.outcome, letter.record.state), (self.reason, letter.record.details.get("reason")))
        return all(want in {"", is_} for want, is_ in pairs) and self.came_since <= letter.came_at <= self.came_until


async def dead_letters(redis: Redis, prefix: str, wanted: LetterFilter, at_most: int | None = None) -> list[Letter]:
    """The dead letters that fit, those that died first before the others; `at_most` so many."""
    found: list[Letter] = []
    async for letter in _letters(redis, prefix, wanted):
        if len(found) == at_most:
            break
        if wanted.fits(letter):
            found.append(letter)
    return found


async def replay(ledger: Ledger, letters: Sequence[Letter], advance: Callable[[int], object] = lambda _: None) -> int:
    """Owe them again; returns how many, for some may have been replayed by others by now.

    Args:
        ledger: as `ledger_for_replays` makes it.
        letters: which.
        advance: is told how many more were seen to.
    """
    replayed = 0
    for start in range(0, len(letters), BATCH):
        chunk = letters[start : start + BATCH]
        replayed += (await ledger.replay([(letter.ref, letter.event) for letter in chunk]))[1]
        advance(len(chunk))
    return replayed


def ledger_for_replays(redis: Redis, prefix: str, retention_hours: float) -> Ledger:
    """A ledger for a process that publishes nothing.

    Workers' timers publish what is due, and only while Celery's queues are short: however many these are.
    """
    return Ledger(redis, prefix, LedgerLimits(wake_ms=0, retention_ms=int(retention_hours * MS_PER_HOUR)))


async def _letters(redis: Redis, prefix: str, wanted: LetterFilter) -> AsyncIterator[Letter]:
    """All that fit by their names and that are still on record."""
    rows = await Ledger(redis, prefix).dead(_ms(wanted.since), _ms(wanted.until))
    named = [(delivery, at / 1000) for ref, at in rows if wanted.names(delivery := DeliveryId.parse(ref))]
    for start in range(0, len(named), BATCH):
        chunk = named[start : start + BATCH]
        names = {f"{delivery.app}/{delivery.event_id}" for delivery, _ in chunk}
        records = await _readable(Records(redis, prefix), sorted(names))
        kept = {(one.app, one.event_id, one.destination): (each, one) for each in records for one in each.deliveries}
        for delivery, died_at in chunk:
            each, record = kept.get((delivery.app, delivery.event_id, delivery.destination), (None, None))
            if each is not None and record is not None:
                yield Letter(str(delivery), died_at, each.at, each.event, record)


async def _readable(records: Records, names: Sequence[str]) -> list[EventRecord]:
    """Their records but for those that this version cannot read: one of a newer Bellhop's must not hold up the rest."""
    try:
        return await records.named(names)
    except ValueError:
        if len(names) == 1:
            return []
        half = len(names) // 2
        return [*await _readable(records, names[:half]), *await _readable(records, names[half:])]


def _ms(epoch_s: float) -> float:
    """Epoch milliseconds, whole ones as the ledger has them."""
    return epoch_s if math.isinf(epoch_s) else round(epoch_s * 1000)
