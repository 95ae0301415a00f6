"""From what Redis keeps to what the history holds. Pure, and wary: events and details come from anybody."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson

from worker.models import Attempt, Event, Severity, Status
from worker.record import load_record
from worker.stores.ledger import line_of
from worker.stores.records import head_of, kept_of

TITLE_CHARS, MESSAGE_CHARS, NAME_CHARS, TAGS_KEPT, DETAIL_CHARS = 300, 1000, 200, 30, 300
LONGEST_ID: Final = 1000
"""No event that Bellhop took has a longer one; it is kept whole or not at all, since it is a name."""
TIE_BITS: Final = 20
TIES: Final = (1 << TIE_BITS) - 1
LAST_MS: Final = (1 << 42) - 1
"""In the year 2109; what a clock says that is further off is taken for this."""
KINDS: Final = tuple((severity.value, status.value) for severity in Severity for status in Status)
"""An event's kind is its place here."""
OPEN: Final = frozenset({"owed", "retrying"})
LAST_S: Final = LAST_MS / 1000
MOST_INTEGER: Final = 2**31
MOST: Final = 1e300


class Standing(NamedTuple):
    """Where a delivery stands."""

    state: str
    reason: str = ""
    attempts: int = 0
    status_code: int | None = None
    first_attempt_at: float | None = None
    finished_at: float | None = None
    due_at: float | None = None
    elapsed_ms: float | None = None
    ambiguous: bool = False
    detail: str = ""


OWED: Final = Standing("owed")
UNREADABLE: Final = Standing("unreadable", detail="its record cannot be read by this version of Bellhop")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What Redis keeps of one event and of its deliveries, as it was read; `name` is `<app>/<id>`."""

    name: str
    arrived_ms: int
    raw: bytes
    records: Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Found:
    """One event as Redis has it: when it arrived (epoch ms), whom it goes to, and where each delivery stands."""

    arrived_ms: int
    event: Event
    to: tuple[tuple[str, str], ...]
    standings: tuple[Standing, ...]


def whom(raw: bytes) -> tuple[tuple[str, str], ...]:
    """(destination, channel) of whom an event went to; nobody where that cannot be read."""
    try:
        return head_of(raw.partition(b"\n")[0])[1]
    except ValueError:
        return ()


def found_of(loaded: Loaded) -> Found | None:
    """What was read, understood; None where it cannot be."""
    try:
        kept = kept_of(loaded.raw)
    except ValueError:
        return None
    event = kept.event
    if f"{event.app}/{event.id}" != loaded.name or len(event.id) > LONGEST_ID:
        return None
    return Found(loaded.arrived_ms, event, kept.to, tuple(map(standing_of, loaded.records)))


def standing_of(raw: bytes | None) -> Standing:
    """Where a delivery with this record stands; it is owed where there is none."""
    if raw is None:
        return OWED
    try:
        record = load_record(raw)
    except ValueError:
        return UNREADABLE
    return Standing(
        state=record.outcome.value if record.outcome else "retrying",
        reason=record.reason.value,
        attempts=_attempts(record.attempts),
        status_code=_integer(record.status_code),
        first_attempt_at=number(record.first_attempt_at),
        finished_at=number(record.finished_at),
        due_at=number(record.due_at),
        elapsed_ms=number(record.elapsed_ms) if record.attempts else None,
        ambiguous=record.ambiguous,
        detail=text(record.detail, DETAIL_CHARS),
    )


def event_columns(event: Event) -> tuple[int, str, str, str, str, str, str, str]:
    """Kind, id, title, message, rule, source, tags as JSON, and the condition's digest."""
    return (
        KINDS.index((event.severity.value, event.status.value)),
        event.id,
        text(event.title, TITLE_CHARS),
        text(event.message, MESSAGE_CHARS),
        text(event.rule, NAME_CHARS),
        text(event.source, NAME_CHARS),
        _tags(event),
        line_of(event),
    )


def points_of(event: Event) -> list[tuple[int, float]]:
    """(epoch ms, value) of its metric's points: those that a chart can show."""
    points = event.metric.points if event.metric else ()
    return [(round(at * 1000), value) for at, value in points if 0 <= at <= LAST_S and -MOST < value < MOST]


def key_of(at_ms: int, app: str, event_id: str) -> int:
    """A number that sorts by time, and is as good as one's own among those of the same millisecond."""
    return at_ms << TIE_BITS | zlib.crc32(f"{app}/{event_id}".encode()) & TIES


def next_key(key: int) -> int:
    """The next of the same millisecond, for one whose number is taken."""
    return key & ~TIES | (key + 1) & TIES


def seconds(key: int) -> float:
    """The time that a key stands for."""
    return (key >> TIE_BITS) / 1000


def milliseconds(moment: float) -> int:
    """Epoch seconds as whole milliseconds, within what a key can hold."""
    if not moment > 0:
        return 0
    return min(LAST_MS, round(moment * 1000)) if moment < LAST_MS else LAST_MS


def first_key(moment: float) -> int:
    """The first key of a moment in epoch seconds, from which on or before which events are asked for.

    What is as late as can be told is within a span without an end.
    """
    ms = milliseconds(moment)
    return (ms + (ms == LAST_MS)) << TIE_BITS


def text(value: str, limit: int) -> str:
    """The beginning of a text, as SQLite and pages can bear it."""
    value = value[:limit]
    if value.isascii() and "\0" not in value:
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def number(value: float | None) -> float | None:
    """A number that can be drawn and sent as JSON, or None."""
    return float(value) if value is not None and abs(value) < MOST else None


def _integer(value: int | None) -> int | None:
    return value if value is not None and abs(value) < MOST_INTEGER else None


def _attempts(attempts: Sequence[Attempt]) -> int:
    """How many there were; a record keeps not all of many."""
    return _integer(attempts[-1].number) or len(attempts) if attempts else 0


def _tags(event: Event) -> str:
    """Its tags as JSON."""
    kept = list(event.tags.items())[:TAGS_KEPT]
    return orjson.dumps({text(name, NAME_CHARS): text(value, NAME_CHARS) for name, value in kept}).decode()
