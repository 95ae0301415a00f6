"""What HipChat's answers mean, and how to tell a token of its old API.

https://developer.atlassian.com/server/hipchat/hipchat-rest-api-rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from worker.channels.replies import EXCERPT_CHARS, bad_reply, json_object, judge_http, shown
from worker.channels.wording import clip
from worker.messages import Reply
from worker.models import Kind, Verdict

# 204 is what a notification answers, 200 what Sematext's page also takes for success, 202 what `auth_test` answers:
# https://github.com/hipchat/hipchat-rb (ErrorHandler)
SUCCESS = frozenset({200, 201, 202, 204})


def judge(reply: Reply, settings: Any) -> Verdict:
    """The verdict, with HipChat's own words, the reset of its limits, and a hint at a token of the old API."""
    verdict = judge_http(reply, settings)
    if verdict.kind is Kind.DELIVERED and reply.status not in SUCCESS:
        return bad_reply(reply, settings, "HipChat answers 204; is the base URL a HipChat server's?")
    if reply.failure is not None or verdict.kind is Kind.DELIVERED:
        return verdict
    detail = clip(_error(reply.body, settings), EXCERPT_CHARS) or verdict.detail
    if reply.status == 401 and looks_like_oauth1(settings.address.token):
        detail = f"{detail or 'unauthorized'}; {OAUTH1_HINT}"
    retry_at = verdict.retry_at
    if verdict.kind is Kind.RATE_LIMITED:
        retry_at = max((at for at in (retry_at, _reset(reply.headers)) if at is not None), default=None)
    return replace(verdict, detail=detail, retry_at=retry_at)


def _error(body: bytes, settings: Any) -> str:
    """`Room not found (Not Found)`, and for a field that is refused `notify: Value … (Bad Request)`."""
    error = json_object(body).get("error")
    if not isinstance(error, dict):
        return ""
    message, field, kind = (shown(error.get(name), settings) for name in ("message", "field", "type"))
    if not message:
        return ""
    return f"{f'{field}: ' if field else ''}{message}{f' ({kind})' if kind else ''}"


def _reset(headers: Mapping[str, str]) -> float | None:
    """When the last of the limits that are used up is reset, in epoch seconds. `Retry-After` is not documented.

    https://developer.atlassian.com/server/hipchat/hipchat-rest-api-rate-limits
    """
    resets = [
        reset
        for limit in ("x-ratelimit", "x-floodcontrol")
        if (_number(headers.get(f"{limit}-remaining")) or 0) <= 0
        and (reset := _number(headers.get(f"{limit}-reset"))) is not None
    ]
    return max(resets, default=None)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


OAUTH1_HINT = "this looks like an OAuth1 token; create an OAuth2 token in Rooms / your room / Tokens"


def hint(verdict: Verdict, settings: Any) -> str:
    """The likeliest cause of a 401."""
    return OAUTH1_HINT if verdict.status_code == 401 and looks_like_oauth1(settings.address.token) else ""


def looks_like_oauth1(token: str) -> bool:
    """Whether a token has no upper-case letter: v1 tokens are lower-case hex, v2 tokens 40 of mixed case."""
    return not any(c.isupper() for c in token)
