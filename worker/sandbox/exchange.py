"""What a vendor is asked and what it answers, as plain values: no socket is seen past the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
FORM = "application/x-www-form-urlencoded"

NO_HEADERS: Mapping[str, str] = {}


class Fate(StrEnum):
    """What became of a request that arrived."""

    ACCEPTED = "accepted"  # a message was taken: it stands in the room, the inbox, the list of checks
    REFUSED = "refused"  # the vendor, or a fault, said no
    PROBED = "probed"  # answered well, nothing posted: HipChat's auth_test, NRDP's hello
    UNANSWERED = "unanswered"  # a fault took it: nothing was done and nothing was said


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as a vendor sees it. `path` is percent-decoded per segment; header names know no case."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    now: float
    """Epoch seconds."""

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        return orjson.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body's form fields, the last of each name; ValueError where it is not text."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def bearer(self) -> str:
        """The token in `Authorization: Bearer …`, or nothing."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor says to a call, and what it made of it."""

    status: int | None
    """None where nothing is said: the connection is closed instead."""
    fate: Fate
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery_id: str = ""
    """The vendor's own idempotency key, where the request holds one."""
    note: str = ""
    """What a person who looks at the page should know, in a few words."""


class Vendor(Protocol):
    """A stand-in: state in memory, no I/O, the clock comes with the call."""

    channel: str
    addressed_by_body: bool
    """Whether the body has to be read to know whom a call is for."""

    def address(self, call: Call) -> str:
        """Whom it is for, without secrets: a room, a hook, a routing key's ends. Never raises."""

    def answer(self, call: Call) -> Answer:
        """Do what is asked and say so, as the vendor documents it."""

    def clear(self) -> None:
        """As if just started."""


def say(
    status: int, fate: Fate, content: Any = None, *, headers: Mapping[str, str] = NO_HEADERS, note: str = ""
) -> Answer:
    """An answer in JSON; without content an empty one."""
    return Answer(status, fate, b"" if content is None else orjson.dumps(content), JSON, headers, note=note)


def say_text(status: int, fate: Fate, text: str, *, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """An answer in plain text, which a refusal also carries as its note."""
    note = text if fate is Fate.REFUSED else ""
    return Answer(status, fate, text.encode(), TEXT, headers, note=note)
