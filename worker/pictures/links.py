"""Addresses of pictures for vendors, who fetch them without logging in: to know one is to may see it, for a while.

An address names an event and a day, and a MAC by a key of ours (HMAC-SHA-256, cut to 128 bits: RFC 2104 section 5).
Nobody else can make one, or make one last longer. Nothing is stored for it: the console draws it when it is fetched.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from typing import Final

from worker.keys import MasterKeys
from worker.models import Event

LIFE_S: Final = 30 * 86_400
DAY_S: Final = 86_400
MAC_BYTES, TIME_BYTES = 16, 4
TOKEN_CHARS: Final = 1000
"""More than the longest names make."""
PURPOSE: Final = b"addresses of pictures"
PATH: Final = "/pictures/{token}.png"


def link_keys(keys: MasterKeys) -> tuple[bytes, ...]:
    """What addresses are made with, newest first. Workers and console agree, since they have the same master keys."""
    return keys.derived(PURPOSE)


class Links:
    """Makes addresses, with the newest of the keys."""

    def __init__(self, public_url: str, keys: Sequence[bytes]) -> None:
        self._base = public_url.rstrip("/")
        self._key = keys[0]

    def url(self, event: Event) -> str:
        """Where the picture of this event is: the same for all of its notifications."""
        token = make_token(self._key, event.app, event.id, int(event.received_at) + LIFE_S)
        return self._base + PATH.format(token=token)


def make_token(key: bytes, app: str, event_id: str, expires_at: int) -> str:
    """The capability to see one event's picture until then (epoch seconds, rounded up to a day)."""
    day = -(-expires_at // DAY_S) * DAY_S
    told = min(max(day, 0), 2 ** (8 * TIME_BYTES) - 1).to_bytes(TIME_BYTES, "big") + f"{app}/{event_id}".encode()
    return base64.urlsafe_b64encode(_mac(key, told) + told).rstrip(b"=").decode()


def read_token(keys: Sequence[bytes], token: str, now: float) -> tuple[str, str] | None:
    """(app, event id) that a token is for; None where it was not made with one of the keys, or has had its time."""
    raw = _decoded(token)
    mac, told = raw[:MAC_BYTES], raw[MAC_BYTES:]
    # All keys are tried, so that how long it takes says nothing.
    if not any([hmac.compare_digest(mac, _mac(key, told)) for key in keys]):  # noqa: C419
        return None
    if now >= int.from_bytes(told[:TIME_BYTES], "big"):
        return None
    app, _, event_id = told[TIME_BYTES:].decode().partition("/")
    return app, event_id


def _decoded(token: str) -> bytes:
    """What is in a token; nothing where it is none, or is written in another way than ours."""
    if not token.isascii() or len(token) > TOKEN_CHARS:
        return b""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=") == token.encode() else b""


def _mac(key: bytes, told: bytes) -> bytes:
    return hmac.digest(key, told, "sha256")[:MAC_BYTES]
