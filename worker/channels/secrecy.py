"""Keeps the secrets of a destination's settings out of what people are shown, when a vendor echoes them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

HIDDEN = "***"
SHORTEST = 4
"""Shorter secrets are not looked for: every text would hold them by chance."""
SHORTEST_PIECE = 10
"""A secret's pieces count as secret from this length on: `/services/T00/B00/XXXXXXXX…`."""
_BETWEEN = (re.compile(r"[\s/?&=#]+"), re.compile(r"[^A-Za-z0-9]+"))
"""What is between the pieces of addresses and headers, and between runs of letters and digits, which no way of writing
them out changes."""


def without_secrets(text: str, settings: Any, *, cut: bool = False) -> str:
    """`text` with every secret of `settings`, or a telling piece of one, replaced by `***`.

    Of one that was `cut` the end is left out, where the beginning of a secret could be.
    """
    if len(text) < SHORTEST or settings is None:
        return text
    known: tuple[str, ...] | None = getattr(settings, "tellings", None)
    tellings = tellings_of(settings) if known is None else known
    for telling in tellings:
        text = text.replace(telling, HIDDEN)
    return text[: -len(tellings[0])] if cut and tellings else text


def tellings_of(settings: Any) -> tuple[str, ...]:
    """The secrets of `settings` and their telling pieces in every form that a vendor may echo, the longest first."""
    return tuple(sorted(set(_tellings(settings)), key=len, reverse=True))


def _tellings(settings: Any) -> Iterator[str]:
    for secret in secrets_of(settings):
        whole = [text for text in (secret, *_behind_the_host(secret)) if len(text) >= SHORTEST]
        words, runs = (
            [piece for piece in split.split(_without_host(secret)) if len(piece) >= SHORTEST_PIECE]
            for split in _BETWEEN
        )
        for telling in (*whole, *words, *runs):
            yield from (telling, quote(telling), quote(telling, safe=""), unquote(telling))
            yield from (json.dumps(telling)[1:-1], html.escape(telling))
        for telling in runs or whole:
            yield from (telling.encode().hex(), *_in_base64(telling.encode()))


def _in_base64(raw: bytes) -> Iterator[str]:
    """What `raw` becomes in base64 wherever it stands in a longer text, as a password does in `AUTH PLAIN`.

    Three bytes make four letters, so there are three ways to stand; the letters at the ends are their neighbours', too.
    https://www.rfc-editor.org/rfc/rfc4648#section-4
    """
    for before in range(3):
        letters = base64.b64encode(b"\0" * before + raw).decode()
        yield letters[ceil(before * 8 / 6) : (before + len(raw)) * 8 // 6]


def _without_host(secret: str) -> str:
    """An address' host is no secret: every label shows it, and a refusal of the guard has to name it."""
    return re.sub(r"^https?://[^/?#]*", "", secret)


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
