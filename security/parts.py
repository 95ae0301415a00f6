"""The parts of the figures, a list kept by hand, in the order in which they run. Each is a module with a `measure`."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from security.row import Measure, Row, Say

PARTS: Final = {
    "addresses": "address forms that must not pass",
    "canaries": "secrets of every channel, looked for everywhere",
    "mutations": "mutated events, settings files and replies",
    "rotation": "master keys changed under load",
    "cost": "what guard and decryption cost a delivery",
}


def measured(name: str, scale: float, say: Say) -> list[Row]:
    """The rows of a part."""
    return rows_of(PARTS[name], import_module(f"security.{name}").measure, scale, say)


def rows_of(what: str, measure: Measure, scale: float, say: Say) -> list[Row]:
    """What `measure` gives back; a row that says why where it fails, so that the other parts are measured."""
    try:
        return measure(scale, say)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return [Row(what, "is measured", f"{type(error).__name__}: {error}"[:2000], holds=False)]
