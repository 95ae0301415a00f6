"""A web hook: the alert as an HTTP request of the owner's own making, or as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, Field, SecretStr, model_validator

from worker.channels.channel import (
    CaFile,
    Channel,
    ChannelSettings,
    Endpoint,
    FormHints,
    SecretUrl,
    Shows,
    VerifyTls,
    endpoint,
    json_body,
)
from worker.channels.webhook_fields import Headers, MediaType, SigningSecrets
from worker.channels.webhook_signature import message_id, signature
from worker.channels.webhook_template import SOURCE_CHARS, check_template, render
from worker.channels.webhook_variables import (
    NAMES,
    filters,
    standard_document,
    substituted,
    template_variables,
    unknown_variables,
    variables,
)
from worker.channels.wording import clip_bytes
from worker.messages import HttpPost
from worker.models import Notice

DEADLINE_S = 86_400.0
"""Machines take an alert of yesterday, too: the spec retries for a day and more."""
QUERY_VALUE_BYTES = 1000
"""Servers take addresses of about 8 KB, and percent-encoding triples a byte."""
DEFAULT_PARAMS = {name: f"${name}" for name in NAMES if name not in {"applicationToken", "url", "pictureUrl"}}
"""Where parameters are sent and none are named: all of Sematext's that is no secret."""


class Method(StrEnum):
    """The HTTP method."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    GET = "GET"


class SendAs(StrEnum):
    """How parameters travel."""

    JSON = "json"
    FORM = "form"
    QUERY = "query"


class WebhookSettings(ChannelSettings):
    """An address, and what is sent to it."""

    url: SecretUrl = Field(title="URL", description="Where the request goes, with whatever secret is in it.")
    method: Method = Field(default=Method.POST, title="HTTP method", description="POST, PUT, PATCH or GET.")
    headers: Headers = Field(
        default_factory=dict, title="Headers", description="Headers to add, such as Authorization, name by name."
    )
    send_as: SendAs = Field(
        default=SendAs.JSON,
        title="Send data as",
        description="How parameters are sent: `json` body, `form` body, or `query` of the address.",
    )
    params: dict[str, str] = Field(
        default_factory=dict,
        title="Parameters",
        repr=False,
        max_length=100,
        description=f"Parameters by name; in their values these are replaced: {', '.join(f'${n}' for n in NAMES)}. "
        "Without parameters and body, JSON sends the whole event in the shape of Standard Webhooks.",
    )
    application_token: SecretStr | None = Field(
        default=None, title="Application token", description="What $applicationToken stands for."
    )
    body: Annotated[str, AfterValidator(check_template)] = Field(
        default="",
        title="Body",
        repr=False,
        max_length=SOURCE_CHARS,
        description="A Jinja2 template of the whole body, instead of parameters. It knows event, notice, headline, "
        'text, picture_url and picture: `{"text": {{ headline | tojson }}}`.',
    )
    content_type: MediaType = Field(
        default="",
        title="Content type",
        description="The body's media type; application/json unless set, or a form's.",
    )
    secret: SigningSecrets = Field(
        default=(),
        title="Signing secret",
        max_length=5,
        description="Signs each request as Standard Webhooks has it: whsec_ and base64. While you change it, name "
        "the new one and the old one.",
    )
    picture: bool = Field(
        default=False,
        title="Picture",
        description="Whether the picture of the metric is sent, as a PNG in base64: as `picture` in the event, or as "
        "{{ picture }} in a body of your own. Its address, `picture_url`, is sent in either case where there is one.",
    )
    verify_tls: VerifyTls = True
    ca_file: CaFile = None

    @cached_property
    def endpoint(self) -> Endpoint:
        """Where requests go, apart from parameters that are sent in the address."""
        return endpoint(self.url.get_secret_value(), self.method.value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.body and self.params:
            raise ValueError("fill in either body or params, not both")
        if self.body and self.send_as is not SendAs.JSON:
            raise ValueError("send_as: is about params; leave it at json where there is a body")
        if self.method is Method.GET and self.send_as is not SendAs.QUERY:
            raise ValueError("send_as: must be query with the method GET, which carries no body")
        return self


def compose(notice: Notice, settings: WebhookSettings) -> HttpPost:
    """The request, with an id that is the same for all attempts; ValueError where the body's template fails."""
    url = settings.endpoint.url
    body, content_type = b"", "application/json"
    if settings.body:
        body = render(settings.body, template_variables(notice))
    elif settings.send_as is SendAs.QUERY:
        content_type = ""
        url += f"{'&' if '?' in url else '?'}{_query(_values(notice, settings))}"
    elif settings.send_as is SendAs.FORM:
        content_type = "application/x-www-form-urlencoded"
        body = urlencode(_values(notice, settings), errors="replace").encode()
    else:
        body = json_body(_values(notice, settings) if settings.params else standard_document(notice))
    return HttpPost(
        url=url,
        label=settings.endpoint.label,
        method=settings.method.value,
        headers=_all_headers(notice, settings, body, settings.content_type or content_type),
        body=body,
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
    )


def _values(notice: Notice, settings: WebhookSettings) -> dict[str, str]:
    """The parameters with their variables replaced; tags come along in `filters`, as at Sematext."""
    token = settings.application_token.get_secret_value() if settings.application_token else ""
    known = variables(notice, url=settings.url.get_secret_value(), application_token=token)
    values = {name: substituted(text, known) for name, text in (settings.params or DEFAULT_PARAMS).items()}
    if notice.event.tags:
        values.setdefault("filters", filters(notice.event))
    return values


def _query(values: Mapping[str, str]) -> str:
    clipped = {name: clip_bytes(value, QUERY_VALUE_BYTES) for name, value in values.items()}
    return urlencode(clipped, quote_via=quote, errors="replace")


def _all_headers(notice: Notice, settings: WebhookSettings, body: bytes, content_type: str) -> dict[str, str]:
    sent_id, timestamp = message_id(notice.delivery_id), int(notice.now)
    headers = {"webhook-id": sent_id, "webhook-timestamp": str(timestamp)}
    if settings.secret:
        secrets = (secret.get_secret_value() for secret in settings.secret)
        headers["webhook-signature"] = signature(secrets, sent_id, timestamp, body)
    headers |= {name: value.get_secret_value() for name, value in settings.headers.items()}
    if content_type and not any(name.lower() == "content-type" for name in settings.headers):
        headers["Content-Type"] = content_type
    return headers


def warnings(settings: WebhookSettings) -> list[str]:
    """Variables that stand for nothing, which are sent as they are typed; and a picture that parameters cannot hold."""
    unknown = [
        f"params.{name}: ${unknown} is no variable; known are {', '.join(f'${known}' for known in NAMES)}"
        for name, text in settings.params.items()
        for unknown in unknown_variables(text)
    ]
    if settings.picture and not _takes_pictures(settings):
        unknown.append("picture: parameters cannot hold it, only its address, $pictureUrl")
    return unknown


def _takes_pictures(settings: WebhookSettings) -> bool:
    return bool(settings.body) or (settings.send_as is SendAs.JSON and not settings.params)


def shows(settings: WebhookSettings) -> Shows:
    """An address always, the picture itself where the owner asks for it."""
    return Shows.LINK | Shows.IMAGE if settings.picture and _takes_pictures(settings) else Shows.LINK


CHANNEL = Channel(
    name="webhook",
    label="Web hook",
    settings=WebhookSettings,
    compose=compose,
    warnings=warnings,
    deadline_s=DEADLINE_S,
    idempotent=True,
    shows=shows,
    form=FormHints(first=("url", "method", "headers", "send_as", "params")),
)
