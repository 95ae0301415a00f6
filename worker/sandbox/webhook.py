"""A receiver of web hooks that takes anything, and verifies Standard Webhooks signatures where it knows the secret.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from worker.sandbox.exchange import Answer, Call, Fate, say
from worker.sandbox.options import Options

TOLERANCE_S = 300
PREFIX = "whsec_"


class WebHook:
    """`/hook/{name}`, any method; a name beginning with `missing` is 404, with `gone` 410."""

    channel = "webhook"
    addressed_by_body = False

    def __init__(self, options: Options) -> None:
        del options
        self._secrets: dict[str, bytes] = {}

    def clear(self) -> None:
        """Forget all secrets."""
        self._secrets.clear()

    def expect(self, name: str, secret: str | None) -> None:
        """From now on this hook's calls must be signed with `secret`, `whsec_…`; with None they need not."""
        if secret is None:
            self._secrets.pop(name, None)
        else:
            self._secrets[name] = secret_bytes(secret)

    def address(self, call: Call) -> str:
        """The hook's name: everything after `/hook/`."""
        return "/".join(call.path[1:])

    def answer(self, call: Call) -> Answer:
        """204; 401 where the signature is not what it should be."""
        name = self.address(call)
        if name.startswith(("missing", "gone")):
            status = 410 if name.startswith("gone") else 404
            return say(status, Fate.REFUSED, {"error": "no such hook"}, note="no such hook")
        secret = self._secrets.get(name)
        if secret is None:
            return say(204, Fate.ACCEPTED)
        problem = signature_problem(call, secret)
        if problem:
            return say(401, Fate.REFUSED, {"error": problem}, note=problem)
        return say(204, Fate.ACCEPTED, note="signature verified")


def secret_bytes(secret: str) -> bytes:
    """What `whsec_` + base64 stands for; ValueError where it is none."""
    try:
        raw = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not secret.startswith(PREFIX) or not raw:
        raise ValueError("must be whsec_ and base64")
    return raw


def signature_problem(call: Call, secret: bytes) -> str | None:
    """Why a call's signature does not hold, or None where it does."""
    hook_id, stamp = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
    signatures = call.headers.get("webhook-signature", "").split()
    if not (hook_id and stamp and signatures):
        return "webhook-id, webhook-timestamp or webhook-signature is missing"
    if not stamp.isdecimal() or len(stamp) > 12 or abs(int(stamp) - call.now) > TOLERANCE_S:
        return "webhook-timestamp is not within five minutes"
    signed = b".".join((_raw(hook_id), _raw(stamp), call.body))
    expected = b"v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
    good = any(hmac.compare_digest(expected, _raw(signature)) for signature in signatures)
    return None if good else "webhook-signature does not match"


def _raw(header: str) -> bytes:
    # aiohttp decodes headers so; whatever bytes came are the bytes that were signed.
    return header.encode("utf-8", "surrogateescape")
