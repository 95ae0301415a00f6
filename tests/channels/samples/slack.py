"""Slack: a web hook, and the Web API."""

from __future__ import annotations

import json

from worker.messages import HttpPost, Reply
from worker.models import Kind, Reason

SETTINGS = {"webhook_url": "https://hooks.slack.com/services/T0CANARY/B0CANARY/CanaryCanary1"}
VARIANTS = {"web_api": {"token": "xoxb-Canary-token-1", "channel": "#ops"}}
SUCCESS = Reply(status=200, body=b"ok")
SUCCESSES = {"web_api": Reply(status=200, body=b'{"ok":true,"channel":"C024BE91L","ts":"1401383885.000061"}')}
STATUSES = dict.fromkeys(range(201, 300), (Kind.PERMANENT, Reason.BAD_REPLY))


def check_limits(message: HttpPost) -> None:
    """A section's 3,000 characters for each text, and what a web hook takes in all."""
    body = json.loads(message.body)
    (attachment,) = body["attachments"]
    assert 1 <= len(body["text"]) <= 3000
    assert 1 <= len(attachment["text"]) <= 3000
    assert len(attachment["footer"]) <= 300
    assert len(body["text"]) + len(attachment["text"]) + len(attachment["fallback"]) <= 13_000
