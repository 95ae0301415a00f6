"""What a passive check result says: which host and service, in which state, and in which words."""

from __future__ import annotations

import math
import re

from worker.channels.nagios_settings import Check, NagiosSettings
from worker.channels.wording import headline, one_line, paragraphs, printable
from worker.models import Event, Notice, Severity


def host_name(event: Event, settings: NagiosSettings) -> str:
    """The Nagios host that an event is about."""
    named = safe_name(event.tags.get(settings.host_tag, ""))
    if not named:
        if not settings.unknown_host:
            raise ValueError(f"the event has no tag {settings.host_tag!r}, and unknown_host is not set")
        return settings.unknown_host
    if settings.known_hosts and named not in settings.known_hosts:
        return settings.catch_all_host
    return named


def service_name(event: Event, settings: NagiosSettings) -> str:
    """The Nagios service that an event is about; empty for a host check."""
    if settings.check is Check.HOST:
        return ""
    parts = {"$rule": event.rule, "$app": event.app}
    name = re.sub(r"\$(?:rule|app)\b", lambda found: parts[found[0]], settings.service_name)
    return safe_name(name) or "Bellhop alerts"


def safe_name(text: str) -> str:
    """One line of at most 255 bytes without semicolons, at which Nagios would split the command."""
    return fitting(one_line(text.replace(";", ",")), 255)


def fitting(text: str, limit: int) -> str:
    """The first `limit` bytes of a name, no character cut in half. No ellipsis: no name has one."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


_SERVICE_STATES = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2, Severity.CRITICAL: 2}


def state_of(event: Event, check: Check) -> int:
    """0 OK, 1 WARNING, 2 CRITICAL for a service; 0 UP, 1 DOWN for a host."""
    if not event.firing:
        return 0
    return 1 if check is Check.HOST else _SERVICE_STATES[event.severity]


def output(notice: Notice, limit: int) -> str:
    """The headline, `| 'used'=42`, and the rest as further lines: Nagios' form, at most `limit` bytes.

    https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/pluginapi.html
    """
    first = _text(one_line(headline(notice.event, test=notice.test)))
    long = _text("\n".join(paragraphs(notice)))
    return escaped(
        f"{first}{_performance(notice.event)}\n{long}" if long else first + _performance(notice.event), limit
    )


def _text(text: str) -> str:
    # A bar would begin the measurements.
    return printable(text.replace("|", "¦"), also="\n")


def _performance(event: Event) -> str:
    metric = event.metric
    if metric is None or metric.value is None or not math.isfinite(metric.value):
        return ""
    label = re.sub(r"[^A-Za-z0-9_.:/ -]", "_", metric.name)[:64]
    return f" | '{label}'={metric.value:.15g}"


def escaped(text: str, limit: int) -> str:
    """`text` as one line of at most `limit` bytes: line ends and backslashes become two characters, never cut apart."""
    whole = text.replace("\\", "\\\\").replace("\n", "\\n")
    if len(whole.encode("utf-8", "replace")) <= limit:
        return whole
    pieces: list[str] = []
    left = limit
    for c in text:
        piece = {"\n": "\\n", "\\": "\\\\"}.get(c, c)
        left -= len(piece.encode("utf-8", "replace"))
        if left < 0:
            break
        pieces.append(piece)
    return "".join(pieces)
