"""What may be shown of what arrived: enough to tell two secrets apart, too little to use one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

ENDS = 4
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
SECRET_FIELDS = frozenset({"token", "auth_token", "routing_key", "service_key", "password", "secret", "api_key"})
SECRET_HEADER_WORDS = ("token", "secret", "api-key", "apikey", "password")

_QUERY = re.compile(r"(?i)([?&](?:auth_token|token|secret|password|api_key|sig)=)([^&#\s]+)")
_SLACK_HOOK = re.compile(r"(/services/[^/\s]+/[^/\s]+/)([^\s?#]+)")


@lru_cache(maxsize=4096)
def mask(secret: str) -> str:
    """`AbCd…WxYz` of a long secret; only its length in dots of a short one."""
    if len(secret) < 4 * ENDS:
        return "•" * min(len(secret), 8)
    return f"{secret[:ENDS]}…{secret[-ENDS:]}"


def mask_line(line: str) -> str:
    """A request line without the tokens in its query and the secret part of a Slack hook."""
    line = _QUERY.sub(lambda match: match[1] + mask(match[2]), line)
    return _SLACK_HOOK.sub(lambda match: match[1] + mask(match[2]), line)


def mask_header(name: str, value: str) -> str:
    """A header's value; of a credential its kind and ends."""
    lowered = name.lower()
    if lowered not in SECRET_HEADERS and not any(word in lowered for word in SECRET_HEADER_WORDS):
        return value
    kind, space, secret = value.partition(" ")
    return f"{kind} {mask(secret)}" if space else mask(value)


def mask_fields(body: Any) -> Any:
    """A parsed body with its top-level secrets masked."""
    if not isinstance(body, dict):
        return body
    return {key: mask(str(value)) if str(key).lower() in SECRET_FIELDS else value for key, value in body.items()}
