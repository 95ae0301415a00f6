"""Answers to what went wrong, as pages or JSON, with nothing from inside; and one log line per request."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from worker.errors import InvalidSettings, NotFound, Unavailable
from worker.web.access import WHO, address_of, is_api
from worker.web.api_problems import TYPE, Problem, field_problems
from worker.web.guards import PICTURES, Handler
from worker.web.render import page

log = structlog.get_logger()

REFERENCE: Final = web.RequestKey("reference", str)
HEADLINES: Final = {
    400: "That cannot be read",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not that way",
    409: "There already",
    412: "Not what it was",
    413: "Too much",
    421: "Another name",
    422: "Something is not right",
    429: "Too many tries",
    500: "Something went wrong",
    503: "Redis cannot be reached",
}
WORDS: Final = {
    404: "There is nothing here.",
    405: "This address is not for that.",
    500: "It is our mistake. The log tells more under the reference below.",
    503: "The console has nothing to show without it. Deliveries wait in Redis and go on when it is back.",
}


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever happens, and log that in one line."""
    started = time.monotonic()
    request[REFERENCE] = secrets.token_hex(6)
    status = 500
    try:
        response = await _safely(request, handler)
        status = response.status
    except web.HTTPException as redirect:
        status = redirect.status
        raise
    finally:
        _note(request, status, time.monotonic() - started)
    return response


async def _safely(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as raised:
        if raised.status < HTTPStatus.BAD_REQUEST:
            raise
        return _failure(request, raised.status, _own_words(raised), raised)
    except NotFound as problem:
        return _failure(request, 404, f"{problem}")
    except InvalidSettings as problem:
        return _failure(request, 422, f"{problem}", problems=problem.problems)
    except (Unavailable, RedisError, OSError) as problem:
        log.warning("web.unavailable", reference=request[REFERENCE], error=type(problem).__name__)
        return _failure(request, 503, WORDS[503])
    except Exception:  # whatever it is, the visitor gets an answer and the operator the traceback
        log.exception("web.failed", reference=request[REFERENCE])
        return _failure(request, 500, WORDS[500])


def _own_words(raised: web.HTTPException) -> str:
    """Our own sentence; aiohttp's are its status line."""
    text = raised.text or ""
    return WORDS.get(raised.status, "") if text.startswith(f"{raised.status}:") else text


def _failure(
    request: web.Request,
    status: int,
    words: str,
    raised: web.HTTPException | None = None,
    problems: Sequence[str] = (),
) -> web.Response:
    title = HEADLINES.get(status) or HTTPStatus(status).phrase
    if is_api(request):
        response = _problem(
            Problem(
                title=title,
                status=status,
                detail=words,
                reference=request[REFERENCE],
                problems=field_problems(problems),
            )
        )
    else:
        response = _page(request, status, title, words)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if raised is not None and name in raised.headers:
            response.headers[name] = raised.headers[name]
    return response


def _problem(problem: Problem) -> web.Response:
    return web.Response(body=problem.model_dump_json(), status=problem.status, content_type=TYPE)


def _page(request: web.Request, status: int, title: str, words: str) -> web.Response:
    reference = request[REFERENCE] if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
    return page(request, "failure.html", status=status, code=status, title=title, words=words, reference=reference)


def _note(request: web.Request, status: int, seconds: float) -> None:
    who = request.get(WHO)
    # The raw path is percent-encoded, so that no line break gets into a log; what stands behind ? may be private.
    path = request.rel_url.raw_path[:300]
    if path.startswith(PICTURES):
        path = f"{PICTURES}…"  # the rest is all that it takes to see the picture
    quiet = path == "/healthz" or path.startswith("/static/")
    (log.debug if quiet else log.info)(
        "web.answered",
        method=request.method[:16],
        path=path,
        status=status,
        ms=round(seconds * 1000, 1),
        who=who.name if who else None,
        address=address_of(request),
        reference=request[REFERENCE],
    )
