"""PagerDuty: both regions, and an address of one's own."""

from __future__ import annotations

import json

from worker.messages import HttpPost, Reply
from worker.models import Kind, Reason

SETTINGS = {"routing_key": "CanaryCanaryCanaryCanaryCanary12"}
VARIANTS = {"eu": SETTINGS | {"region": "eu"}, "proxy": SETTINGS | {"api_url": "http://127.0.0.1:9000/pagerduty/"}}
SUCCESS = Reply(status=202, body=b'{"status":"success","message":"Event processed","dedup_key":"checkout:disk"}')
STATUSES = {status: (Kind.PERMANENT, Reason.BAD_REPLY) for status in range(200, 300) if status != 202}


def check_limits(message: HttpPost) -> None:
    """https://github.com/PagerDuty/developer-docs/blob/main/docs/events-API-v2/02-Trigger-Events.md."""
    assert len(message.body) <= 512_000
    body = json.loads(message.body)
    assert 1 <= len(body["dedup_key"]) <= 255
    assert 1 <= len(body["payload"]["summary"]) <= 1024
    assert body["payload"]["source"]
    for image in body.get("images", []):
        assert image["src"].startswith("https://")
        assert image.get("href", "http").startswith("http")
    assert body["payload"]["severity"] in {"info", "warning", "error", "critical"}
