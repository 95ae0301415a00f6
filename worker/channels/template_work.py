"""How much a template may do: work is counted, not timed, so that the same template always comes as far."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain
from typing import Any, Final

OUTPUT_BYTES: Final = 262_144
UNITS: Final = 300_000
"""What one rendering may do in all: a unit is a node that is run once, an item that is looked at, or 64 characters. It
comes to about a tenth of a second, in which a worker does nothing else."""
UNIT_CHARS: Final = 64
CALL: Final = 5
"""What a filter, a test or a method costs at the least."""
SORTED: Final = 8
"""How much dearer sorting is than looking at everything once."""
INTEGER_BITS: Final = 1024

_MANY: Final = (list, tuple, KeysView, ValuesView, ItemsView)
_SIMPLE: Final = frozenset({int, float, bool, type(None)})


class Work:
    """What is left to do for one rendering; ValueError where it is used up."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = UNITS

    def spend(self, units: int) -> None:
        """So much is done now."""
        self._left -= units
        if self._left < 0:
            raise ValueError("it takes too much work: its loops have too many rounds, or its values are too large")

    def look_at(self, values: Iterable[Any], times: int = 1) -> None:
        """All of these are looked at, however deep they are."""
        for value in values:
            self.spend(times * weight(value, self._left + 1))

    def kept(self, value: Any) -> Any:
        """`value`, which was made by the template: within the bounds of size, and counted where it is yet to come."""
        if isinstance(value, str):
            within(len(value))
        elif isinstance(value, bool | float):
            pass
        elif isinstance(value, int):
            if value.bit_length() > INTEGER_BITS:
                raise ValueError("a number too large")
        elif isinstance(value, Iterator):
            return self._counted(value)
        elif isinstance(value, Mapping | list | tuple):
            units = weight(value, OUTPUT_BYTES)
            within(units)
            self.spend(units)
        return value

    def _counted(self, values: Iterator[Any]) -> Iterator[Any]:
        for value in values:
            self.look_at((value,))
            yield value


def weight(value: Any, most: int) -> int:
    """How much there is to look at in `value`, in units; more than `most` is not counted to its end.

    A list in which the same list stands twice counts it twice, as comparing or printing would: twenty such lists in
    each other are a million.
    """
    total, waiting = 1, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            total += len(each) // UNIT_CHARS
        elif isinstance(each, range):
            total += len(each)
        elif isinstance(each, dict):
            total += 2 * len(each)
            waiting += [part for part in chain(each, each.values()) if type(part) not in _SIMPLE]
        elif isinstance(each, _MANY):
            total += len(each)
            waiting += [part for part in each if type(part) not in _SIMPLE]
        if total > most:
            return most + 1
    return total


def within(size: int) -> None:
    """ValueError where a text, or a body, gets too large."""
    if size > OUTPUT_BYTES:
        raise ValueError(f"it makes more than {OUTPUT_BYTES // 1024} KiB")
