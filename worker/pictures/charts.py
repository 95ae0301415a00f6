"""What a picture shows of an event, in words. Pure."""

from __future__ import annotations

from typing import Final

from worker.channels.colours import colour_of
from worker.channels.wording import clip, clock, headline, number, one_line
from worker.models import Event, Metric
from worker.pictures.chart import Chart
from worker.pictures.numbers import with_unit

TITLE_CHARS, SUBTITLE_CHARS, NAME_CHARS, ALT_CHARS = 200, 300, 80, 300
ABOVE: Final = ("more", "above", "greater", "gt", "ge", "over")
BELOW: Final = ("less", "below", "lower", "lt", "le", "under")
"""How comparators begin that are no signs: MORE_OR_EQUAL, lt."""


def chart_of(event: Event) -> Chart:
    """The chart of an event that has a metric; of one without, an empty one."""
    metric = event.metric or Metric(name="")
    return Chart(
        title=clip(one_line(headline(event)), TITLE_CHARS),
        subtitle=clip(" · ".join(_facts(event, metric)), SUBTITLE_CHARS),
        colour=colour_of(event),
        at=event.occurred_at,
        mark=f"{'triggered' if event.firing else 'resolved'} {clock(event.occurred_at)[11:]}",
        points=metric.points,
        unit=one_line(metric.unit),
        threshold=metric.threshold,
        beyond=beyond(metric.comparator),
        value=metric.value,
        window_s=metric.window_s,
    )


def alt_text(event: Event) -> str:
    """The picture for those who do not see it: `Chart of avg(used) > 1.07 GB for 300 s, now 1.46 GB; app shop`."""
    metric = event.metric or Metric(name="")
    return clip(f"Chart of {', '.join(_facts(event, metric))}", ALT_CHARS)


def beyond(comparator: str) -> int:
    """On which side of the threshold the trouble is: 1 above, -1 below, 0 where the comparator does not tell."""
    sign = comparator.strip().lower()
    if sign.startswith((">", *ABOVE)):
        return 1
    return -1 if sign.startswith(("<", *BELOW)) else 0


def _facts(event: Event, metric: Metric) -> list[str]:
    """`avg(used) > 1.07 GB for 300 s`, `now 1.46 GB`, `app shop`."""
    name = one_line(f"{metric.aggregation}({metric.name})" if metric.aggregation else metric.name)
    rule = clip(name, NAME_CHARS)
    unit = one_line(metric.unit)
    if metric.threshold is not None:
        rule += f" {clip(one_line(metric.comparator), NAME_CHARS) or '~'} {with_unit(metric.threshold, unit)}"
    if metric.window_s:
        rule += f" for {number(metric.window_s)} s"
    now = [] if metric.value is None else [f"now {with_unit(metric.value, unit)}"]
    return [rule, *now, f"app {event.app}"]
