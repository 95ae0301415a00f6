"""PagerDuty's Events API v2, and the incidents that it keeps open.

https://github.com/PagerDuty/developer-docs/tree/main/docs/events-API-v2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import orjson

from worker.sandbox.exchange import Answer, Call, Fate, say
from worker.sandbox.limits import windows
from worker.sandbox.masking import mask
from worker.sandbox.options import Options

KEY_CHARS = 32
DEDUP_CHARS = 255
SUMMARY_CHARS = 1024
EVENT_BYTES = 512_000
SEVERITIES = ("critical", "error", "warning", "info")
ACTIONS = ("trigger", "acknowledge", "resolve")
INCIDENTS_KEPT = 100_000


@dataclass(slots=True)
class Incident:
    """What is open under one dedup key. Times are epoch seconds; `routing_key` is masked."""

    routing_key: str
    dedup_key: str
    status: str
    summary: str
    severity: str
    source: str
    opened_at: float
    changed_at: float
    events: int = 1


class PagerDuty:
    """`/v2/enqueue`."""

    channel = "pagerduty"
    addressed_by_body = True

    def __init__(self, options: Options) -> None:
        self._limit = windows(options.pagerduty_events)
        self._open: dict[tuple[str, str], Incident] = {}
        self._do: dict[str, Callable[[dict[str, Any], str, float], str]] = {
            "trigger": self._trigger,
            "acknowledge": self._acknowledge,
            "resolve": self._resolve,
        }

    def open(self) -> list[dict[str, Any]]:
        """The incidents that are open, oldest first."""
        return [asdict(incident) for incident in self._open.values()]

    def clear(self) -> None:
        """Forget all incidents; all limits start anew."""
        self._open.clear()
        if self._limit:
            self._limit.clear()

    def address(self, call: Call) -> str:
        """The routing key's ends."""
        try:
            body = call.json()
        except ValueError:
            return ""
        return mask(str(body.get("routing_key") or "")) if isinstance(body, dict) else ""

    def answer(self, call: Call) -> Answer:
        """202 with the dedup key, 400 with every error, or 429."""
        if call.method != "POST":
            return say(405, Fate.REFUSED, {"message": "Method Not Allowed"}, headers={"Allow": "POST"})
        try:
            body = call.json()
        except ValueError:
            return _invalid(["JSON is invalid"])
        errors = _errors(body, len(call.body))
        if errors:
            return _invalid(errors)
        return self._take(body, call.now)

    def _take(self, body: dict[str, Any], now: float) -> Answer:
        # 429 with these words: https://developer.pagerduty.com/docs/events-api-v2-overview
        if self._limit and not self._limit.take(body["routing_key"], now).allowed:
            words = "Requests for this service are arriving too quickly. Please retry later."
            return say(429, Fate.REFUSED, {"status": "throttle exceeded", "message": words}, note="throttle exceeded")
        key = body.get("dedup_key") or uuid4().hex
        note = self._do[body["event_action"]](body, key, now)
        content = {"status": "success", "message": "Event processed", "dedup_key": key}
        return Answer(202, Fate.ACCEPTED, orjson.dumps(content), delivery_id=key, note=note)

    def _trigger(self, body: dict[str, Any], key: str, now: float) -> str:
        payload = body["payload"]
        incident = self._open.get((body["routing_key"], key))
        if incident is not None:
            incident.events += 1
            incident.changed_at = now
            return f"added to the open incident, event {incident.events}"
        if len(self._open) >= INCIDENTS_KEPT:
            del self._open[next(iter(self._open))]
        facts = payload["summary"], payload["severity"], payload["source"]
        self._open[body["routing_key"], key] = Incident(
            mask(body["routing_key"]), key, "triggered", *facts, opened_at=now, changed_at=now
        )
        return "incident opened"

    def _acknowledge(self, body: dict[str, Any], key: str, now: float) -> str:
        incident = self._open.get((body["routing_key"], key))
        if incident is None:
            return "no open incident of this key: dropped"
        incident.status, incident.changed_at = "acknowledged", now
        return "incident acknowledged"

    def _resolve(self, body: dict[str, Any], key: str, now: float) -> str:
        # Without an open alert of this key the event is dropped silently, with 202 all the same.
        del now
        closed = self._open.pop((body["routing_key"], key), None)
        return "incident resolved" if closed else "no open incident of this key: dropped"


def _errors(body: Any, size: int) -> list[str]:
    if not isinstance(body, dict):
        return ["Event must be an object"]
    errors = ["Event is larger than 512 KB"] if size > EVENT_BYTES else []
    errors += _key_errors(body)
    action = body.get("event_action")
    if action not in ACTIONS:
        return [*errors, f"'event_action' is missing or invalid (must be one of {', '.join(ACTIONS)})"]
    if action == "trigger":
        return errors + _payload_errors(body.get("payload"))
    return errors if body.get("dedup_key") else [*errors, "'dedup_key' is missing or blank"]


def _key_errors(body: dict[str, Any]) -> list[str]:
    """In the words of https://github.com/envato/pagerduty/issues/70 and blockpane/tenderduty issue 10."""
    key, dedup = body.get("routing_key"), body.get("dedup_key")
    if not isinstance(key, str) or not key:
        return ["'routing_key' is missing or blank"]
    errors = []
    if len(key) != KEY_CHARS:
        errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if not key.isalnum():
        errors.append("'routing_key' cannot contain non-alphanumeric characters.")
    if dedup is not None and (not isinstance(dedup, str) or len(dedup) > DEDUP_CHARS):
        errors.append(f"'dedup_key' must be text of at most {DEDUP_CHARS} characters")
    return errors


def _payload_errors(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not isinstance(payload.get(name), str) or not payload[name].strip()
    ]
    if isinstance(payload.get("summary"), str) and len(payload["summary"]) > SUMMARY_CHARS:
        errors.append(f"'payload.summary' is too long (at most {SUMMARY_CHARS} characters)")
    if payload.get("severity") and payload["severity"] not in SEVERITIES:
        errors.append(f"'payload.severity' is invalid (must be one of {', '.join(SEVERITIES)})")
    return errors


def _invalid(errors: list[str]) -> Answer:
    content = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return say(400, Fate.REFUSED, content, note="; ".join(errors))
