"""What the demo sends and to whom: one shop's alerts, of the kinds that monitoring makes, to six channels at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from worker.channels.wording import clock, iso

APP = "shop"
TOKEN = "DemoTokenOfTheSandbox0123456789abcdefghi"  # noqa: S105 - the sandbox takes any with an upper-case letter
WINDOW_S = 50 * 60
"""The details link shows the 50 minutes before the trigger."""


def destinations(url: str, smtp_port: int, nsca_port: int) -> dict[str, Any]:
    """The settings file's content for the demo's app, with every address in the sandbox at `url`."""
    return {
        "hipchat": {"channel": "hipchat", "settings": {"token": TOKEN, "room": "Ops Room", "base_url": url}},
        "slack": {"channel": "slack", "settings": {"webhook_url": f"{url}/services/T0DEMO/B0DEMO/sandbox"}},
        "email": {
            "channel": "email",
            "settings": {
                "to": "on-call@shop.example",
                "from": "bellhop@shop.example",
                "host": "127.0.0.1",
                "port": smtp_port,
                "security": "none",
            },
        },
        "pagerduty": {
            "channel": "pagerduty",
            "settings": {"routing_key": "demo0key0of0the0sandbox000000000", "api_url": url},
        },
        "nagios": {
            "channel": "nagios",
            "settings": {"via": "nsca", "host": "127.0.0.1", "port": nsca_port, "unknown_host": "shop"},
        },
        "webhook": {"channel": "webhook", "settings": {"url": f"{url}/hook/shop"}},
    }


def stand_ins(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """By channel what its form takes to reach the sandbox, from the `destinations` that do."""
    return {each["channel"]: {name: str(value) for name, value in each["settings"].items()} for each in wanted.values()}


def firing(now: float, run: str) -> list[dict[str, Any]]:
    """The alerts, at epoch second `now`; `run` keeps the ids of one demo apart from another's."""
    return [_memory(now, run), _log_anomaly(now, run), _heartbeat(now, run)]


def resolved(events: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """Each alert's back to normal."""
    return [event | _normal(event, now) for event in events]


def _normal(event: dict[str, Any], now: float) -> dict[str, Any]:
    title, words, value = NORMAL[event["rule"]]
    changed = {"metric": event["metric"] | {"value": value}} if "metric" in event else {}
    return changed | {
        "id": f"{event['id']}-resolved",
        "status": "resolved",
        "title": title,
        "message": f"{words} Back to normal at {clock(now)}.",
        "occurred_at": now,
    }


NORMAL: Mapping[str, tuple[str, str, float]] = {
    "Memory used": (
        "Memory used by Apache is back to normal",
        "The avg(used) < 1.073741824E9 for 300 seconds for application Apache.",
        731_906_048,
    ),
    "Log errors": (
        "The checkout logs are back to normal",
        "The count of log events is within its usual range again.",
        23,
    ),
    "Heartbeat": ("search-2 sends its heartbeat again", "A heartbeat came from search-2 again.", 0),
}
"""By rule: title, words and the value that the metric came back to."""


def _memory(now: float, run: str) -> dict[str, Any]:
    return {
        "app": APP,
        "id": f"{run}-memory",
        "severity": "critical",
        "rule": "Memory used",
        "source": "apache-1",
        "title": "Memory used by Apache is above 1 GiB",
        "message": "The avg(used) > 1.073741824E9 for 300 seconds for application Apache. "
        f"Current value is 1464274175.50. Triggered at {clock(now)}.",
        "tags": {"host": "apache-1", "application": "Apache"},
        "links": [_details("apacheMemory", now)],
        "occurred_at": iso(now),
        "metric": {
            "name": "used",
            "unit": "bytes",
            "aggregation": "avg",
            "comparator": ">",
            "threshold": 1_073_741_824,
            "value": 1464274175.5,
            "window_s": 300,
            "points": [[now - 60 * ago, _used(ago)] for ago in range(50, -1, -1)],
        },
    }


def _used(minutes_ago: int) -> float:
    """A memory curve that is calm, and climbs through the threshold six minutes before the trigger."""
    calm = 7.2e8 + 4e7 * math.sin(minutes_ago / 4)
    return round(calm + 7.4e8 / (1 + math.exp((minutes_ago - 6) / 1.5)))


def _log_anomaly(now: float, run: str) -> dict[str, Any]:
    return {
        "app": APP,
        "id": f"{run}-log-errors",
        "severity": "error",
        "rule": "Log errors",
        "source": "checkout-logs",
        "title": "Anomaly: 1843 errors in the checkout logs",
        "message": "The count of log events for query 'level:error' was 1843 in the last 300 seconds; "
        f"12 to 40 are usual at this time of day. Triggered at {clock(now)}.",
        "tags": {"host": "checkout-1", "query": "level:error"},
        "links": [_details("checkoutLogs", now)],
        "occurred_at": iso(now),
        "metric": {
            "name": "errors",
            "unit": "events",
            "aggregation": "count",
            "comparator": ">",
            "threshold": 40,
            "value": 1843,
            "window_s": 300,
            "points": [[now - 300 * ago, 1843 if ago == 0 else 20 + ago * 7 % 15] for ago in range(10, -1, -1)],
        },
    }


def _heartbeat(now: float, run: str) -> dict[str, Any]:
    return {
        "app": APP,
        "id": f"{run}-heartbeat",
        "severity": "warning",
        "rule": "Heartbeat",
        "source": "search-2",
        "title": "No heartbeat from search-2",
        "message": f"No heartbeat came from host search-2 for 120 seconds. Triggered at {clock(now)}.",
        "tags": {"host": "search-2", "os.host": "search-2"},
        "links": [_details("heartbeat", now)],
        "occurred_at": iso(now),
        "extra": {"rule_type": "HEARTBEAT"},
    }


def _details(report: str, now: float) -> dict[str, str]:
    start, end = int((now - WINDOW_S) * 1000), int(now * 1000)
    return {
        "href": f"https://monitoring.shop.example/reports?r={report}&startDate={start}&endDate={end}",
        "text": "Details",
    }
