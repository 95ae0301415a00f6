"""Standard Webhooks: an id that stays the same over retries, and a signature that proves who sent the body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

from worker.channels.channel import digest

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)


def signing_key(secret: str) -> bytes:
    """The key in `whsec_…`; ValueError with a sentence that does not show it."""
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or len(key) not in KEY_BYTES:
        raise ValueError(f"must be {PREFIX} and then 24 to 64 random bytes in base64")
    return key


def message_id(delivery_id: str) -> str:
    """The idempotency key: the same for all attempts of a delivery. Its alphabet has no dot, which separates."""
    return f"msg_{digest(delivery_id)[:32]}"


def signature(secrets: Iterable[str], sent_id: str, timestamp: int, body: bytes) -> str:
    """One `v1,…` for each secret, separated by spaces: while secrets are rotated, the old one signs as well."""
    content = f"{sent_id}.{timestamp}.".encode() + body
    macs = (hmac.digest(signing_key(secret), content, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)
