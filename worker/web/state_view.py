"""The page "State" as values: sentences, and lines with a number, words and a bar. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from worker.channels.wording import clock, duration
from worker.state import State, WorkerState
from worker.web.deliveries_query import PATH as DELIVERIES
from worker.web.history_rows import Feeding
from worker.web.words import NONE

LATE_S: Final = 30.0
"""A worker reads an event within a second; one that is as old as this waits for somebody."""
KIB, MIB = 2**10, 2**20
KINDS: Final = {
    "paused": ("paused", "bad"),
    "open": ("circuit open", "bad"),
    "failing": ("failing", "warn"),
    "limited": ("told to wait", "warn"),
}
"""What a trouble is called, and its colour."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number: what it counts, words to it, and how long its bar is, 0 to 100."""

    label: str
    number: str
    words: str = ""
    share: float = 0.0
    kind: str = ""
    path: str = ""
    """Where what is counted is listed; empty where it is not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How all of it is, in a sentence; `kind` is good, warn or bad."""

    kind: str
    words: str


def verdicts(state: State) -> list[Verdict]:
    """What is wrong, the worst first; that all is well where nothing is. The words change with their meaning only."""
    found = [each for each in (_nobody(state), _late(state), _troubled(state), _gone(state)) if each]
    return found or [Verdict("good", _well(state))]


def waiting(state: State) -> list[Line]:
    """What nobody has looked at yet: events in the stream, and messages in Celery's queues."""
    event = _since("the oldest came", state.oldest.event, state.at)
    rows = [("Events in the stream", state.events_waiting, event)]
    names = {"celery": "to dispatch", "bellhop.deliver": "to deliver", "bellhop.retry": "to try again"}
    rows += [(f"Messages in {name}", count, names.get(name, "")) for name, count in state.celery_queues.items()]
    return _lines(rows)


def ledger(state: State) -> list[Line]:
    """What is owed, by where it stands."""
    counts, oldest = state.deliveries, state.oldest
    waits = _since("the oldest came", oldest.waiting, state.at)
    lines = _lines(
        [
            ("Due", counts["woken"], "a worker takes them next"),
            ("Under way", counts["leased"], "leased to a worker"),
            ("To be tried again", counts["owed"], _due(oldest.due, state.at)),
            ("Wait for their turn", counts["waiting"], waits or "behind others of their condition or destination"),
        ]
    )
    lines[2] = replace(lines[2], path=f"{DELIVERIES}?state=retrying")
    return lines


def dead(state: State) -> Line:
    """The dead letters, which stay until they are replayed or leave by age."""
    words = _since("the latest died", state.oldest.dead, state.at)
    count = state.kept["dead_letters"]
    return Line("Dead letters", f"{count:,}", words, kind="warn" if count else "", path=f"{DELIVERIES}?state=failed")


def kept(state: State) -> list[Line]:
    """What is on record, by what it weighs."""
    labels = {"events": "Events with their deliveries", "results": "Results", "rejected": "Rejected events"}
    sizes = state.kept_bytes
    if sizes is None:
        return _lines([(label, state.kept[name], "") for name, label in labels.items()])
    heaviest = max(sizes.values())
    return [
        Line(label, f"{state.kept[name]:,}", _weight(sizes[name]), _share(sizes[name], heaviest))
        for name, label in labels.items()
    ]


def memory(state: State) -> str:
    """What Redis uses."""
    return "may not be read" if state.redis_memory_bytes is None else _weight(state.redis_memory_bytes)


def busy(worker: WorkerState) -> Line:
    """How busy a worker is."""
    if worker.in_flight is None or not worker.places:
        return Line("Under way", NONE)
    return Line("Under way", f"{worker.in_flight:,}", f"of {worker.places:,}", _share(worker.in_flight, worker.places))


def reading(feeding: Feeding) -> Line:
    """How far the console's own history is."""
    share = 100.0 if feeding.complete else _share(feeding.events, feeding.kept)
    words = "all that is on record" if feeding.complete else f"of {feeding.kept:,}; the others follow"
    return Line("Events read", f"{feeding.events:,}", words, share)


def flower_worker(flower: str, worker: WorkerState) -> str:
    """The worker's page in Flower; empty where one of them is not known."""
    return f"{flower}/worker/{quote(worker.celery, safe='@')}" if flower and worker.celery and worker.alive else ""


def _lines(rows: Sequence[tuple[str, int, str]]) -> list[Line]:
    """With bars in proportion to the greatest."""
    most = max(count for _, count, _ in rows)
    return [Line(label, f"{count:,}", words, _share(count, most)) for label, count, words in rows]


def _share(part: float, whole: float) -> float:
    """In per cent; what is there at all is to be seen."""
    return max(1.0, round(100 * min(1.0, part / whole), 1)) if part > 0 and whole > 0 else 0.0


def _weight(size: int) -> str:
    return f"{size / MIB:,.1f} MiB" if size >= MIB else f"{math.ceil(size / KIB)} KiB"


def _since(what: str, at: float | None, now: float) -> str:
    return "" if at is None else f"{what} {duration(max(0.0, now - at))} ago"


def _due(at: float | None, now: float) -> str:
    if at is None:
        return "after a failure, or because of a limit"
    return f"the next in {duration(at - now)}" if at > now else "the next is due now"


def _nobody(state: State) -> Verdict | None:
    if state.alive:
        return None
    return Verdict("bad", "No worker is there, so that nothing is delivered. What comes is kept until there is one.")


def _late(state: State) -> Verdict | None:
    at = state.oldest.event
    if at is None or state.at - at < LATE_S or not state.alive:
        return None
    return Verdict("warn", f"The workers are behind: the oldest event in the stream came at {clock(at)}.")


def _troubled(state: State) -> Verdict | None:
    if not state.in_trouble:
        return None
    are = "destination is" if state.in_trouble == 1 else "destinations are"
    return Verdict("warn", f"{state.in_trouble:,} {are} in trouble; they are listed below.")


def _gone(state: State) -> Verdict | None:
    if not state.gone:
        return None
    words = f"{_some(len(state.gone), 'worker')} fell silent without having been stopped"
    had = "it" if len(state.gone) == 1 else "they"
    return Verdict("warn", f"{words}; what {had} had under way goes to others." if state.alive else f"{words}.")


def _well(state: State) -> str:
    are = "worker is" if len(state.alive) == 1 else "workers are"
    return f"All is well: {len(state.alive):,} {are} there, and no destination is in trouble."


def _some(count: int, what: str) -> str:
    """`1 worker`, `2,345 workers`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
