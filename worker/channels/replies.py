"""What an HTTP reply means: the standard's verdicts, which most vendors keep to, and the words that people get."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from worker.channels.secrecy import without_secrets
from worker.channels.wording import one_line
from worker.messages import Failure, Reply
from worker.models import Kind, Reason, Verdict


def judge_http(reply: Reply, settings: Any = None) -> Verdict:
    """The verdict on an HTTP reply for vendors that keep to the standard's meaning of statuses.

    3xx is a failure and never followed; 429 and 503 with `Retry-After` ask for a wait:
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    if reply.failure is not None:
        return judge_failure(reply)
    status = reply.status or 0
    kind, reason = _meaning(status)
    delivered = kind is Kind.DELIVERED
    return Verdict(
        kind,
        reason,
        detail=excerpt(reply.body, settings),
        status_code=status,
        retry_after_s=None if delivered else retry_after_s(reply.headers),
        retry_at=None if delivered else _retry_date(reply.headers),
    )


def _meaning(status: int) -> tuple[Kind, Reason]:
    if status in _STATUSES:
        return _STATUSES[status]
    return _CLASSES.get(status // 100, (Kind.RETRYABLE, Reason.BAD_REPLY))


_STATUSES = {
    401: (Kind.PERMANENT, Reason.UNAUTHORIZED),
    403: (Kind.PERMANENT, Reason.UNAUTHORIZED),
    404: (Kind.PERMANENT, Reason.NOT_FOUND),
    408: (Kind.RETRYABLE, Reason.SERVER_ERROR),
    410: (Kind.PERMANENT, Reason.NOT_FOUND),
    425: (Kind.RETRYABLE, Reason.SERVER_ERROR),
    429: (Kind.RATE_LIMITED, Reason.RATE_LIMITED),
}
_CLASSES = {
    2: (Kind.DELIVERED, Reason.OK),
    3: (Kind.PERMANENT, Reason.REDIRECTED),
    4: (Kind.PERMANENT, Reason.CLIENT_ERROR),
    5: (Kind.RETRYABLE, Reason.SERVER_ERROR),
}


_FAILURES = {
    Failure.CONNECT: (Kind.RETRYABLE, Reason.CONNECT_FAILED),
    Failure.TIMEOUT: (Kind.RETRYABLE, Reason.TIMED_OUT),
    Failure.NO_ANSWER: (Kind.AMBIGUOUS, Reason.NO_ANSWER),
    Failure.TLS: (Kind.PERMANENT, Reason.TLS_REFUSED),
    Failure.ADDRESS: (Kind.PERMANENT, Reason.BAD_ADDRESS),
    Failure.NOT_ALLOWED: (Kind.PERMANENT, Reason.BAD_ADDRESS),
}


def judge_failure(reply: Reply) -> Verdict:
    """The verdict where nothing came back: the same for every transport."""
    kind, reason = _FAILURES[reply.failure or Failure.CONNECT]
    return Verdict(kind, reason, detail=reply.detail, status_code=reply.status)


def bad_reply(reply: Reply, settings: Any, expected: str) -> Verdict:
    """The verdict on a success status that is not the vendor's: most likely something else answers at that address.

    Permanent, since the message may well have arrived and another attempt could double it.
    """
    said = excerpt(reply.body, settings)
    detail = f"answered {reply.status}{f' {said!r}' if said else ''}, where {expected}"
    return Verdict(Kind.PERMANENT, Reason.BAD_REPLY, detail=detail, status_code=reply.status)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds: a number, or a date against the reply's own `Date` (RFC 9110 section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        until, start = _date(text), _date(headers.get("date", ""))
        return max(0.0, until - start) if until is not None and start is not None else None
    return None if math.isnan(seconds) else max(0.0, seconds)


def _retry_date(headers: Mapping[str, str]) -> float | None:
    """A `Retry-After` date in epoch seconds, where the reply has no `Date` of its own to count from."""
    return None if _date(headers.get("date", "")) is not None else _date(headers.get("retry-after", ""))


def _date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


EXCERPT_CHARS = 500


def excerpt(body: bytes, settings: Any = None) -> str:
    """The first 500 characters of a reply, as one line of printable text without the secrets of `settings`."""
    if not body:
        return ""
    read = body[: EXCERPT_CHARS * 16]
    text = one_line(without_secrets(read.decode("utf-8", "replace"), settings, cut=len(read) < len(body)))
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "…"


def shown(value: Any, settings: Any = None) -> str:
    """A text or a number out of a vendor's JSON, like an excerpt; nothing for anything else, however deep it is."""
    if isinstance(value, bool | int | float):
        return str(value)
    return excerpt(value.encode("utf-8", "replace"), settings) if isinstance(value, str) else ""


REFERENCE_CHARS = 256


def reference(value: Any, settings: Any) -> str | None:
    """The vendor's name for what it took, as it stands, for it may be sent back; None where it cannot be shown."""
    if not isinstance(value, str) or not 0 < len(value) <= REFERENCE_CHARS or not value.isprintable():
        return None
    return value if without_secrets(value, settings) == value else None


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a reply holds; an empty one where it holds none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
