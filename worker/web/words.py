"""Filters for templates: times, durations and numbers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup, escape

MINUTE, HOUR, DAY = 60, 3600, 86_400
NONE = "\N{EN DASH}"
SECOND_MS, MINUTE_MS = 1000, 60_000


def when(epoch_s: float | None) -> Markup:
    """A time to the second, UTC; an en dash for none."""
    if epoch_s is None:
        return escape(NONE)
    at = _utc(epoch_s)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds"), f"{at:%Y-%m-%d %H:%M:%S}"
    )


def ago(epoch_s: float | None, now: float) -> Markup:
    """How long ago, in words, with the time itself behind it."""
    if epoch_s is None:
        return Markup("never")
    at = _utc(epoch_s)
    said = Markup('<time datetime="{}" title="{} UTC">{}</time>')
    return said.format(at.isoformat(timespec="seconds"), f"{at:%Y-%m-%d %H:%M:%S}", _since(now - epoch_s))


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


def ms(value: float | None) -> str:
    """A duration in milliseconds as `12 ms`, `1.2 s` or `3 min`; an en dash for none."""
    if value is None:
        return NONE
    if value < SECOND_MS:
        return f"{value:.0f} ms"
    return f"{value / SECOND_MS:.1f} s" if value < MINUTE_MS else f"{value / MINUTE_MS:.0f} min"


def _since(seconds: float) -> str:
    if seconds < MINUTE:
        return "just now"
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def _utc(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
