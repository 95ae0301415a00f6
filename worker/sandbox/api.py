"""The sandbox's own JSON API: what arrived, what is open, and which faults are in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from worker.errors import InvalidSettings
from worker.sandbox.arrivals import Arrivals
from worker.sandbox.exchange import Answer, Call, Fate, say
from worker.sandbox.faults import Faults, read_rules
from worker.sandbox.pagerduty import PagerDuty
from worker.sandbox.view import as_json, fates, stats
from worker.sandbox.webhook import WebHook

MOST_AT_ONCE = 10_000
USUAL = 100


@dataclass(frozen=True, slots=True)
class Api:
    """`/api/…`, every call of it."""

    arrivals: Arrivals
    faults: Faults
    pagerduty: PagerDuty
    webhook: WebHook
    clear_state: Callable[[], None]
    """Forgets arrivals, faults, incidents, secrets and how far limits are used."""
    about: dict[str, Any] = field(default_factory=dict)

    def answer(self, call: Call) -> Answer:
        """What was asked for; 400 with field and message where the question is wrong."""
        if _foreign(call):
            return _error(403, "origin", "this page is not the sandbox's own")
        try:
            content = self._read(call) if call.method == "GET" else self._change(call)
        except InvalidSettings as error:
            return _invalid(error)
        if content is None:
            return _error(404, "path", f"there is no {call.method} {'/'.join(('', *call.path))}")
        return say(200, Fate.PROBED, content)

    def _read(self, call: Call) -> Any:
        if len(call.path) == 3 and call.path[1] == "arrivals" and call.path[2].isdecimal():
            return self._one(call.path[2])
        questions: dict[tuple[str, ...], Callable[[Mapping[str, str]], Any]] = {
            ("arrivals",): self._list,
            ("arrivals", "count"): self._count,
            ("arrivals", "deliveries"): self._deliveries,
            ("stats",): lambda _: stats(self.arrivals),
            ("faults",): lambda _: {"faults": self.faults.listed()},
            ("pagerduty", "open"): lambda _: {"open": self.pagerduty.open()},
            ("about",): lambda _: self.about,
        }
        question = questions.get(call.path[1:])
        return question(call.query) if question else None

    def _one(self, number: str) -> dict[str, Any] | None:
        arrival = self.arrivals.find(int(number[:18]))
        return as_json(arrival) if arrival else None

    def _count(self, query: Mapping[str, str]) -> dict[str, int]:
        return fates(self.arrivals.count(query.get("channel"), query.get("to")))

    def _deliveries(self, query: Mapping[str, str]) -> dict[str, Any]:
        counts = self.arrivals.deliveries(query.get("channel"))
        return {"deliveries": {name: fates(count) for name, count in counts.items()}}

    def _change(self, call: Call) -> Any:
        match (call.method, *call.path[1:]):
            case ("DELETE", "arrivals"):
                self.arrivals.clear()
                return stats(self.arrivals)
            case ("DELETE", "state"):
                self.clear_state()
                return stats(self.arrivals)
            case ("PUT" | "POST" | "DELETE", "faults"):
                self._set_faults(call)
                return {"faults": self.faults.listed()}
            case ("PUT" | "DELETE", "hooks", name, "secret"):
                self._expect(call, name)
                return {"hook": name, "signed": call.method == "PUT"}
        return None

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        since = _number(query, "since", None)
        limit = min(_number(query, "limit", USUAL) or USUAL, MOST_AT_ONCE)
        found = self.arrivals.select(
            query.get("channel"), query.get("to"), since, limit, newest=query.get("newest") == "1"
        )
        brief = query.get("brief") == "1"
        return {
            "arrivals": [as_json(arrival, brief=brief) for arrival in found],
            "last": self.arrivals.last,
            "cleared": self.arrivals.cleared,
        }

    def _set_faults(self, call: Call) -> None:
        if call.method == "DELETE":
            self.faults.clear()
        elif call.method == "PUT":
            self.faults.replace(read_rules(_json(call)))
        else:
            for rule in read_rules([_json(call)]):
                self.faults.add(rule)

    def _expect(self, call: Call, name: str) -> None:
        if call.method == "DELETE":
            self.webhook.expect(name, None)
            return
        content = _json(call)
        secret = content.get("secret") if isinstance(content, dict) else None
        try:
            self.webhook.expect(name, str(secret))
        except ValueError as error:
            raise InvalidSettings([f"secret: {error}"]) from None


def _foreign(call: Call) -> bool:
    """Whether another site's page asks: a browser says so by its Origin."""
    origin = call.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != call.headers.get("Host")


def _json(call: Call) -> Any:
    try:
        return call.json()
    except orjson.JSONDecodeError as error:
        raise InvalidSettings([f"body: not JSON: {error}"]) from None


def _number(query: Mapping[str, str], name: str, usual: int | None) -> int | None:
    text = query.get(name)
    if text is None:
        return usual
    if not text.isdecimal() or len(text) > 18:
        raise InvalidSettings([f"{name}: must be a whole number, 0 or more"])
    return int(text)


def _invalid(error: InvalidSettings) -> Answer:
    place, _, message = error.problems[0].partition(": ")
    return _error(400, place, message, error.problems)


def _error(status: int, place: str, message: str, problems: list[str] | None = None) -> Answer:
    content: dict[str, Any] = {"field": place, "message": message}
    if problems:
        content["problems"] = problems
    return say(status, Fate.REFUSED, {"error": content})
