"""What producers send beside an event's own fields: kept as it came, within bounds."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

import orjson

from worker.errors import InvalidEvent

DEPTH: Final = 32
"""How deep objects and lists may stand in each other, `extra` itself counted in."""
MEMBERS: Final = 10_000
"""How many members all of its objects and lists may have together."""
NAME_CHARS: Final = 256


def storable(extra: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    """`extra` itself; InvalidEvent where it cannot be kept as JSON, or exceeds a bound.

    Args:
        extra: all that is no field of an event's.
        max_bytes: the largest event that is taken; what came as JSON text was measured against it before.
    """
    try:
        kept = orjson.dumps(extra)
    except (TypeError, ValueError) as error:
        _check(extra)  # what is nested too deep is said in our own words
        raise InvalidEvent("extra", f"cannot be kept as JSON: {error}") from None
    if len(kept) > max_bytes:
        raise InvalidEvent("extra", f"has {len(kept)} bytes; at most {max_bytes} are taken (BELLHOP_MAX_EVENT_BYTES)")
    # What is short and has few brackets cannot be wide, deep or long-named, and so costs no second look.
    if len(kept) > NAME_CHARS or kept.count(b"{") + kept.count(b"[") > DEPTH:
        _check(extra)
    return extra


def _check(extra: dict[str, Any]) -> None:
    """Level by level, so that no depth can exhaust the stack."""
    level: list[Any] = [extra]
    members = 0
    for _ in range(DEPTH):
        members += sum(map(len, level))
        if members > MEMBERS:
            raise InvalidEvent("extra", f"must not have more than {MEMBERS} members in all")
        maps = [value for value in level if isinstance(value, dict)]
        if any(len(name) > NAME_CHARS for name in chain.from_iterable(maps) if isinstance(name, str)):
            raise InvalidEvent("extra", f"a name must not be longer than {NAME_CHARS} characters")
        level = [child for value in level for child in _children(value) if isinstance(child, dict | list)]
        if not level:
            return
    raise InvalidEvent("extra", f"must not be nested deeper than {DEPTH} levels")


def _children(value: dict[str, Any] | list[Any]) -> Any:
    return value.values() if isinstance(value, dict) else value
