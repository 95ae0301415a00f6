"""Nagios' NRDP: HTTP 200 always, and `result.status` says whether it worked. JSON only.

https://github.com/NagiosEnterprises/nrdp/tree/master/server
"""

from __future__ import annotations

from typing import Any

import orjson

from worker.sandbox.exchange import FORM, Answer, Call, Fate, say
from worker.sandbox.options import Options

PARAMETERS = ("json", "jsondata", "JSONDATA")
STATES = {str(state) for state in range(4)}


class Nrdp:
    """`/nrdp/`."""

    channel = "nrdp"
    addressed_by_body = True

    def __init__(self, options: Options) -> None:
        del options

    def clear(self) -> None:
        """Nothing is kept."""

    def address(self, call: Call) -> str:
        """`host/service` of the first check, or `host`."""
        checks = _checks(fields(call))
        first = checks[0] if checks and isinstance(checks[0], dict) else {}
        names = (first.get("hostname"), first.get("servicename"))
        return "/".join(str(name) for name in names if name)

    def answer(self, call: Call) -> Answer:
        """`{"result": {"status": 0 | -1, "message": …}}`."""
        given = fields(call)
        command = given.get("cmd", "")
        if command == "hello":
            return say(200, Fate.PROBED, {"result": {"status": 0, "message": "OK"}}, note="hello")
        problem = _token_problem(given.get("token", ""))
        if problem:
            return _failed(problem)
        if command != "submitcheck":
            return Answer(200, Fate.REFUSED, b"NO REQUEST HANDLER", "text/plain", note="no such command")
        return _submit(given)


def fields(call: Call) -> dict[str, str]:
    """The query's and the form's fields."""
    try:
        form = call.form() if call.headers.get("Content-Type", "").startswith(FORM) else {}
    except ValueError:
        form = {}
    return {**call.query, **form}


def _submit(given: dict[str, str]) -> Answer:
    if not any(given.get(name) for name in PARAMETERS):
        return _failed("NO DATA")
    checks = _checks(given)
    if checks is None or not all(_is_check(check) for check in checks):
        return _failed("BAD JSON")
    output = f"{len(checks)} checks processed"
    content = {"result": {"status": 0, "message": "OK", "meta": {"output": output}}}
    return say(200, Fate.ACCEPTED, content, note=output)


def _token_problem(token: str) -> str | None:
    if not token:
        return "NO TOKEN"
    return "BAD TOKEN" if token.lower().startswith("wrong") else None


def _checks(given: dict[str, str]) -> list[Any] | None:
    text = next((given[name] for name in PARAMETERS if given.get(name)), "")
    try:
        content = orjson.loads(text)
    except ValueError:
        return None
    checks = content.get("checkresults") if isinstance(content, dict) else None
    return checks if isinstance(checks, list) else None


def _is_check(check: Any) -> bool:
    if not isinstance(check, dict) or not isinstance(check.get("hostname"), str) or not check["hostname"]:
        return False
    kind = check.get("checkresult", {})
    kind = kind.get("type", "host") if isinstance(kind, dict) else None
    named = kind == "host" or (kind == "service" and bool(check.get("servicename")))
    return named and str(check.get("state")) in STATES and isinstance(check.get("output"), str)


def _failed(message: str) -> Answer:
    return say(200, Fate.REFUSED, {"result": {"status": -1, "message": message}}, note=message)
