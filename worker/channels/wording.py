"""The words that people read in a channel: one place, so that an alert reads alike wherever it arrives."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from msgspec.structs import replace

from worker.models import Event, Link, Notice

ELLIPSIS = "…"
LAST_S = 253_402_300_799.0
"""The end of the year 9999, in epoch seconds."""
TEST_SENTENCE = "This is a test message: somebody pressed Test, and nothing is wrong."


def headline(event: Event, *, test: bool = False) -> str:
    """`[CRITICAL] title`, or `[RESOLVED] title` once it is back to normal; `[TEST]` in front of a test."""
    mark = event.severity.upper() if event.firing else "RESOLVED"
    return f"{'[TEST] ' if test else ''}[{mark}] {event.title}"


def paragraphs(notice: Notice) -> list[str]:
    """What follows the headline, in the order that people need it: message, measurement, where and when."""
    event = notice.event
    parts = [TEST_SENTENCE] if notice.test else []
    if event.message:
        parts.append(event.message)
    if event.metric is not None:
        parts.append(measurement(event))
    parts.append(" · ".join(facts(event)))
    if notice.late_s > 0:
        parts.append(late(notice))
    return parts


def plain(notice: Notice) -> str:
    """The whole alert as plain text, links last."""
    lines = [headline(notice.event, test=notice.test), *paragraphs(notice)]
    lines += [f"{link.text}: {link.href}" for link in notice.event.links]
    return "\n".join(lines)


def within(notice: Notice, limit: int, write: Callable[[Notice], str]) -> str:
    """`write(notice)`; where that has over `limit` characters, once more with as much less of the event's message.

    So a long message costs neither the links nor the place and time after it. The result may still be too long.
    """
    text = write(notice)
    excess = len(text) - limit
    if excess <= 0:
        return text
    message = clip(notice.event.message, max(len(notice.event.message) - excess, 1))
    return write(replace(notice, event=replace(notice.event, message=message)))


def web_links(event: Event) -> tuple[Link, ...]:
    """The links that may be made clickable: http and https only."""
    return tuple(link for link in event.links if link.href.lower().startswith(("https://", "http://")))


def facts(event: Event) -> list[str]:
    """`app checkout`, `rule disk`, `host=db-1` …, `since 2026-11-23 14:05:00 UTC`."""
    told = [f"app {event.app}"]
    if event.rule:
        told.append(f"rule {event.rule}")
    if event.source:
        told.append(f"source {event.source}")
    told += [f"{key}={value}" for key, value in event.tags.items()]
    told.append(f"{'since' if event.firing else 'resolved at'} {clock(event.occurred_at)}")
    return told


def measurement(event: Event) -> str:
    """`avg(used) > 1073741824 bytes for 300 s; now 1464274175.5 bytes`, as far as the event tells."""
    metric = event.metric
    if metric is None:
        return ""
    name = f"{metric.aggregation}({metric.name})" if metric.aggregation else metric.name
    unit = f" {metric.unit}" if metric.unit else ""
    text = name
    if metric.threshold is not None:
        text += f" {metric.comparator or '~'} {number(metric.threshold)}{unit}"
    if metric.window_s:
        text += f" for {number(metric.window_s)} s"
    if metric.value is not None:
        text += f"; now {number(metric.value)}{unit}"
    return text


def late(notice: Notice) -> str:
    """`(delivered 12 min late)`, or nothing where it is on time."""
    if notice.late_s <= 0:
        return ""
    return f"(delivered {duration(notice.late_s)} late)"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 5 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def number(value: float) -> str:
    """Without a trailing `.0`, and without more digits than anybody reads."""
    if not math.isfinite(value) or abs(value) >= 1e15:
        return f"{value:.6g}"
    if value == int(value):
        return str(int(value))
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1e5 else f"{value:.6g}"


def clock(epoch_s: float) -> str:
    """`2026-11-23 14:05:00 UTC`."""
    return f"{_to_the_second(int(_within_reason(epoch_s)))} UTC"


def iso(epoch_s: float) -> str:
    """`2026-11-23T14:05:00Z`: RFC 3339."""
    return f"{_to_the_second(int(_within_reason(epoch_s))).replace(' ', 'T')}Z"


def moment(epoch_s: float) -> datetime:
    """`epoch_s` in UTC; what lies outside the years 1970 to 9999 becomes the nearest of them."""
    return datetime.fromtimestamp(_within_reason(epoch_s), UTC)


def _within_reason(epoch_s: float) -> float:
    return epoch_s if 0.0 <= epoch_s <= LAST_S else min(max(0.0, epoch_s), LAST_S)


@lru_cache(maxsize=1024)  # alerts come in storms, and a storm's are of the same few seconds
def _to_the_second(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clip(text: str, limit: int) -> str:
    """`text`, cut to `limit` characters with an ellipsis as the last of them."""
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def clip_escaped(escaped: str, limit: int) -> str:
    """Like `clip`, for text whose `&` all begin an entity such as `&lt;`: never cut inside one."""
    if len(escaped) <= limit:
        return escaped
    kept = escaped[: limit - 1]
    entity = kept.rfind("&")
    if entity >= 0 and ";" not in kept[entity:]:
        kept = kept[:entity]
    return kept + ELLIPSIS


def clip_bytes(text: str, limit: int) -> str:
    """`text`, cut to `limit` bytes of UTF-8 with an ellipsis at the end, never inside a character."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - len(ELLIPSIS.encode())].decode("utf-8", "ignore") + ELLIPSIS


def one_line(text: str) -> str:
    """`text` without line ends and other control characters: for subjects, titles and passive checks."""
    return " ".join(printable(text).split())


def printable(text: str, also: str = "") -> str:
    """`text` with a space for each control character, save those in `also`."""
    rest = text
    for c in also:
        rest = rest.replace(c, "")
    if rest.isprintable():
        return text
    return "".join(c if c.isprintable() or c in also else " " for c in text)
