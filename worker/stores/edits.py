"""One destination changed by itself, and only where it is still what its editor has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from worker.errors import NotFound, Outdated
from worker.models import App, Destination
from worker.stores.sealing import KEY_FIELD

ABSENT: Final = ""
"""The revision of a destination that is not there."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of the destination `name`: `after` in its place, or where that is None, nothing."""

    name: str
    after: Destination | None


@dataclass(frozen=True, slots=True)
class Opened:
    """An app as it is stored at one moment, and by destination which revision of it this is."""

    app: App
    revisions: Mapping[str, str] = field(default_factory=dict)

    def revision(self, name: str) -> str:
        """That of a destination; ABSENT where there is none."""
        return self.revisions.get(name, ABSENT)


def revision_of(raw: bytes | None) -> str:
    """The revision of a destination from what is stored of it.

    Its secrets are in there sealed, each time anew, so that it tells nothing of them.
    """
    return ABSENT if raw is None else hashlib.sha256(raw).hexdigest()[:32]


def check_edit(app: str, edit: Edit, *, known: bool, at: str, expected: str) -> None:
    """Refuse an edit of what is not there, or not any more what it was: NotFound, Outdated."""
    if not known:
        raise NotFound(f"there is no app {app}")
    if edit.name == KEY_FIELD or (edit.after is None and expected == ABSENT):
        raise NotFound(f"app {app} has no destination {edit.name}")
    if at != expected:
        raise Outdated(f"{app}/{edit.name} was changed in between")
