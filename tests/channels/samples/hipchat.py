"""HipChat: a room by name, HTML with a card, and a self-hosted server's pasted address."""

from __future__ import annotations

import json

from worker.messages import HttpPost, Reply
from worker.models import Kind, Reason

TOKEN = "CanaryTokenCanaryTokenCanaryTokenCanary1"
SETTINGS = {"room": "Ops / Räume", "token": TOKEN}
VARIANTS = {
    "html": SETTINGS | {"message_format": "html", "from": "Bellhop", "notify": False},
    "pasted": {
        "base_url": f"https://hipchat.example.com/chat/v2/room/4%2F2/notification?auth_token={TOKEN}",
        "verify_tls": False,
        "ca_file": "/etc/ssl/hipchat.pem",
    },
}
SUCCESS = Reply(status=204)
STATUSES = {
    status: (Kind.PERMANENT, Reason.BAD_REPLY) for status in range(200, 300) if status not in {200, 201, 202, 204}
}


def check_limits(message: HttpPost) -> None:
    """The schemas of notification and card."""
    body = json.loads(message.body)
    assert 1 <= len(body["message"]) <= 10_000
    assert isinstance(body["notify"], bool)
    assert len(body.get("from", "")) <= 64
    if card := body.get("card"):
        assert 1 <= len(card["title"]) <= 500
        assert 1 <= len(card["description"]["value"]) <= 1000
        assert isinstance(card["id"], str)
        assert 1 <= len(card.get("thumbnail", {"url": "x"})["url"]) <= 250
        for attribute in card["attributes"]:
            assert 1 <= len(attribute["label"]) <= 50
            assert attribute["value"]["label"]
