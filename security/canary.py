"""What is planted in a secret's place: a text that occurs nowhere else, and every form in which it could be found."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Final

LETTERS: Final = string.ascii_letters + string.digits
CORE_CHARS: Final = 28
HALF_CHARS: Final = 12
"""A cut may leave half a secret, so its beginning and its end are looked for by themselves."""
SPECIAL: Final = '"\\+'
"""Each way of writing text out changes at least one of these."""


def fresh(length: int = CORE_CHARS) -> str:
    """Letters and digits that nobody has had before."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Canary:
    """A planted text, under the name of the secret whose place it has: `slack/webhook_url`."""

    name: str
    text: str = field(repr=False)

    @property
    def halves(self) -> set[str]:
        """Its beginning and its end, the whole of it where it is short."""
        return {self.text[:HALF_CHARS], self.text[-HALF_CHARS:]}


class Search:
    """Looks for canaries: raw, percent-encoded, JSON-escaped, in hex and in base64, in any case, whole or half."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._plain: dict[bytes, str] = {}
        self._base64: dict[bytes, str] = {}
        for canary in canaries:
            for half in canary.halves:
                raw = half.encode()
                # Letters and digits are the same percent-encoded and JSON-escaped.
                self._plain |= dict.fromkeys((raw.lower(), raw.hex().encode()), canary.name)
                self._base64 |= dict.fromkeys(base64_forms(raw), canary.name)

    def found(self, text: bytes | str) -> set[str]:
        """The names of the canaries that `text` holds, in whatever form."""
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        lowered = content.lower()
        hits = {name for needle, name in self._plain.items() if needle in lowered}
        return hits | {name for needle, name in self._base64.items() if needle in content}


def base64_forms(raw: bytes) -> Iterator[bytes]:
    """What `raw` becomes in base64 wherever it stands in a longer text, without the letters that its neighbours change.

    Three bytes make four letters (RFC 4648 section 4), so there are three ways to stand.
    """
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        yield encoded[ceil(before * 8 / 6) : (before + len(raw)) * 8 // 6]
