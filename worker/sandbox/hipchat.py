"""A HipChat v2 server: rooms, tokens, both rate limits, `auth_test`, and errors in the service's own shape.

https://developer.atlassian.com/server/hipchat/about-the-hipchat-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from worker.sandbox.exchange import Answer, Call, Fate, say
from worker.sandbox.hipchat_schema import MESSAGE, NOTIFICATION, Problem
from worker.sandbox.limits import Standing, windows
from worker.sandbox.options import Options

ROOM_NAME_CHARS = 100
TYPES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
}
AUTH_TEST = {
    "success": {
        "code": 202,
        "type": "Accepted",
        "message": "This auth_token has access to use this method.",
    }
}
ROOM_CALLS = {"notification": NOTIFICATION, "message": MESSAGE}
Headers = Mapping[str, str]


class HipChat:
    """Rooms that take notifications."""

    channel = "hipchat"
    addressed_by_body = False

    def __init__(self, options: Options) -> None:
        self._rooms = options.rooms
        self._requests = windows(options.hipchat_requests)
        self._messages = windows(options.hipchat_messages)

    def clear(self) -> None:
        """All limits start anew."""
        for limit in (self._requests, self._messages):
            if limit:
                limit.clear()

    def address(self, call: Call) -> str:
        """The room, as it was named: `/v2/room/Ops%20Room/notification` is for `Ops Room`."""
        return call.path[2] if len(call.path) > 2 and call.path[1] == "room" else ""

    def answer(self, call: Call) -> Answer:
        """What HipChat answers, both header families on it."""
        token = call.bearer() or call.query.get("auth_token", "")
        headers, within = self._request_limit(token, call.now)
        if call.path == ("v2", "capabilities"):
            return say(200, Fate.PROBED, CAPABILITIES, headers=headers)
        refusal = _token_problem(token, headers)
        if refusal is not None:
            return refusal
        if not within:
            return _refuse(429, "Rate limit exceeded", headers, note="more requests than the token may make")
        return self._for_room(call, headers)

    def _request_limit(self, token: str, now: float) -> tuple[Headers, bool]:
        if self._requests is None:
            return {}, True
        standing = self._requests.take(token, now)
        return _limit_headers("X-Ratelimit", standing), standing.allowed

    def _for_room(self, call: Call, headers: Headers) -> Answer:
        if len(call.path) != 4 or call.path[1] != "room" or call.path[3] not in ROOM_CALLS:
            return _refuse(404, "Not found", headers)
        room = call.path[2]
        if self._messages:
            headers = {**headers, **_limit_headers("X-FloodControl", self._messages.look(room, call.now))}
        if not self._exists(room):
            return _refuse(404, "Room not found", headers)
        # auth_test asks for any method, and nothing is performed:
        # https://developer.atlassian.com/server/hipchat/about-the-hipchat-rest-api
        if call.query.get("auth_test", "").lower() == "true":
            return say(202, Fate.PROBED, AUTH_TEST, headers=headers, note="auth_test: nothing was posted")
        if call.method != "POST":
            return _refuse(405, "Method not allowed", {**headers, "Allow": "POST"})
        return self._post(call, room, headers)

    def _exists(self, room: str) -> bool:
        if not 1 <= len(room) <= ROOM_NAME_CHARS:
            return False
        return room in self._rooms if self._rooms is not None else not room.lower().startswith("missing")

    def _post(self, call: Call, room: str, headers: Headers) -> Answer:
        kind = call.path[3]
        try:
            body = call.json()
        except ValueError:
            return _refuse(400, "The request body cannot be parsed as valid JSON", headers)
        problem = ROOM_CALLS[kind].check(body, "")
        if problem is not None:
            return _invalid(problem, headers)
        if self._messages:
            standing = self._messages.take(room, call.now)
            headers = {**headers, **_limit_headers("X-FloodControl", standing)}
            if not standing.allowed:
                return _refuse(429, "Rate limit exceeded", headers, note="more messages than a room takes")
        return _posted(kind, call.now, headers)


def _posted(kind: str, now: float, headers: Headers) -> Answer:
    if kind == "notification":
        return say(204, Fate.ACCEPTED, headers=headers)
    stamp = datetime.fromtimestamp(now, UTC).isoformat()
    return say(200, Fate.ACCEPTED, {"id": str(uuid4()), "timestamp": stamp}, headers=headers)


def _token_problem(token: str, headers: Headers) -> Answer | None:
    # A v1 token is 30 lower-case hex digits, a v2 token 40 of mixed case; v1 on v2 is an invalid session:
    # https://github.com/charltoons/hipchatter/issues/19
    if not any(c.isupper() for c in token):
        return _refuse(401, "Invalid OAuth session", headers)
    # https://github.com/invernizzi/hiplogging/issues/14
    if token.startswith("NoScope"):
        return _refuse(403, "This action requires one of the following scopes: [u'send_notification']", headers)
    return None


def _limit_headers(family: str, standing: Standing) -> dict[str, str]:
    """https://developer.atlassian.com/server/hipchat/hipchat-rest-api-rate-limits ; the reset is in epoch seconds."""
    return {
        f"{family}-Limit": str(standing.limit),
        f"{family}-Remaining": str(standing.remaining),
        f"{family}-Reset": str(standing.reset_at),
    }


def _refuse(code: int, message: str, headers: Headers, note: str = "", **more: Any) -> Answer:
    error = {"code": code, "message": message, "type": TYPES[code], **more}
    return say(code, Fate.REFUSED, {"error": error}, headers=headers, note=note or message)


def _invalid(problem: Problem, headers: Headers) -> Answer:
    more: dict[str, Any] = {"field": problem.field, "validation": problem.validation}
    if problem.value is not None:
        more["value"] = problem.value if isinstance(problem.value, str) else orjson.dumps(problem.value).decode()
        more["value"] = more["value"][:ROOM_NAME_CHARS]
    if problem.expected is not None:
        more["expected_type" if problem.validation == "type" else "expected"] = problem.expected
    return _refuse(400, problem.message, headers, **more)


CAPABILITIES = {
    "name": "HipChat",
    "description": "A stand-in for group chat and IM built for teams",
    "key": "hipchat",
    "vendor": {"name": "Bellhop's sandbox", "url": "/"},
    "links": {"api": "/v2", "self": "/v2/capabilities"},
    "capabilities": {
        "oauth2Provider": {"tokenUrl": "/v2/oauth/token", "authorizationUrl": "/users/authorize"},
        "hipchatApiProvider": {
            "url": "/v2/",
            "availableScopes": {"send_notification": {"id": "send_notification", "name": "Send Notification"}},
        },
    },
}
