"""What a client says to log in (RFC 4954): AUTH PLAIN and AUTH LOGIN."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

Ask = Callable[[str], Awaitable[str]]
"""(challenge in base64) -> the client's next line."""


async def credentials(mechanism: str, first: str, ask: Ask) -> tuple[str, str] | None:
    """User and password; None for a mechanism that is not served, ValueError where they cannot be read."""
    if mechanism == "PLAIN":
        _, user, password = _decoded(first or await ask("")).split("\0")
        return user, password
    if mechanism == "LOGIN":
        user = _decoded(first or await ask(_encoded("Username:")))
        return user, _decoded(await ask(_encoded("Password:")))
    return None


def accepted(user: str, password: str) -> bool:
    """Anybody may log in, except with a password that begins with `wrong`."""
    return bool(user) and not password.lower().startswith("wrong")


def _encoded(words: str) -> str:
    return base64.b64encode(words.encode()).decode()


def _decoded(text: str) -> str:
    """What base64 stands for; ValueError where it is none, or `*`, which calls the exchange off."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error:
        raise ValueError("not base64") from None
