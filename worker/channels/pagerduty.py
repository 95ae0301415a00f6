"""PagerDuty, Events API v2: trigger and resolve.

https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/02-Trigger-Events.md
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import AfterValidator, Field, SecretStr

from worker.channels.channel import (
    EXCERPT_CHARS,
    Channel,
    ChannelSettings,
    Endpoint,
    FormHints,
    HttpUrl,
    Limit,
    bad_reply,
    credential_key,
    digest,
    endpoint,
    json_body,
    json_object,
    judge_http,
    reference,
    shown,
    shows_links,
)
from worker.channels.wording import TEST_SENTENCE, clip, iso, late, measurement, one_line, web_links
from worker.messages import HttpPost, Reply
from worker.models import Event, Kind, Notice, Verdict

BODY_BYTES = 512_000
SUMMARY_CHARS, DEDUP_KEY_CHARS, NAME_CHARS, LINK_TEXT_CHARS = 1024, 255, 1024, 255
ROUTING_KEY_CHARS = 32
ERRORS = 20
"""How many of the errors that a refusal lists are looked at."""


def _routing_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if len(text) != ROUTING_KEY_CHARS or not (text.isascii() and text.isalnum()):
        raise ValueError(f"must be the {ROUTING_KEY_CHARS} letters and digits of an Events API v2 integration key")
    return key


class Region(StrEnum):
    """Where the PagerDuty account is."""

    US = "us"
    EU = "eu"


# https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/01-Overview.md
HOSTS = {Region.US: "https://events.pagerduty.com", Region.EU: "https://events.eu.pagerduty.com"}


class PagerDutySettings(ChannelSettings):
    """An integration of a service."""

    routing_key: Annotated[SecretStr, AfterValidator(_routing_key)] = Field(
        title="Routing key",
        description="The integration key of a service's Events API v2 integration: 32 letters and digits.",
    )
    region: Region = Field(
        default=Region.US, title="Region", description="Where the account is: `us`, or `eu` (pagerduty.eu)."
    )
    api_url: HttpUrl | None = Field(
        default=None,
        title="API URL",
        description="Where the Events API is, instead of the region's; only tests and proxies need it.",
    )

    @cached_property
    def endpoint(self) -> Endpoint:
        """Where events go."""
        base = (self.api_url or HOSTS[self.region]).rstrip("/").removesuffix("/v2/enqueue")
        return endpoint(f"{base}/v2/enqueue")


def compose(notice: Notice, settings: PagerDutySettings) -> HttpPost:
    """A trigger or a resolve; both of one condition carry one key, so a repeated one makes no second incident."""
    return HttpPost(
        url=settings.endpoint.url,
        label=settings.endpoint.label,
        headers={"Content-Type": "application/json"},
        body=_body(_event(notice, settings.routing_key.get_secret_value())),
    )


def _body(event: dict[str, Any]) -> bytes:
    """The event in 512,000 bytes: what is longer loses its details first, and then its links and its picture."""
    body = json_body(event)
    if len(body) > BODY_BYTES:
        event["payload"].pop("custom_details")
        body = json_body(event)
    if len(body) > BODY_BYTES:
        event["links"] = []
        event.pop("images", None)
        body = json_body(event)
    return body


def _event(notice: Notice, routing_key: str) -> dict[str, Any]:
    event = notice.event
    links = [{"href": link.href, "text": clip(link.text, LINK_TEXT_CHARS)} for link in web_links(event)]
    told = {
        "routing_key": routing_key,
        "event_action": "trigger" if event.firing else "resolve",
        "dedup_key": dedup_key(event),
        "client": "Bellhop",
        "links": links,
        "payload": _payload(notice),
    }
    # https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/02-Trigger-Events.md#the-images-property
    if notice.picture and notice.picture.url.startswith("https://"):
        leading = {"href": links[0]["href"]} if links else {}
        told["images"] = [{"src": notice.picture.url, "alt": notice.picture.alt, **leading}]
    return told


def dedup_key(event: Event) -> str:
    """The condition's key within its app. Without one, every retry would open another incident."""
    key = f"{event.app}:{event.dedup_key}"
    return key if len(key) <= DEDUP_KEY_CHARS else digest(key)


def _payload(notice: Notice) -> dict[str, Any]:
    event = notice.event
    optional = {"component": event.tags.get("component", ""), "group": event.app, "class": event.rule}
    return {
        "summary": _summary(notice),
        "source": clip(one_line(event.source) or event.app, NAME_CHARS),
        "severity": event.severity.value,
        "timestamp": iso(event.occurred_at),
        **{name: clip(text, NAME_CHARS) for name, text in optional.items() if text},
        "custom_details": _details(notice),
    }


def _summary(notice: Notice) -> str:
    """The one line that pages people: it may not be empty, and says so where it is late or a test."""
    mark = "[TEST] " if notice.test else ""
    suffix = f" {late(notice)}" if notice.late_s > 0 else ""
    title = one_line(notice.event.title) or f"Alert of {notice.event.app}"
    return f"{mark}{clip(title, SUMMARY_CHARS - len(mark) - len(suffix))}{suffix}"


def _details(notice: Notice) -> dict[str, Any]:
    event = notice.event
    details = {
        "message": event.message,
        "metric": measurement(event),
        "tags": event.tags,
        "test": TEST_SENTENCE if notice.test else "",
    }
    return {name: value for name, value in details.items() if value}


def judge(reply: Reply, settings: PagerDutySettings) -> Verdict:
    """Success is 202 alone; a refusal names what is wrong.

    https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/01-Overview.md#response-codes--retry-logic
    """
    verdict = judge_http(reply, settings)
    if reply.failure is not None:
        return verdict
    answer = json_object(reply.body)
    if verdict.kind is not Kind.DELIVERED:
        return replace(verdict, detail=_refusal(answer, settings) or verdict.detail)
    if reply.status != 202:
        return bad_reply(reply, settings, "PagerDuty answers 202")
    return replace(verdict, provider_ref=reference(answer.get("dedup_key"), settings))


def _refusal(answer: dict[str, Any], settings: PagerDutySettings) -> str:
    """`Event object is invalid: 'payload.source' is missing or blank`."""
    errors = answer.get("errors")
    listed = [shown(error, settings) for error in errors[:ERRORS]] if isinstance(errors, list) else []
    parts = [shown(answer.get("message"), settings), "; ".join(filter(None, listed))]
    return clip(": ".join(filter(None, parts)), EXCERPT_CHARS)


def limits(settings: PagerDutySettings) -> tuple[Limit, ...]:
    """About 120 events a minute per integration.

    https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/05-Rate-Limits.md
    """
    return (Limit(credential_key("pagerduty", settings.routing_key.get_secret_value()), 120, 60.0),)


CHANNEL = Channel(
    name="pagerduty",
    label="PagerDuty",
    settings=PagerDutySettings,
    compose=compose,
    judge=judge,
    limits=limits,
    idempotent=True,
    shows=shows_links,
    form=FormHints(first=("routing_key", "region")),
    success="202 (Accepted)",
)
