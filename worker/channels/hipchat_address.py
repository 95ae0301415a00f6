"""Where a HipChat room is: from a base URL with or without a path, or from a whole pasted address with its token.

Never hard-code the address, says Atlassian: people give base URL and token, or paste the whole thing.
https://confluence.atlassian.com/hc/integration-guidelines-to-support-hipchat-server-701433362
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from worker.channels.addresses import address_label, wire_url

DEFAULT_BASE = "https://api.hipchat.com"
PASTED = re.compile(r"(?P<base>.*)/v2/room/(?P<room>[^/]+)(/notification)?/?")
_V1 = re.compile(r"/v1(/|$)")
_V2_END = re.compile(r"/v2/?$")
_ASCII_WORD = re.compile(r"[\x21-\x7e]+")
ROOM_CHARS = 100


@dataclass(frozen=True)
class RoomAddress:
    """A room of a server, and the token for it. `base` ends before `/v2`."""

    base: str
    room: str
    token: str = field(repr=False)

    @cached_property
    def url(self) -> str:
        """Where notifications for the room go."""
        return f"{self.base}/v2/room/{room_segment(self.room)}/notification"

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """What every notification carries: the token here and not in the query, where proxies' logs would show it."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    @cached_property
    def label(self) -> str:
        """What logs may show of it."""
        return f"POST {address_label(self.url)}"


def room_segment(room: str) -> str:
    """A room's id or name as exactly one segment of a path.

    `.` and `..` would be steps through the path, so their dots are encoded, which `quote` never does.
    """
    return quote(room, safe="") if room.strip(".") or len(room) > 2 else room.replace(".", "%2E")


def room_address(base_url: str, room: str, token: str) -> RoomAddress:
    """The address that these settings mean, each of them possibly empty; what is given wins over what is pasted.

    Raises:
        ValueError: a sentence on what is missing or wrong, without what was typed.
    """
    parts = urlsplit(wire_url(base_url or DEFAULT_BASE))
    if _V1.search(parts.path):
        raise ValueError("base_url: is an address of HipChat's API v1; only v2 works")
    pasted = PASTED.fullmatch(parts.path)
    path = pasted["base"] if pasted else _V2_END.sub("", parts.path).rstrip("/")
    room = room or (unquote(pasted["room"]) if pasted else "")
    token = token or parse_qs(parts.query).get("auth_token", [""])[0]
    if not 1 <= len(room) <= ROOM_CHARS:
        raise ValueError("room: fill in the room's id or its name, of 100 characters at the most")
    if not _ASCII_WORD.fullmatch(token):
        raise ValueError("token: fill in an OAuth2 token: Rooms / your room / Tokens")
    return RoomAddress(urlunsplit((parts.scheme, parts.netloc, path, "", "")), room, token)
