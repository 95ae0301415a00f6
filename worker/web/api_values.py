"""Names and values that several parts of the HTTP API take or give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from worker.appsfile import NAME, NAME_RULE
from worker.errors import InvalidSettings

PATTERN: Final = rf"^{NAME.pattern}$"
PARTS: Final[dict[str, dict[str, Any]]] = {
    "app": {"type": "string", "pattern": PATTERN, "description": "The app's name."},
    "name": {"type": "string", "pattern": PATTERN, "description": "The destination's name."},
    "event": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "The event's id, percent-encoded."},
    "user": {"type": "string", "pattern": r"^[A-Za-z0-9._@-]{1,64}$", "description": "The user's name."},
    "token": {"type": "string", "pattern": r"^[A-Za-z0-9._@-]{1,64}$", "description": "The token's name, not itself."},
}
"""What may stand in addresses, by what the placeholder is called."""

Moment = Annotated[datetime, Field(description="When, in UTC.")]
Next = Annotated[str | None, Field(description="`cursor` of the next page; null on the last one.")]


def moment(epoch: float | None) -> datetime | None:
    """Epoch seconds as a time; None where there is none, or none that a calendar has."""
    if epoch is None:
        return None
    try:
        return datetime.fromtimestamp(round(epoch, 3), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def check_name(name: str, path: str = "name") -> None:
    """Refuse what cannot be the name of an app or destination.

    Paths' `.` and `..` are steps to browsers, so that nobody could get to pages of such a one.
    """
    if not NAME.fullmatch(name) or not name.strip("."):
        raise InvalidSettings([f"{path}: {NAME_RULE}, and not dots alone"])


def etag(revision: str) -> dict[str, str]:
    """The header that names a revision."""
    return {"ETag": f'"{revision}"'}


def check_conditions(request: web.Request, revision: str) -> None:
    """End the request with 412 where `If-Match` or `If-None-Match` does not hold of what is there.

    Empty is the revision of what is not there. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
    """
    wanted, unwanted = request.if_match or (), request.if_none_match or ()
    if "If-Match" in request.headers and not any(_names(each, revision) for each in wanted):
        raise web.HTTPPreconditionFailed(
            text="Somebody has changed it since: what is there is not of the revision in If-Match."
            if revision
            else "It is not there any more, so it is not of the revision in If-Match."
        )
    if any(_names(each, revision) for each in unwanted):
        raise web.HTTPPreconditionFailed(text="It is there already, and If-None-Match says to do nothing then.")


def is_conditional(request: web.Request) -> bool:
    """Whether the request says of what it is to be done."""
    return "If-Match" in request.headers or "If-None-Match" in request.headers


def _names(tag: Any, revision: str) -> bool:
    return bool(revision) and (tag.value == "*" or (tag.value == revision and not tag.is_weak))
