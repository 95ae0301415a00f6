"""Each way that each channel goes, as its sample has it: as it is written, and as it is read."""

from __future__ import annotations

from functools import cache
from typing import Any

from security.samples import variants
from worker.channels import CHANNELS


@cache
def as_written() -> tuple[tuple[str, Any], ...]:
    """(channel, settings as they stand in a file)."""
    return tuple((name, raw) for name in CHANNELS for raw in variants(name).values())


@cache
def as_read() -> tuple[tuple[str, Any], ...]:
    """(channel, its settings)."""
    return tuple((name, CHANNELS[name].settings.model_validate(raw)) for name, raw in as_written())
