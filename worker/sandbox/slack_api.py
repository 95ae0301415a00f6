"""Slack's Web API, as far as alerts need it: HTTP 200 for almost everything, and `ok` says whether it worked.

https://docs.slack.dev/reference/methods/chat.postmessage
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

import orjson

from worker.sandbox.exchange import FORM, Answer, Call, Fate, say
from worker.sandbox.options import Options
from worker.sandbox.slack_blocks import message_error
from worker.sandbox.slack_hooks import buckets

METHODS = ("chat.postMessage", "chat.update")
TOKENS = ("xoxb-", "xoxp-", "xoxe.")
POSTED_KEPT = 100_000

_CHANNEL_ID = re.compile(r"^[CGD][A-Z0-9]{8,}$")


class SlackApi:
    """`/api/chat.postMessage` and `/api/chat.update`."""

    channel = "slack"
    addressed_by_body = True

    def __init__(self, options: Options) -> None:
        self._buckets = buckets(options)
        self._posted: dict[tuple[str, str], None] = {}
        self._count = 0

    def clear(self) -> None:
        """Forget what was posted; all limits start anew."""
        self._posted.clear()
        if self._buckets:
            self._buckets.clear()

    def address(self, call: Call) -> str:
        """The channel, as it was named."""
        return str((_arguments(call) or {}).get("channel") or "")

    def answer(self, call: Call) -> Answer:
        """`{"ok": true, "channel": …, "ts": …}`, or `{"ok": false, "error": …}`."""
        body = _arguments(call)
        if body is None:
            return _error("invalid_json")
        error = (
            _token_error(call.bearer() or str(body.get("token") or "")) or _channel_error(body) or message_error(body)
        )
        if error:
            return _error(error)
        channel = channel_id(body["channel"])
        wait = self._buckets.take(channel, call.now) if self._buckets else 0
        if wait:
            return _error("ratelimited", status=429, headers={"Retry-After": str(math.ceil(wait))})
        return self._update(body, channel) if call.path[1] == "chat.update" else self._post(body, channel, call.now)

    def _post(self, body: dict[str, Any], channel: str, now: float) -> Answer:
        self._count += 1
        ts = f"{int(now)}.{self._count % 1_000_000:06d}"
        if len(self._posted) >= POSTED_KEPT:
            del self._posted[next(iter(self._posted))]
        self._posted[channel, ts] = None
        return _done(body, channel, ts)

    def _update(self, body: dict[str, Any], channel: str) -> Answer:
        ts = str(body.get("ts") or "")
        return _done(body, channel, ts) if (channel, ts) in self._posted else _error("message_not_found")


def channel_id(name: str) -> str:
    """The id of a channel's name, always the same; an id is its own."""
    if _CHANNEL_ID.match(name):
        return name
    return "C" + hashlib.sha256(name.removeprefix("#").encode()).hexdigest()[:10].upper()


def _arguments(call: Call) -> dict[str, Any] | None:
    try:
        if call.headers.get("Content-Type", "").startswith(FORM):
            form: dict[str, Any] = call.form()
            parts = {key: orjson.loads(form[key]) for key in ("blocks", "attachments") if form.get(key)}
            return {**form, **parts}
        body = call.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _token_error(token: str) -> str | None:
    if not token:
        return "not_authed"
    return None if token.startswith(TOKENS) else "invalid_auth"


def _channel_error(body: dict[str, Any]) -> str | None:
    channel = body.get("channel")
    found = isinstance(channel, str) and channel and not channel.removeprefix("#").lower().startswith("missing")
    return None if found else "channel_not_found"


def _done(body: dict[str, Any], channel: str, ts: str) -> Answer:
    message = {"type": "message", "subtype": "bot_message", "text": body.get("text") or "", "ts": ts}
    return say(200, Fate.ACCEPTED, {"ok": True, "channel": channel, "ts": ts, "message": message}, note=f"ts {ts}")


def _error(word: str, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return say(status, Fate.REFUSED, {"ok": False, "error": word}, headers=headers or {}, note=word)
