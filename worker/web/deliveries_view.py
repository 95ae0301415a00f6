"""Deliveries in words and colours, for lists and timelines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from worker.channels import CHANNELS
from worker.channels.wording import duration
from worker.models import Outcome, Reason

TONES: Final[Mapping[str, str]] = {
    Outcome.DELIVERED: "good",
    Outcome.FAILED: "bad",
    Outcome.SKIPPED: "warn",
    "retrying": "warn",
}
"""The colour of where a delivery stands."""
SEVERITIES: Final[Mapping[str, str]] = {"critical": "bad", "error": "bad", "warning": "warn"}


def tone(severity: str, status: str) -> str:
    """The colour of an event."""
    return "good" if status == "resolved" else SEVERITIES.get(severity, "")


def word(severity: str, status: str) -> str:
    """How an event is, in a word or three."""
    return "back to normal" if status == "resolved" else severity


def label(channel: str) -> str:
    """The channel as people write it."""
    return CHANNELS[channel].label if channel in CHANNELS else channel


def wait(state: str, due_at: float | None, now: float) -> str:
    """When a delivery that is owed is tried next."""
    if state != "retrying" or due_at is None:
        return ""
    return f"next attempt in {duration(due_at - now)}" if due_at > now else "next attempt is due"


def is_dead(state: str, reason: str) -> bool:
    """Whether it is a dead letter, which can be replayed: see `worker.models.Progress.dead`."""
    return state == Outcome.FAILED or (state == Outcome.SKIPPED and reason == Reason.PAUSED)
