"""Slack, by an incoming web hook or by the Web API's `chat.postMessage`.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from pydantic import Field, SecretStr, model_validator

from worker.channels.channel import (
    Channel,
    ChannelSettings,
    Endpoint,
    FormHints,
    HttpUrl,
    Limit,
    SecretUrl,
    Token,
    credential_key,
    endpoint,
    json_body,
    shows_links,
)
from worker.channels.slack_text import attachment, headline_text
from worker.channels.slack_verdict import judge_web_api, judge_web_hook
from worker.messages import HttpPost, Reply
from worker.models import Notice, Verdict

POST_MESSAGE, UPDATE = "chat.postMessage", "chat.update"


class OnResolved(StrEnum):
    """What a resolved alert becomes, beside the message that announced it."""

    THREAD = "thread"
    UPDATE = "update"
    MESSAGE = "message"


class SlackSettings(ChannelSettings):
    """Either a web hook's URL, or a bot's token and a channel."""

    webhook_url: SecretUrl | None = Field(
        default=None,
        title="Web hook URL",
        description="An incoming web hook: https://hooks.slack.com/services/… Leave empty to use a token.",
    )
    token: Token | None = Field(
        default=None,
        title="Bot token",
        description="A bot token (xoxb-…) with the scope chat:write, for the Web API. Leave empty to use a web hook.",
    )
    channel: str | None = Field(
        default=None,
        title="Channel",
        min_length=1,
        max_length=255,
        description="#channel, @user or an id. Required with a token; with a web hook it overrides the hook's own, "
        "which only old web hooks allow.",
    )
    on_resolved: OnResolved = Field(
        default=OnResolved.THREAD,
        title="When resolved",
        description="With a token: answer in the alert's `thread`, `update` the alert's message, or post a new "
        "`message`. Web hooks always post a new one.",
    )
    api_url: HttpUrl = Field(
        default="https://slack.com/api",
        title="API URL",
        description="Where the Web API is; only tests and proxies need another.",
    )

    @cached_property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Where each method of the Web API is; under the empty name the web hook."""
        if self.webhook_url is not None:
            return {"": endpoint(self.webhook_url.get_secret_value())}
        return {method: endpoint(f"{self.api_url.rstrip('/')}/{method}") for method in (POST_MESSAGE, UPDATE)}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("fill in either webhook_url, or token and channel: exactly one of the two ways")
        if self.token is not None and self.channel is None:
            raise ValueError("channel: is required with a token")
        return self


def compose(notice: Notice, settings: SlackSettings) -> HttpPost:
    """A message by whichever way is configured."""
    body: dict[str, Any] = {"text": headline_text(notice), "attachments": [attachment(notice)]}
    if settings.webhook_url is not None:
        if settings.channel:
            body["channel"] = settings.channel
        return _post(settings.endpoints[""], body, None)
    method, where = _place(notice, settings)
    return _post(settings.endpoints[method], {**where, **body}, settings.token)


def _post(to: Endpoint, body: dict[str, Any], token: SecretStr | None) -> HttpPost:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    return HttpPost(url=to.url, label=to.label, body=json_body(body), headers=headers)


def _place(notice: Notice, settings: SlackSettings) -> tuple[str, dict[str, Any]]:
    """The Web API's method, and where it is to write."""
    channel_id, _, ts = (notice.thread_ref or "").partition(":")
    if notice.event.firing or not channel_id or not ts or settings.on_resolved is OnResolved.MESSAGE:
        return POST_MESSAGE, {"channel": settings.channel}
    if settings.on_resolved is OnResolved.UPDATE:
        # Takes the channel's id, not its name: https://docs.slack.dev/reference/methods/chat.update
        return UPDATE, {"channel": channel_id, "ts": ts}
    return POST_MESSAGE, {"channel": channel_id, "thread_ts": ts, "reply_broadcast": True}


def judge(reply: Reply, settings: SlackSettings) -> Verdict:
    """The verdict by the rules of whichever way is configured."""
    return (judge_web_hook if settings.webhook_url is not None else judge_web_api)(reply, settings)


def warnings(settings: SlackSettings) -> list[str]:
    """What is saved all the same, and may not do what is expected."""
    found = []
    if settings.webhook_url is not None and settings.channel:
        found.append("channel: web hooks made by a Slack app ignore or refuse another channel than their own")
    if settings.token is not None and settings.token.get_secret_value().startswith(("xapp-", "xoxp-")):
        found.append("token: not a bot token; take the one that begins with xoxb-")
    return found


def limits(settings: SlackSettings) -> tuple[Limit, ...]:
    """One message a second per channel, short bursts allowed: https://docs.slack.dev/apis/web-api/rate-limits."""
    credential = settings.webhook_url or settings.token
    secret = credential.get_secret_value() if credential else ""
    return (Limit(credential_key("slack", secret, settings.channel or ""), 5, 5.0),)


CHANNEL = Channel(
    name="slack",
    label="Slack",
    settings=SlackSettings,
    compose=compose,
    judge=judge,
    warnings=warnings,
    limits=limits,
    keeps_thread=True,
    shows=shows_links,
    form=FormHints(first=("webhook_url", "token", "channel", "on_resolved")),
    success="200 and the body `ok`, or `ok: true`",
)
