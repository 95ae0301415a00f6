"""What settings of any channel lay open to who sits in between. Pure: no name is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from worker.channels.addresses import says_where
from worker.near_hosts import is_near


def exposures(settings: Any) -> list[str]:
    """Sentences, each beginning with its field; they hold nothing that was typed in."""
    return [*_unverified(settings), *_in_clear(settings)]


def _unverified(settings: Any) -> Iterator[str]:
    if getattr(settings, "verify_tls", True) is False:
        yield "verify_tls: false; anybody in between can take the server's place, and read the token and the alerts"


def _in_clear(settings: Any) -> Iterator[str]:
    """Within a private network that may be wanted, and is how the sandbox is reached."""
    fields = type(settings).model_fields if isinstance(settings, BaseModel) else {}
    for name, field in fields.items():
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str) and says_where(field):
            parts = urlsplit(text)
            if parts.scheme == "http" and not is_near(parts.hostname or ""):
                yield f"{field.alias or name}: http://; the token and the alerts travel in clear: use https://"
