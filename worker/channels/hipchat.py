"""HipChat, API v2: room notifications. Cloud is gone since 2019; self-hosted servers and their like still answer.

https://developer.atlassian.com/server/hipchat/about-the-hipchat-rest-api
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from worker.channels.channel import (
    CaFile,
    Channel,
    ChannelSettings,
    FormHints,
    Limit,
    SecretUrl,
    Shows,
    Token,
    VerifyTls,
    credential_key,
    json_body,
)
from worker.channels.hipchat_address import DEFAULT_BASE, RoomAddress, room_address
from worker.channels.hipchat_card import card, html_message
from worker.channels.hipchat_verdict import hint, judge, looks_like_oauth1
from worker.channels.wording import clip, plain, within
from worker.messages import HttpPost
from worker.models import Event, Notice, Severity, Status

MESSAGE_CHARS = 10_000


class MessageFormat(StrEnum):
    """How the message is written."""

    TEXT = "text"
    HTML = "html"


class HipChatSettings(ChannelSettings):
    """A room, and a token that may notify it."""

    room: str | None = Field(
        default=None,
        title="HipChat room id or name",
        min_length=1,
        max_length=100,
        coerce_numbers_to_str=True,
        description="The room's id or its name, as it stands in HipChat under Rooms. May be left out where the "
        "base URL names it.",
    )
    token: Token | None = Field(
        default=None,
        title="HipChat token",
        description="An OAuth2 token with the scope Send Notification: Rooms / your room / Tokens. May be left out "
        "where the base URL holds it.",
    )
    base_url: SecretUrl | None = Field(
        default=None,
        title="Base URL",
        description=f"Where the server is; {DEFAULT_BASE} unless set. A whole pasted address is taken as well: "
        "https://hipchat.example.com/v2/room/42/notification?auth_token=…",
    )
    notify: bool | None = Field(
        default=None,
        title="Notify people",
        description="Whether people in the room are notified. Unset: for errors and critical alerts that fire.",
    )
    from_: str = Field(
        default="",
        alias="from",
        title="From",
        max_length=64,
        description="A label that is shown beside the sender's name.",
    )
    message_format: MessageFormat = Field(
        default=MessageFormat.TEXT,
        title="Message format",
        description="`text`, in which @mentions work, or `html`, which comes with a card.",
    )
    verify_tls: VerifyTls = True
    ca_file: CaFile = None

    @cached_property
    def address(self) -> RoomAddress:
        """Base, room and token; ValueError with what is missing."""
        return room_address(
            self.base_url.get_secret_value() if self.base_url else "",
            self.room or "",
            self.token.get_secret_value() if self.token else "",
        )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _ = self.address
        return self


def compose(notice: Notice, settings: HipChatSettings) -> HttpPost:
    """A room notification.

    https://developer.atlassian.com/hipchat/guide/sending-messages
    """
    address = settings.address
    return HttpPost(
        url=address.url,
        label=address.label,
        headers=address.headers,
        body=json_body(_notification(notice, settings)),
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
    )


def _notification(notice: Notice, settings: HipChatSettings) -> dict[str, Any]:
    html = settings.message_format is MessageFormat.HTML
    body: dict[str, Any] = {
        # More than 10,000 characters are refused with a 400: https://github.com/Yelp/elastalert/issues/636
        "message": html_message(notice, MESSAGE_CHARS) if html else _text_message(notice),
        "message_format": "html" if html else "text",
        "color": colour(notice.event),
        # A JSON boolean; the string "true" is refused: https://github.com/jenkinsci/hipchat-plugin/issues/39
        "notify": _loud(notice.event) if settings.notify is None else settings.notify,
    }
    if settings.from_:
        body["from"] = settings.from_
    if html:
        body["card"] = card(notice)
    return body


def _text_message(notice: Notice) -> str:
    return clip(within(notice, MESSAGE_CHARS, plain), MESSAGE_CHARS)


_COLOURS = {
    # `grey` is invalid, `gray` is not.
    Severity.INFO: "gray",
    Severity.WARNING: "yellow",
    Severity.ERROR: "red",
    Severity.CRITICAL: "red",
}


def colour(event: Event) -> str:
    """HipChat's colour for an event."""
    return "green" if event.status is Status.RESOLVED else _COLOURS[event.severity]


_LOUD = frozenset({Severity.ERROR, Severity.CRITICAL})


def _loud(event: Event) -> bool:
    return event.firing and event.severity in _LOUD


def warnings(settings: HipChatSettings) -> list[str]:
    """What is saved all the same, and most likely does not work."""
    if looks_like_oauth1(settings.address.token):
        return ["token: probably an OAuth1 token; only OAuth2 tokens work (Rooms / your room / Tokens)"]
    return []


def limits(settings: HipChatSettings) -> tuple[Limit, ...]:
    """30 messages a minute per room, 500 requests in five minutes per token.

    https://developer.atlassian.com/server/hipchat/hipchat-rest-api-rate-limits
    """
    address = settings.address
    return (
        Limit(credential_key("hipchat room", address.base, address.token, address.room), 30, 60.0),
        Limit(credential_key("hipchat token", address.base, address.token), 500, 300.0),
    )


def shows(settings: HipChatSettings) -> Shows:
    """Cards have a thumbnail, which is fetched."""
    return Shows.LINK if settings.message_format is MessageFormat.HTML else Shows.NOTHING


CHANNEL = Channel(
    name="hipchat",
    label="HipChat",
    settings=HipChatSettings,
    compose=compose,
    judge=judge,
    warnings=warnings,
    limits=limits,
    shows=shows,
    hint=hint,
    form=FormHints(
        first=("room", "token", "base_url"),
        marked=("room", "token"),
        advice='First create a user token with "Send Notification" scope',
    ),
    success="200 or 204",
)
