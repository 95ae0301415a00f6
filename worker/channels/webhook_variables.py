"""What a web hook can say: the event as producers know it, and Sematext's `$variables`.

https://sematext.com/docs/integration/alerts-webhooks-custom-params/
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from worker.channels.wording import headline, iso, paragraphs, plain
from worker.models import DeliveryId, Event, Notice

RULE_TYPES = frozenset(
    {
        "HEARTBEAT",
        "AF_VALUE",
        "AF_ANOMALY_VALUE",
        "LOGSENE_VALUE",
        "LOGSENE_ANOMALY_VALUE",
        "RUM_VALUE",
        "RUM_ANOMALY_VALUE",
        "SYNTHETICS_RESULT_VALUE",
    }
)
NAMES = (
    "webHookName",
    "applicationId",
    "applicationToken",
    "ruleType",
    "createTimestamp",
    "backToNormal",
    "title",
    "description",
    "url",
    "troubleshootUrl",
    "pictureUrl",
)
"""Sematext's, and the last one Bellhop's own."""
_VARIABLE = re.compile(r"\$(\w+)", re.ASCII)


def substituted(text: str, values: Mapping[str, str]) -> str:
    """`text` with its `$variables` replaced, once over: what a value brings along is not looked at again."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def unknown_variables(text: str) -> list[str]:
    """The `$names` in `text` that stand for nothing."""
    return [found for found in _VARIABLE.findall(text) if found not in NAMES]


def variables(notice: Notice, *, url: str, application_token: str) -> dict[str, str]:
    """Every `$variable` with its value: all of them text, as Sematext sends them."""
    event = notice.event
    values = (
        _destination(notice.delivery_id),
        event.app,
        application_token,
        rule_type(event),
        iso(event.occurred_at),
        "false" if event.firing else "true",
        f"[TEST] {event.title}" if notice.test else event.title,
        "\n".join(paragraphs(notice)),
        url,
        event.links[0].href if event.links else "",
        notice.picture.url if notice.picture else "",
    )
    return dict(zip(NAMES, values, strict=True))


def _destination(delivery_id: str) -> str:
    try:
        return DeliveryId.parse(delivery_id).destination
    except ValueError:
        return ""


def rule_type(event: Event) -> str:
    """One of Sematext's rule types: the event's own where it names one, else by what it measures."""
    named = str(event.extra.get("rule_type") or event.extra.get("ruleType") or "").upper()
    if named in RULE_TYPES:
        return named
    if event.metric is not None:
        return "AF_VALUE"
    return "LOGSENE_VALUE" if event.extra.get("query") else "HEARTBEAT"


def filters(event: Event) -> str:
    """The tags as Sematext writes them into a parameter of its own: `{os.host=db-1, disk=sda}`."""
    return f"{{{', '.join(f'{name}={value}' for name, value in event.tags.items())}}}"


def event_document(event: Event) -> dict[str, Any]:
    """The event as producers write it (docs: Event), every field spelled out; times are RFC 3339."""
    return {
        "app": event.app,
        "id": event.id,
        "status": event.status.value,
        "severity": event.severity.value,
        "title": event.title,
        "message": event.message,
        "dedup_key": event.dedup_key,
        "rule": event.rule,
        "source": event.source,
        "tags": dict(event.tags),
        "links": [{"href": link.href, "text": link.text} for link in event.links],
        "occurred_at": iso(event.occurred_at),
        "metric": _metric(event),
        "extra": dict(event.extra),
    }


def _metric(event: Event) -> dict[str, Any] | None:
    if event.metric is None:
        return None
    return {**asdict(event.metric), "points": [list(point) for point in event.metric.points]}


def standard_document(notice: Notice) -> dict[str, Any]:
    """The body where nothing else is configured: Standard Webhooks' `type`, `timestamp` and `data`."""
    kind = "test" if notice.test else notice.event.status.value
    data = event_document(notice.event)
    if notice.picture is not None:
        data |= {name: value for name, value in picture_of(notice).items() if value}
    return {"type": f"alert.{kind}", "timestamp": iso(notice.event.occurred_at), "data": data}


def picture_of(notice: Notice) -> dict[str, str]:
    """The picture's address, and the PNG in base64; empty where there is none."""
    picture = notice.picture
    return {
        "picture_url": picture.url if picture else "",
        "picture": base64.b64encode(picture.png).decode() if picture else "",
    }


def template_variables(notice: Notice) -> dict[str, Any]:
    """What a body template knows: the event, this attempt's facts, and the alert in Bellhop's own words."""
    return {
        "event": event_document(notice.event),
        "notice": {
            "id": notice.delivery_id,
            "attempt": notice.attempt,
            "now": iso(notice.now),
            "late_s": notice.late_s,
            "test": notice.test,
        },
        "headline": headline(notice.event, test=notice.test),
        "text": plain(notice),
        **picture_of(notice),
    }
