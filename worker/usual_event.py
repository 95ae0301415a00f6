"""The usual event, read and checked in one go: text alone, all of it printable. Pure.

Most events are so. `worker.events` reads all others with every doubt, and would read these alike, at twice the cost.
"""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from worker.models import Severity, Status

NAME_CHARS: Final = 256
TITLE_CHARS: Final = 1024

Name = Annotated[str, Meta(max_length=NAME_CHARS)]
Words = Annotated[str, Meta(max_length=TITLE_CHARS)]


class UsualEvent(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An event of these fields only, each within its bound; its app's name and its title are still to be looked at."""

    app: Annotated[str, Meta(max_length=64)]
    title: Words
    id: Annotated[str, Meta(max_length=128)] = ""
    dedup_key: Words = ""
    status: Status = Status.FIRING
    severity: Severity = Severity.WARNING
    message: Annotated[str, Meta(max_length=16_384)] = ""  # no more than 64 KiB, whatever it is written with
    rule: Name = ""
    source: Name = ""
    tags: Annotated[dict[Name, Words], Meta(max_length=100)] = {}


def usual_event(raw: bytes) -> UsualEvent | None:
    """The event in `raw` where it is a usual one; None where it is any other, or none at all."""
    try:
        found = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Neither a NUL nor half a surrogate pair is printable.
    words = (found.id, found.title, found.dedup_key, found.message, found.rule, found.source)
    return found if "".join(chain(words, *found.tags.items())).isprintable() else None


_DECODER: Final = msgspec.json.Decoder(UsualEvent)
