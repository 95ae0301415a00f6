"""Names and values that several parts of the HTTP API take or give."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import AfterValidator, Field, WithJsonSchema

from worker.appsfile import NAME, NAME_RULE
from worker.errors import InvalidSettings
from worker.web.api import CURSOR, Paged

NUMBER: Final = "[0-9]{1,19}"
MOST: Final = (1 << 63) - 1
"""What a database takes for a number."""
PATTERN: Final = rf"^{NAME.pattern}$"
PARTS: Final[dict[str, dict[str, Any]]] = {
    "app": {"type": "string", "pattern": PATTERN, "description": "The app's name."},
    "name": {"type": "string", "pattern": PATTERN, "description": "The destination's name."},
    "event": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "The event's id, percent-encoded."},
    "user": {"type": "string", "pattern": r"^[A-Za-z0-9._@-]{1,64}$", "description": "The user's name."},
    "token": {"type": "string", "pattern": r"^[A-Za-z0-9._@-]{1,64}$", "description": "The token's name, not itself."},
}
"""What may stand in addresses, by what the placeholder is called."""
_RFC_3339: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:]{8}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def _checked(text: str) -> str:
    epoch_of(text)
    return text


def undefaulted(schema: dict[str, Any]) -> None:
    """Leave a default that stands for nothing out of a schema: it would not be what the schema asks for."""
    schema.pop("default", None)


def epoch_of(text: str) -> float:
    """Epoch seconds of an RFC 3339 time; ValueError says how to write one."""
    try:
        if _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        pass  # such as the 32nd of a month
    raise ValueError("write a time such as 2026-11-23T14:05:00Z")


Time = Annotated[str, AfterValidator(_checked), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that is asked for; empty where there is none."""
Moment = Annotated[float | None, Field(description="Epoch seconds; null where there is none.")]
Next = Annotated[str | None, Field(description="`cursor` of the next page; null on the last one.")]


def cursor_like(pattern: str) -> Any:
    """The parameter `cursor` of a list whose cursors are written so."""
    return Field(default="", pattern=f"^({pattern})?$", description=CURSOR)


class Spanned(Paged):
    """The parameters of a list that may be narrowed to a stretch of time."""

    since: Time = Field(
        default="", alias="from", description="Not before this time (RFC 3339).", json_schema_extra=undefaulted
    )
    until: Time = Field(
        default="", alias="to", description="Before this time (RFC 3339).", json_schema_extra=undefaulted
    )

    @property
    def span(self) -> tuple[float, float]:
        """In epoch seconds."""
        return epoch_of(self.since) if self.since else 0.0, epoch_of(self.until) if self.until else math.inf


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
