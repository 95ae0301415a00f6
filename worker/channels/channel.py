"""What a channel is, and what channels share: the settings' base, the verdict on an HTTP reply, wait headers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from worker.messages import Failure, Message, Reply
from worker.models import Kind, Notice, Reason, Verdict
from worker.retry import RetryPolicy


class ChannelSettings(BaseModel):
    """What an app owner fills in. Frozen; unknown fields are refused; errors never show what was typed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that the vendor publishes: `count` messages per `per_s` seconds for all that share `key`."""

    key: str
    count: int
    per_s: float


def no_limits(_settings: Any) -> tuple[Limit, ...]:
    """A vendor that publishes none."""
    return ()


def no_warnings(_settings: Any) -> list[str]:
    """Settings that give no cause for doubt."""
    return []


def credential_key(*parts: str) -> str:
    """A name for a credential that can be shown: the same for the same secret, and no way back to it."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def judge_http(reply: Reply, _settings: Any = None) -> Verdict:
    """The verdict on an HTTP reply for vendors that keep to the standard's meaning of statuses.

    3xx is a failure and never followed; 429 and 503 with `Retry-After` ask for a wait:
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    if reply.failure is not None:
        return judge_failure(reply)
    status = reply.status or 0
    kind, reason = _meaning(status)
    return Verdict(
        kind,
        reason,
        detail=excerpt(reply.body),
        status_code=status,
        retry_after_s=None if kind is Kind.DELIVERED else retry_after_s(reply.headers),
    )


def _meaning(status: int) -> tuple[Kind, Reason]:
    if 200 <= status < 300:
        return Kind.DELIVERED, Reason.OK
    if status == 429:
        return Kind.RATE_LIMITED, Reason.RATE_LIMITED
    if status in {408, 425} or status >= 500:
        return Kind.RETRYABLE, Reason.SERVER_ERROR
    if status in {401, 403}:
        return Kind.PERMANENT, Reason.UNAUTHORIZED
    if status in {404, 410}:
        return Kind.PERMANENT, Reason.NOT_FOUND
    if 300 <= status < 400:
        return Kind.PERMANENT, Reason.REDIRECTED
    if 400 <= status < 500:
        return Kind.PERMANENT, Reason.CLIENT_ERROR
    return Kind.RETRYABLE, Reason.BAD_REPLY


_FAILURES = {
    Failure.CONNECT: (Kind.RETRYABLE, Reason.CONNECT_FAILED),
    Failure.TIMEOUT: (Kind.RETRYABLE, Reason.TIMED_OUT),
    Failure.NO_ANSWER: (Kind.AMBIGUOUS, Reason.NO_ANSWER),
    Failure.TLS: (Kind.PERMANENT, Reason.TLS_REFUSED),
    Failure.ADDRESS: (Kind.PERMANENT, Reason.BAD_ADDRESS),
}


def judge_failure(reply: Reply) -> Verdict:
    """The verdict where nothing came back: the same for every transport."""
    kind, reason = _FAILURES[reply.failure or Failure.CONNECT]
    return Verdict(kind, reason, detail=reply.detail, status_code=reply.status)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds: a number, or a date against the reply's own `Date` (RFC 9110 section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
        start = parsedate_to_datetime(headers["date"])
        return max(0.0, (_aware(until) - _aware(start)).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


EXCERPT_CHARS = 500


def excerpt(body: bytes) -> str:
    """The first 500 characters of a reply, as one line of printable text."""
    text = body[: EXCERPT_CHARS * 4].decode("utf-8", "replace")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "…"


def _http_url(secret: SecretStr) -> SecretStr:
    check_http_url(secret.get_secret_value())
    return secret


def check_http_url(url: str) -> str:
    """`url` itself; ValueError with a sentence where it is not a usable http or https address."""
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError(f"not a usable address: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_ok:
        raise ValueError("must be a whole address that begins with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password before the host; use the fields for them")
    if any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError("must not hold spaces or control characters")
    return url


SecretUrl = Annotated[SecretStr, AfterValidator(_http_url)]
"""An http(s) address that is itself the credential, as Slack's web hooks are."""
HttpUrl = Annotated[str, AfterValidator(check_http_url)]
"""An http(s) address that is no secret."""

FIRING_DEADLINE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of place that alerts can go to, as code: settings, words, verdict and limits. No I/O, no clock."""

    name: str
    """As in the settings file: `hipchat`."""
    label: str
    """As people write it: HipChat."""
    settings: type[ChannelSettings]
    compose: Callable[[Notice, Any], Message]
    """(notice, settings) -> what is carried. Pure."""
    judge: Callable[[Reply, Any], Verdict] = judge_http
    """(reply, settings) -> what it means. Pure."""
    warnings: Callable[[Any], list[str]] = no_warnings
    """(settings) -> sentences that are shown when settings are saved; they are applied all the same."""
    limits: Callable[[Any], tuple[Limit, ...]] = no_limits
    """(settings) -> the limits that the vendor publishes."""
    retry: RetryPolicy = RetryPolicy()
    deadline_s: float = FIRING_DEADLINE_S
    """How long after it came an alert is still worth delivering, in seconds."""
    idempotent: bool = False
    """Whether the vendor knows a repeated message by a key of ours, so that one of unknown fate may be sent again."""
    keeps_thread: bool = False
    """Whether the `provider_ref` of a firing alert is handed to its resolved one as `notice.thread_ref`."""
    confirms: bool = True
    """Whether an answer proves delivery. NSCA and command files give none, and Test says so."""
    success: str = "2xx"
    """What a Test that went well looks like, in the words of the vendor's page."""
