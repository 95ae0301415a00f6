"""What may be typed into a web hook's fields: headers, media types and signing secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr

from worker.channels.webhook_signature import signing_key

# RFC 9110 section 7.6.1 (hop by hop), and what the transport or the signature sets.
RESERVED_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


MAX_HEADERS = 100
"""As many as most servers take: https://httpd.apache.org/docs/2.4/mod/core.html#limitrequestfields."""


def _headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"must not be more than {MAX_HEADERS}")
    lowered = [name.lower() for name in headers]
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", name):
            raise ValueError("a header's name is made of letters, digits and hyphens")
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"{name} is not for settings to set")
        if lowered.count(name.lower()) > 1:
            raise ValueError(f"{name} is there twice")
        if not value.get_secret_value().isprintable():
            raise ValueError(f"{name}: a header's value has no line ends or other control characters")
    return headers


def _signing_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret.get_secret_value())
    return secret


def _one_or_several(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[\s,]+", value) if part)
    return (value,) if isinstance(value, SecretStr) else value


def _media_type(text: str) -> str:
    if text and not re.fullmatch(r"[\w.+-]+/[\w.+-]+( *; *[\w.-]+=[\w.\"-]+)*", text, re.ASCII):
        raise ValueError("must be a media type such as application/json or text/plain; charset=utf-8")
    return text


Headers = Annotated[dict[str, SecretStr], AfterValidator(_headers)]
MediaType = Annotated[str, AfterValidator(_media_type)]
SigningSecret = Annotated[SecretStr, AfterValidator(_signing_secret)]
SigningSecrets = Annotated[tuple[SigningSecret, ...], BeforeValidator(_one_or_several)]
