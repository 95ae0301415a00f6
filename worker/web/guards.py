"""What every request has to pass before it meets its handler, and what every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from worker.web.access import CONSOLE, SESSION, WHO, identify
from worker.web.bodies import FORM, check_body, posted
from worker.web.csrf import FIELD, HEADER, csrf_fits, same_origin
from worker.web.roles import Kind

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HARDENED: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer, with which browsers send `Origin: null` even to ourselves; to other sites this one is the same.
    # https://fetch.spec.whatwg.org/#append-a-request-origin-header
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-DNS-Prefetch-Control": "off",  # else links' hosts are looked up before anybody presses them
    "Server": "bellhop",
}


LENDING, LENT = "Cross-Origin-Resource-Policy", "cross-origin"
"""What a handler may say of its answer: that other sites may show it."""
PICTURES: Final = "/pictures/"


async def harden(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on an answer that keep browsers from doing what we never ask them to."""
    lent = response.headers.get(LENDING) == LENT
    response.headers.update(HARDENED)
    if lent:
        response.headers[LENDING] = LENT
    # What is shown is somebody's, and may have changed since.
    response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for another host: a page elsewhere whose name was made to lead here (DNS rebinding)."""
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not request.app[CONSOLE].place.answers_to(hosts[0]):
        raise web.HTTPMisdirectedRequest(
            text="The console does not go by that name. Set BELLHOP_WEB_PUBLIC_URL to the address that people type."
        )
    return await handler(request)


@web.middleware
async def known_person(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, except for what is the same for everybody."""
    if not _public(request):
        await identify(request)
    return await handler(request)


@web.middleware
async def own_forms(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that no page of ours has asked for (CSRF), and bodies that no handler of ours reads."""
    if request.method in HARMLESS:
        return await handler(request)
    if _public(request):
        raise web.HTTPMethodNotAllowed(request.method, ["GET"])
    check_body(request, known=request.get(WHO) is not None)
    who = request.get(WHO)
    if who is None or who.kind is not Kind.TOKEN:
        await _check_origin(request)
    return await handler(request)


def _public(request: web.Request) -> bool:
    return request.path == "/healthz" or request.path.startswith(("/static/", PICTURES))


async def _check_origin(request: web.Request) -> None:
    headers = request.headers
    public_url = request.app[CONSOLE].place.public_url
    if not same_origin(headers.get("Sec-Fetch-Site"), headers.get("Origin"), request.host, public_url):
        raise web.HTTPForbidden(text="That was asked for by another site, so it was not done.")
    if not csrf_fits(request[SESSION].cookie, await _token(request)):
        raise web.HTTPForbidden(text="This page is too old to be used: open it again, and do it there.")


async def _token(request: web.Request) -> str:
    if HEADER in request.headers or request.content_type != FORM:
        return request.headers.get(HEADER, "")
    return (await posted(request)).get(FIELD, "")
