"""Keeps the secrets of a destination's settings out of what people are shown, when a vendor echoes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

HIDDEN = "***"
SHORTEST = 4
"""Shorter secrets are not looked for: every text would hold them by chance."""
SHORTEST_PIECE = 10
"""An address' or header's pieces count as secret from this length on: `/services/T00/B00/XXXXXXXX…`."""


def without_secrets(text: str, settings: Any) -> str:
    """`text` with every secret of `settings`, or a telling piece of one, replaced by `***`."""
    if not text or settings is None:
        return text
    known: tuple[str, ...] | None = getattr(settings, "tellings", None)
    for telling in tellings_of(settings) if known is None else known:
        text = text.replace(telling, HIDDEN)
    return text


def tellings_of(settings: Any) -> tuple[str, ...]:
    """The secrets of `settings` and their telling pieces in every form that a vendor may echo, the longest first."""
    return tuple(sorted(set(_tellings(settings)), key=len, reverse=True))


def _tellings(settings: Any) -> Iterator[str]:
    for secret in secrets_of(settings):
        whole = [text for text in (secret, *_behind_the_host(secret)) if len(text) >= SHORTEST]
        pieces = [piece for piece in re.split(r"[\s/?&=#]+", secret) if len(piece) >= SHORTEST_PIECE]
        for telling in (*whole, *pieces):
            yield from {telling, quote(telling), quote(telling, safe=""), unquote(telling)}


def _behind_the_host(secret: str) -> list[str]:
    """An address' path with and without its query, and the query's values: what servers quote of a request."""
    if not secret.startswith(("https://", "http://")):
        return []
    parts = urlsplit(secret)
    path = parts.path.strip("/")
    return [f"{path}?{parts.query}", path, *(value for _, value in parse_qsl(parts.query))]


def secrets_of(value: Any) -> Iterator[str]:
    """The text of every SecretStr in a settings value, in whatever depth."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from secrets_of(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from secrets_of(part)
