"""From what was counted to what a row says: the checks that every row shares."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chaos.cluster import DRAIN_S, Cluster
from chaos.load import Producer
from chaos.referee import Key, Tally
from chaos.row import Check, Measured

SHOWN = 3


def finished(cluster: Cluster, *producers: Producer, within_s: float = DRAIN_S) -> tuple[Tally, Check]:
    """Wait until all was sent and nothing is owed, then count."""
    for producer in producers:
        while producer.busy:
            sent = sum(len(each.acknowledged) for each in producers)
            cluster.trial.say(f"{sent} events sent, {cluster.vendor.count()} messages taken")
            time.sleep(0.2)
    took_s = cluster.drain(within_s)
    found = "nothing is" if took_s is not None else f"after {within_s:.0f} s: {_standing(cluster)}"
    return cluster.tally(producers), Check("in the end nothing is owed", took_s is not None, found)


def measured(
    tally: Tally, drained: Check, *checks: Check, resumed_s: float | None = None, **figures: float | str
) -> Measured:
    """A row's findings: nothing lost, each duplicate marked, one result each, and the row's own checks."""
    duplicates = tally.duplicates
    shared = (
        Check("0 lost", not tally.lost, some(tally.lost)),
        Check("each duplicate is marked ambiguous", not tally.unmarked, some(tally.unmarked)),
        Check("one result for each delivery", not tally.settled_twice, some(tally.settled_twice)),
    )
    return Measured(
        events=len({event for _, event in tally.owed}),
        deliveries=len(tally.owed),
        lost=len(tally.lost),
        duplicates=sum(duplicates.values()),
        marked=sum(more for key, more in duplicates.items() if tally.marked(key)),
        checks=(drained, *shared, *checks),
        resumed_s=resumed_s,
        figures={**figures, **tally.reasons()},
    )


def none(what: str, keys: Sequence[Key]) -> Check:
    """That there are none of these."""
    return Check(what, not keys, some(keys))


def at_most(what: str, value: float | None, bound: float, unit: str = "", *, timing: bool = False) -> Check:
    """That a figure is within its bound; None means that it never came. Seconds and shares are a matter of timing."""
    holds = value is not None and value <= bound
    timing = value is not None and (timing or unit in {" s", " %"})
    return Check(f"{what} <= {bound:g}{unit}", holds, "never" if value is None else f"{value:.4g}{unit}", timing)


def some(keys: Sequence[Key]) -> str:
    """How many, and the first of them."""
    names = ", ".join(f"{channel} {event}" for channel, event in list(keys)[:SHOWN])
    return f"{len(keys)}{f' ({names} …)' if names else ''}"


def _standing(cluster: Cluster) -> str:
    return ", ".join(f"{count} {name}" for name, count in cluster.standing().items() if count)
