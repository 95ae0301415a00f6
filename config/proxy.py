"""`BELLHOP_HTTP_PROXY`: where the operator's HTTP proxy is, and how it is asked."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote

from pydantic import SecretStr

from worker.hosts import MAX_PORT, wire_host

_URL = re.compile(
    r"http://(?:(?P<user>[^/?#@:\s]*):(?P<password>[^/?#@\s]*)@)?"
    r"(?:\[(?P<v6>[^\[\]/?#@\s]*:[^\[\]/?#@\s]*)\]|(?P<name>[^\[\]/?#@:\s]+)):(?P<port>[0-9]{1,5})/?"
)


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """Host and port of a proxy, and what to say in `Proxy-Authorization`, if anything."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)


def proxy_address(url: SecretStr) -> ProxyAddress:
    """What the setting says; ValueError with a sentence, which shows nothing of it, where that is nothing usable."""
    parts = _URL.fullmatch(url.get_secret_value())
    if parts is None or not 1 <= int(parts["port"]) <= MAX_PORT:
        raise ValueError("must be http://host:port, or http://user:password@host:port with both percent-encoded")
    try:
        host = wire_host(parts["v6"] or parts["name"])
    except ValueError as problem:
        raise ValueError(f"the proxy's host {problem}") from None
    return ProxyAddress(host, int(parts["port"]), _basic(parts["user"], parts["password"]))


def _basic(user: str | None, password: str | None) -> str:
    """https://www.rfc-editor.org/rfc/rfc7617#section-2."""
    if user is None or password is None:
        return ""
    return f"Basic {b64encode(f'{unquote(user)}:{unquote(password)}'.encode()).decode()}"
