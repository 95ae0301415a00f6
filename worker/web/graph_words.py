"""The event graph in words: what a row is called, and what the charts show, for those who do not see them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from worker.channels.wording import duration
from worker.graph_link import iso
from worker.models import Severity, Status
from worker.pictures.numbers import with_unit
from worker.web.graph import Graph
from worker.web.graph_lines import bounds
from worker.web.history_rows import EventRow, Feeding, Metric, Slot
from worker.web.spans import Span

SEVERITIES: Final = tuple(severity.value for severity in reversed(Severity))
"""The worst first."""
NAMED: Final = 80
"""Characters of a name within a sentence."""


def name_of(row: EventRow) -> str:
    """`Bellhop alert 'Memory used' is triggered`."""
    end = "is triggered" if row.status == Status.FIRING else "is back to normal"
    return f"Bellhop alert '{row.rule or row.title}' {end}"


def summary(graph: Graph) -> list[str]:
    """What the charts show, in sentences."""
    return [_events(graph), *map(_metric, graph.metrics)]


def shown(span: Span) -> str:
    """`2026-11-23 21:05:00 to 22:05:00 UTC`; the day once where it is one day."""
    since, until = (iso(at)[:19].replace("T", " ") for at in (span.since_ms, span.until_ms))
    same = since[:10] == until[:10]
    return f"{since} to {until[11:] if same else until} UTC"


def notice(feeding: Feeding, now: float) -> str:
    """What whoever looks at history ought to know of it; empty where all is well."""
    if feeding.away_since is not None:
        away = duration(max(0.0, now - feeding.away_since))
        return f"Redis has been away for {away}: what is shown may be out of date. Deliveries wait and go on with it."
    if not feeding.complete and feeding.kept:
        return f"The console is still reading: {feeding.events:,} of {feeding.kept:,} events so far, the latest first."
    return ""


def nothing(graph: Graph) -> str:
    """What stands where there is no row."""
    return "There is no event of this app yet" if graph.latest_at is None else "No event in this time that fits"


def listed(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _events(graph: Graph) -> str:
    total = sum(slot.total for slot in graph.slots)
    if not total:
        return "No events."
    counts: Counter[tuple[str, str]] = Counter()
    for slot in graph.slots:
        counts.update(slot.counts)
    parts = [f"{n:,} {severity}" for severity in SEVERITIES if (n := counts[severity, Status.FIRING])]
    normal = sum(n for (_, status), n in counts.items() if status == Status.RESOLVED)
    parts += [f"{normal:,} back to normal"] if normal else []
    most, *others = sorted(graph.slots, key=lambda slot: slot.total, reverse=True)
    stands_out = others and most.total > others[0].total > 0
    busiest = f" The busiest {_at(most)} with {most.total:,}." if stands_out else ""
    return f"{total:,} event{'s' if total > 1 else ''}: {listed(parts)}.{busiest}"


def _at(slot: Slot) -> str:
    return f"{duration(slot.width_s)} began at {iso(round(slot.at * 1000))[:16].replace('T', ' ')}"


def _metric(metric: Metric) -> str:
    name = label(metric)
    parts = []
    if metric.points:
        parts.append(_between(*(with_unit(value, metric.unit) for value in bounds(metric.points))))
    else:
        parts.append("no points in this time")
    if metric.thresholds:
        limits = [f"{metric.comparator} {with_unit(each, metric.unit)}".strip() for each in metric.thresholds]
        parts.append(f"threshold {listed(limits)}")
    parts += _marks(metric)
    return f"{name}: {'; '.join(parts)}."


def _between(low: str, high: str) -> str:
    """The unit once, where it is one."""
    number, _, unit = low.partition(" ")
    return f"at {low}" if low == high else f"between {number if high.endswith(f' {unit}') else low} and {high}"


def label(metric: Metric) -> str:
    """`avg(used)`, or the name alone."""
    name = metric.name if len(metric.name) <= NAMED else metric.name[: NAMED - 1] + "…"
    return f"{metric.aggregation}({name})" if metric.aggregation else name


def _marks(metric: Metric) -> list[str]:
    counts = Counter(marker.kind for marker in metric.markers)
    told = {(marker.destination, marker.channel) for marker in metric.markers if marker.kind == "told"}
    parts = [f"fired {_times(counts['firing'])}"] if counts["firing"] else []
    parts += [f"back to normal {_times(counts['resolved'])}"] if counts["resolved"] else []
    parts += [f"{len(told)} destination{'s' if len(told) > 1 else ''} told"] if told else []
    return parts


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
