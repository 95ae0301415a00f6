"""What a channel is, and what channels share. The names of `addresses` and `replies` are to be had from here, too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from functools import cached_property
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, model_validator

from worker.channels.addresses import (
    CaFile,
    Endpoint,
    Host,
    HttpUrl,
    SecretUrl,
    Token,
    VerifyTls,
    address_label,
    check_http_url,
    endpoint,
    wire_url,
)
from worker.channels.exposure import exposures
from worker.channels.replies import (
    EXCERPT_CHARS,
    bad_reply,
    excerpt,
    json_object,
    judge_failure,
    judge_http,
    reference,
    retry_after_s,
    shown,
)
from worker.channels.secrecy import secrets_of, tellings_of
from worker.messages import Message, Reply
from worker.models import Notice, Verdict
from worker.retry import RetryPolicy

__all__ = [
    "EXCERPT_CHARS",
    "CaFile",
    "Channel",
    "ChannelSettings",
    "Endpoint",
    "FormHints",
    "Host",
    "HttpUrl",
    "Limit",
    "SecretUrl",
    "Shows",
    "Token",
    "VerifyTls",
    "address_label",
    "bad_reply",
    "check_http_url",
    "credential_key",
    "digest",
    "endpoint",
    "excerpt",
    "json_body",
    "json_object",
    "judge_failure",
    "judge_http",
    "no_hint",
    "no_limits",
    "no_warnings",
    "reference",
    "retry_after_s",
    "shown",
    "shows_links",
    "shows_nothing",
    "wire_url",
]


SECRET_CHARS = 8192


class ChannelSettings(BaseModel):
    """What an app owner fills in. Frozen; unknown fields are refused; errors never show what was typed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        serialize_by_alias=True,  # HipChat's `from`, which Python keeps for itself, is exported as it is typed
    )

    @model_validator(mode="after")
    def _secrets_of_a_length(self) -> Self:
        # Each of their pieces is looked for in every answer.
        if sum(map(len, secrets_of(self))) > SECRET_CHARS:
            raise ValueError(f"its secrets have more than {SECRET_CHARS} characters together")
        return self

    @cached_property
    def tellings(self) -> tuple[str, ...]:
        """What must not be shown of a reply; worked out once, since settings never change."""
        return tellings_of(self)


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


class Shows(Flag):
    """What a channel can show of an alert's metric."""

    NOTHING = 0
    LINK = auto()
    """A picture that the vendor fetches from its address."""
    IMAGE = auto()
    """The PNG, which travels in the message."""


def shows_nothing(_settings: Any) -> Shows:
    """Words are all it takes."""
    return Shows.NOTHING


def shows_links(_settings: Any) -> Shows:
    """It fetches pictures."""
    return Shows.LINK


def no_hint(_verdict: Verdict, _settings: Any) -> str:
    """A vendor whose refusals mean what they say."""
    return ""


@dataclass(frozen=True, slots=True)
class FormHints:
    """What a form cannot tell from the fields themselves. Fields by the names that people write."""

    first: tuple[str, ...] = ()
    """What most people fill in, in this order; the others are folded away. Empty: what is required."""
    marked: tuple[str, ...] = ()
    """Fields that are marked as required though another may stand in for them."""
    advice: str = ""
    """What to do before anything is filled in: one line."""
    only_with: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """field -> (another field, the value of that with which alone it means anything)."""


def credential_key(*parts: str) -> str:
    """A name for a credential that can be shown: the same for the same secret, and no way back to it."""
    return digest(*parts)[:16]


def digest(*parts: str) -> str:
    """SHA-256 in hex of all parts together."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def json_body(value: Any) -> bytes:
    """`value` as JSON. What orjson refuses (integers over 64 bits, half a surrogate pair) is written the slow way."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value).encode()


DEFAULT_RETRY = RetryPolicy()


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
    """(settings) -> sentences on what this channel alone has; what all have is in `all_warnings`."""
    limits: Callable[[Any], tuple[Limit, ...]] = no_limits
    """(settings) -> the limits that the vendor publishes."""
    retry: RetryPolicy = DEFAULT_RETRY
    deadline_s: float | None = None
    """How long after it came an alert is still worth delivering, in seconds; None: what the operator set."""
    idempotent: bool = False
    """Whether the vendor knows a repeated message by a key of ours, so that one of unknown fate may be sent again."""
    keeps_thread: bool = False
    """Whether the `provider_ref` of a firing alert is handed to its resolved one as `notice.thread_ref`."""
    hint: Callable[[Verdict, Any], str] = no_hint
    """(verdict, settings) -> what a refusal most likely means with these settings, and what to do; or nothing."""
    form: FormHints = FormHints()
    """How the console shows the settings."""
    confirms: bool = True
    """Whether an answer proves delivery. NSCA and command files give none, and Test says so."""
    shows: Callable[[Any], Shows] = shows_nothing
    """(settings) -> whether `notice.picture` is of any use to it."""
    success: str = "2xx"
    """What a Test that went well looks like, in the words of the vendor's page."""

    def all_warnings(self, settings: ChannelSettings) -> list[str]:
        """What is saved all the same and gives cause for doubt: with any channel, and with this one."""
        return [*exposures(settings), *self.warnings(settings)]
