"""What requests bring with them, and how much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web
from multidict import MultiDict

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
BODY_BYTES: Final = 1_048_576
BODY_S: Final = 30.0
"""How long a body may take to arrive."""
LOGIN_BYTES: Final = 16_384
"""Who is not logged in has nothing longer to say."""


def check_body(request: web.Request, *, known: bool) -> None:
    """Refuse a body that is neither form nor JSON, or of somebody who is not `known` and long."""
    if not request.body_exists:
        return
    if request.content_type not in {FORM, JSON}:
        raise web.HTTPUnsupportedMediaType(text="Send a form or JSON.")
    length = request.content_length
    if not known and (length is None or length > LOGIN_BYTES):
        raise web.HTTPRequestEntityTooLarge(LOGIN_BYTES, length or 0, text="That is too long.")


async def posted(request: web.Request) -> MultiDict[str]:
    """The fields of the form that was posted; a name may come more than once."""
    try:
        async with asyncio.timeout(BODY_S):
            fields = await request.post()
        found = [(name, value) for name, value in fields.items() if isinstance(value, str)]
        "".join(map("".join, found)).encode()  # UTF-7 has halves of characters, which are no text
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The form took too long to arrive.") from None
    except (ValueError, LookupError):  # bytes that are no text, or an encoding that nobody knows
        raise web.HTTPBadRequest(text="That form cannot be read.") from None
    return MultiDict(found)


async def posted_json(request: web.Request) -> Mapping[str, Any]:
    """The JSON object that was posted."""
    try:
        async with asyncio.timeout(BODY_S):
            content = orjson.loads(await request.read())
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The body took too long to arrive.") from None
    except ValueError:
        raise web.HTTPBadRequest(text="The body is not JSON.") from None
    if request.content_type != JSON or not isinstance(content, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object, sent as application/json.")
    return content
