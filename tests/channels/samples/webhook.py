"""Web hooks: the standard's, parameters in three ways, and a template."""

from __future__ import annotations

from worker.messages import HttpPost, Reply

URL = "https://example.com/hooks/canaryCanary?key=canary12345"
PARAMS = {"app": "$applicationId", "text": "$title is $backToNormal: $unknown", "token": "$applicationToken"}
SETTINGS = {
    "url": URL,
    "headers": {"Authorization": "Bearer canary-header-1"},
    "secret": ["whsec_CanaryCANARYcanaryCANARYcanaryCA", "whsec_canaryCANARYcanaryCANARYcanaryCA"],
}
VARIANTS = {
    "json": {"url": URL, "params": PARAMS, "application_token": "canary-app-token", "method": "PUT"},
    "form": {"url": URL, "params": PARAMS, "send_as": "form"},
    "query": {"url": URL, "params": PARAMS, "send_as": "query", "method": "GET"},
    "template": {
        "url": URL,
        "content_type": "application/vnd.example+json",
        "body": '{"text": {{ headline | tojson }}, "tags": {{ event.tags | tojson }}'
        '{% for link in event.links %}, "{{ loop.index }}": {{ link.href | tojson }}{% endfor %}}',
    },
}
SUCCESS = Reply(status=200)


def check_limits(message: HttpPost) -> None:
    """An address that servers take."""
    assert len(message.url) <= 16_000
    assert message.url.isascii()
