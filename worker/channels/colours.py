"""The colours by which people know how bad it is, on white: in mails' headlines and in pictures."""

from __future__ import annotations

from typing import Final

from worker.models import Event, Severity

BY_SEVERITY: Final = {
    Severity.INFO: "#2b6cb0",
    Severity.WARNING: "#b7791f",
    Severity.ERROR: "#c53030",
    Severity.CRITICAL: "#9b2c2c",
}
RESOLVED: Final = "#2f855a"


def colour_of(event: Event) -> str:
    """An event's colour, as `#rrggbb`."""
    return BY_SEVERITY[event.severity] if event.firing else RESOLVED
