"""What goes into the ledger and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from worker.models import Event


class Owing(Struct, frozen=True, gc=False):
    """What dispatch decided for one event. `raw` is its JSON as it is kept."""

    entry: str
    event: Event
    raw: bytes
    to: str
    """Whom it goes to, in the settings' order: `ops-room=hipchat`, and `-pager=pagerduty` for one that gets nothing."""
    owed: int
    """How many deliveries that makes."""
    skipped: tuple[tuple[str, bytes, bytes], ...] = ()
    """(destination, record, result) for each that gets nothing."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What came of a batch: references to publish, leases on what was superseded, ids that had been seen before."""

    woken: list[str]
    superseded: list[str]
    repeated: list[str]


class Claim(Struct, frozen=True, gc=False):
    """A lease on one delivery. `event` is None where the record is gone; `deaths` counts workers that died over it."""

    ref: str
    lease: str
    event: bytes | None
    record: bytes | None
    deaths: int = 0
    handed_back: int = 0
    """How many stopping workers gave it up half-way."""
    replayed_ms: int = 0
    """When an operator had it delivered again; 0 where nobody did."""
    paused: str = ""
    """Why its destination is paused, in words."""


class Settlement(Struct, frozen=True, gc=False):
    """One attempt's end: `due_ms` 0 settles, else it is owed again. Times are epoch milliseconds."""

    lease: str
    record: bytes
    line: str
    result: bytes = b""
    due_ms: int = 0
    hold_until_ms: int = 0
    thread: str = ""
    marks: bool = False
    """Whether deaths or hand-backs are on record, to be forgotten now."""
    health: str = ""
    """What the attempt says of its destination: ok, bad, denied, or nothing."""
    why: str = ""
    dead: bool = False
    """Whether it is a dead letter from now on: kept, counted, replayable."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of settling: references to publish, leases that were no longer ours, leases on superseded ones."""

    woken: list[str]
    lost: frozenset[str]
    superseded: frozenset[str]


@dataclass(frozen=True, slots=True)
class Woken:
    """References to publish, and those of them whose lease had ended: their worker died or stalled."""

    refs: list[str]
    ended: list[str]
    due: int = 0
    """How many were due: more than `refs` where destinations have their fill, or their circuits are open."""


@dataclass(frozen=True, slots=True)
class LedgerLimits:
    """How long things last (milliseconds) and how much is kept (stream entries)."""

    lease_ms: int = 15_000
    wake_ms: int = 10_000
    retention_ms: int = 72 * 3600 * 1000
    results_kept: int = 100_000
    rejected_kept: int = 10_000
    events_kept: int = 1_000_000
    each: int = 50
    """How many may be woken or leased per destination, over all workers; the others queue there."""
    slack_ms: int = 1500
    """How much longer a vendor's limit is taken to span: what leaves just outside may arrive just within, and vendors'
    own windows end on whole seconds."""
