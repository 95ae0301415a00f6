"""Addresses and credentials that people type in: what may be stored, and how an address goes onto the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from worker.hosts import MAX_PORT, wire_host

URL_CHARS = 4096
"""Servers take request lines of about 8 KB, and percent-encoding and parameters come on top."""
_PLACE = re.compile(r"(?:\[(?P<v6>[^\[\]]*:[^\[\]]*)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?")


def check_http_url(url: str) -> str:
    """`url` itself; ValueError with a sentence, which shows nothing of it, where it is no usable http(s) address."""
    if len(url) > URL_CHARS:
        raise ValueError(f"must not be longer than {URL_CHARS} characters")
    if " " in url or not url.isprintable():  # of white space only the blank is printable
        raise ValueError("must not hold spaces or control characters")
    try:
        parts = urlsplit(url)
    except ValueError:  # its text quotes pieces of the address, which may be the secret
        raise ValueError("not a usable address: check the host name and the port") from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must be a whole address that begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password before the host; use the fields for them")
    try:
        _wire_place(parts.netloc)
    except ValueError as problem:
        raise ValueError(f"not a usable address: {problem}") from None
    return url


def check_host(host: str) -> str:
    """`host` in ASCII; ValueError with a sentence where it is neither a name nor an address."""
    try:
        return wire_host(host)
    except ValueError as problem:
        raise ValueError(f"{problem}, without a scheme and without a port") from None


def wire_url(url: str) -> str:
    """`url` as it is sent: ASCII only, without its fragment. What is percent-encoded already stays as it is.

    The transport sends this text as it stands, so that `%2F` in a room's name stays `%2F`.
    """
    parts = urlsplit(url)
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return urlunsplit((parts.scheme, _wire_place(parts.netloc), path or "/", query, ""))


def _wire_place(netloc: str) -> str:
    """Host and port as they are sent. Small enough a grammar that every parser reads the same host out of it."""
    place = _PLACE.fullmatch(netloc)
    if place is None:
        raise ValueError("check the host name and the port")
    port = place["port"]
    if port is not None and not 1 <= int(port) <= MAX_PORT:
        raise ValueError("the port must be 1 to 65535")
    try:
        host = wire_host(place["v6"] or place["name"])
    except ValueError as problem:
        raise ValueError(f"the host {problem}") from None
    return (f"[{host}]" if place["v6"] else host) + (f":{port}" if port else "")


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


@dataclass(frozen=True, slots=True)
class Reached:
    """Marks the type of a setting that says where messages go, so that a refused address is told with its name."""


REACHED = Reached()


def says_where(field: FieldInfo) -> bool:
    """Whether a setting says where messages go."""
    return _is_marked((field.annotation, *field.metadata))


def _is_marked(types: tuple[Any, ...]) -> bool:
    return any(each is REACHED or _is_marked(get_args(each)) for each in types)


SecretUrl = Annotated[SecretStr, AfterValidator(_secret_http_url), REACHED]
"""An http(s) address that is itself the credential, as Slack's web hooks are."""
HttpUrl = Annotated[str, AfterValidator(check_http_url), REACHED]
"""An http(s) address that is no secret."""
Host = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(check_host), REACHED]
"""A server's name or address, whose port is a setting of its own."""
Token = Annotated[SecretStr, AfterValidator(_one_ascii_word)]
"""A secret that may stand in a header."""
VerifyTls = Annotated[bool, Field(title="Verify TLS", description="Whether the server's certificate is verified.")]
"""A setting of every channel whose server may be somebody's own; `CaFile` stands beside it."""
CaFile = Annotated[
    str | None,
    Field(
        title="CA file",
        max_length=4096,
        description="A file on the worker's host with the certificates (PEM) to verify the server by; an operator may "
        "have named the folder for them with BELLHOP_CA_DIR.",
    ),
]
"""Where the server's certificate is of a private authority."""
