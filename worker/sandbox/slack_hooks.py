"""Slack's incoming web hooks: the address is the credential, and only the body `ok` is success.

https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
"""

from __future__ import annotations

import math

import orjson

from worker.sandbox.exchange import FORM, Answer, Call, Fate, say_text
from worker.sandbox.limits import Buckets, Rate
from worker.sandbox.masking import mask
from worker.sandbox.options import Options
from worker.sandbox.slack_blocks import message_error

ONE_A_SECOND = Rate(1, 1)
ENDINGS = {
    "missing": (404, "no_service"),
    "invalid": (403, "invalid_token"),
    "archived": (410, "channel_is_archived"),
}
"""What a hook's address ends in decides how it fails."""


def buckets(options: Options) -> Buckets | None:
    """One message a second per channel, bursts tolerated: https://api.slack.com/docs/rate-limits ."""
    return None if options.slack_burst is None else Buckets(ONE_A_SECOND, options.slack_burst)


class SlackHooks:
    """`/services/T…/B…/…`."""

    channel = "slack"
    addressed_by_body = False

    def __init__(self, options: Options) -> None:
        self._buckets = buckets(options)

    def clear(self) -> None:
        """All limits start anew."""
        if self._buckets:
            self._buckets.clear()

    def address(self, call: Call) -> str:
        """`T000/B000/AbCd…WxYz`: the hook without its secret part."""
        parts = call.path[1:]
        return "/".join((*parts[:2], *(mask(part) for part in parts[2:])))

    def answer(self, call: Call) -> Answer:
        """`ok`, or one of the documented words."""
        if call.method != "POST":
            return say_text(405, Fate.REFUSED, "method_not_allowed", headers={"Allow": "POST"})
        if len(call.path) != 4 or not all(call.path):
            return say_text(404, Fate.REFUSED, "no_service")
        for ending, (status, word) in ENDINGS.items():
            if call.path[3].lower().endswith(ending):
                return say_text(status, Fate.REFUSED, word)
        return self._post(call)

    def _post(self, call: Call) -> Answer:
        wait = self._buckets.take("/".join(call.path), call.now) if self._buckets else 0
        if wait:
            return say_text(429, Fate.REFUSED, "rate_limited", headers={"Retry-After": str(math.ceil(wait))})
        try:
            form = call.headers.get("Content-Type", "").startswith(FORM)
            error = message_error(orjson.loads(call.form().get("payload", "")) if form else call.json())
        except ValueError:
            error = "invalid_payload"
        return say_text(400, Fate.REFUSED, error) if error else say_text(200, Fate.ACCEPTED, "ok")
