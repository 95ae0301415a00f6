"""Addresses and credentials that people type in: what may be stored, and how an address goes onto the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr


def check_http_url(url: str) -> str:
    """`url` itself; ValueError with a sentence, which shows nothing of it, where it is no usable http(s) address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        wire_url(url)
    except ValueError:  # its text quotes pieces of the address, which may be the secret
        raise ValueError("not a usable address: check the host name and the port") from None
    if not usable:
        raise ValueError("must be a whole address that begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password before the host; use the fields for them")
    if " " in url or not url.isprintable():  # of white space only the blank is printable
        raise ValueError("must not hold spaces or control characters")
    return url


def wire_url(url: str) -> str:
    """`url` as it is sent: ASCII only, without its fragment. What is percent-encoded already stays as it is.

    The transport sends this text as it stands, so that `%2F` in a room's name stays `%2F`.
    """
    parts = urlsplit(url)
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return urlunsplit((parts.scheme, _host(parts), path or "/", query, ""))


def _host(parts: SplitResult) -> str:
    if parts.netloc.isascii():
        return parts.netloc
    host = (parts.hostname or "").encode("idna").decode()
    return host if parts.port is None else f"{host}:{parts.port}"


def address_label(url: str) -> str:
    """What logs may show of an address: `https://api.hipchat.com`, without path, query and token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go: the address as it is sent, which may be a secret, and what logs may show of it."""

    url: str = field(repr=False)
    label: str


def endpoint(url: str, method: str = "POST") -> Endpoint:
    """What requests to `url` need; settings work it out once and keep it."""
    wired = wire_url(url)
    return Endpoint(wired, f"{method} {address_label(wired)}")


def _secret_http_url(secret: SecretStr) -> SecretStr:
    check_http_url(secret.get_secret_value())
    return secret


def _one_ascii_word(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value()):
        raise ValueError("must be one word of printable ASCII characters, without spaces: copy it once more")
    return secret


SecretUrl = Annotated[SecretStr, AfterValidator(_secret_http_url)]
"""An http(s) address that is itself the credential, as Slack's web hooks are."""
HttpUrl = Annotated[str, AfterValidator(check_http_url)]
"""An http(s) address that is no secret."""
Token = Annotated[SecretStr, AfterValidator(_one_ascii_word)]
"""A secret that may stand in a header."""
VerifyTls = Annotated[bool, Field(title="Verify TLS", description="Whether the server's certificate is verified.")]
"""A setting of every channel whose server may be somebody's own; `CaFile` stands beside it."""
CaFile = Annotated[
    str | None,
    Field(title="CA file", description="A file on the worker's host with the certificates to verify the server by."),
]
"""Where the server's certificate is of a private authority."""
