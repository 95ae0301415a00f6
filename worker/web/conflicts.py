"""Two people at one destination: what the first has changed, and who that was, for the second to read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from worker.appsdiff import shown_fields
from worker.models import Destination
from worker.web.audit import Audit, Entry

LOOKED_AT: Final = 5
CHANGES: Final = frozenset(
    {"destination.added", "destination.saved", "destination.enabled", "destination.disabled", "destination.deleted"}
)
TOLD_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Conflict:
    """What happened while somebody was typing."""

    deleted: bool
    fields: tuple[tuple[str, str], ...] = ()
    """(path, what is stored now) of each field that is not what it was; of secrets only whether there are any."""
    by: tuple[Entry, ...] = field(default=())
    """What the audit log has of it, newest first; empty where it was done elsewhere."""


def footprint(destination: Destination | None) -> str:
    """What a form keeps of what it showed, to find out later what has changed: digests by field, of no secret."""
    return orjson.dumps(_digests(destination)).decode()


def changed_since(kept: str, now: Destination | None) -> tuple[tuple[str, str], ...]:
    """(path, what it is now) of each field that differs from what a form has kept; `kept` is believed in nothing."""
    before, after = _kept(kept), _digests(now)
    shown = shown_fields(now) if now is not None else {}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    known = [name for name in names if name in shown or name in before]
    return tuple((name[:TOLD_CHARS], shown.get(name, "")[:TOLD_CHARS]) for name in known)


async def who_changed(audit: Audit, app: str, destination: str, since: float) -> tuple[Entry, ...]:
    """What the audit log has of changes to it since `since`, in epoch seconds; newest first."""

    def fits(entry: Entry) -> bool:
        return entry.what in CHANGES and (entry.app, entry.subject) == (app, destination) and entry.at >= since

    return tuple((await audit.entries(fits, limit=LOOKED_AT)).entries)


def _digests(destination: Destination | None) -> dict[str, str]:
    if destination is None:
        return {}
    return {
        name: hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12] for name, text in _fields(destination)
    }


def _fields(destination: Destination) -> Iterable[tuple[str, str]]:
    return shown_fields(destination).items()


def _kept(text: str) -> Mapping[str, Any]:
    try:
        kept = orjson.loads(text)
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}
