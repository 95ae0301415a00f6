"""The parts of the figures, a list kept by hand, in the order in which they run. Each is a module with a `measure`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from security.row import Measure, Row, Say

ALL: Final = {
    "addresses": "address forms that must not pass",
    "canaries": "secrets of every channel, looked for everywhere",
    "mutations": "mutated events, settings files and replies",
    "rotation": "master keys changed under load",
    "cost": "what guard and decryption cost a delivery",
}
PARTS: Final = {name: what for name, what in ALL.items() if find_spec(f"security.{name}")}


def measured(name: str, scale: float, say: Say) -> list[Row]:
    """The rows of a part; one that says why where it could not be measured."""
    measure: Measure = import_module(f"security.{name}").measure
    try:
        return measure(scale, say)
    except Exception as error:  # noqa: BLE001 - the other parts are to be measured all the same
        return [Row(PARTS[name], "is measured", f"{type(error).__name__}: {error}"[:2000], holds=False)]
