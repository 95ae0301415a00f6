"""Who asks, and whether they may: the two questions before every answer."""

from __future__ import annotations

from typing import Final, NoReturn
from urllib.parse import quote

from aiohttp import web

from worker.web.console import Console
from worker.web.hosts import client_address, was_forwarded
from worker.web.roles import ALL_APPS, Kind, Role, User
from worker.web.sessions import Session, anonymous

CONSOLE: Final = web.AppKey("console", Console)
SESSION: Final = web.RequestKey("session", Session)
WHO: Final = web.RequestKey("who", User)
"""Not there where nobody knows who asks."""

COOKIE: Final = "bellhop"
SECURE_COOKIE: Final = "__Host-bellhop"
"""That prefix keeps other hosts of the same domain from planting one: RFC 6265bis, section 4.1.3.2."""
LOCAL: Final = "this machine"


async def identify(request: web.Request) -> None:
    """Find out who asks: by token, by session, or because nobody has to say so here."""
    token = _bearer(request)
    if token is None:
        console = request.app[CONSOLE]
        request[SESSION] = await console.sessions.find(request.cookies.get(cookie_name(console)))
        who = await _by_session(request)
    else:
        request[SESSION] = anonymous()
        who = await _by_token(request, token)
    if who is not None:
        request[WHO] = who


async def is_open(request: web.Request) -> bool:
    """Whether whoever asks may do everything: on this machine, while there is nobody to log in as.

    A request that a proxy passed on comes from elsewhere, whatever the console was told.
    """
    console = request.app[CONSOLE]
    if console.place.exposed or console.settings.web_password is not None or was_forwarded(request.headers):
        return False
    return not await console.users.any()


async def allowed(request: web.Request, app: str | None, least: Role) -> User:
    """Who asks, if they may do this with the app; otherwise it ends the request as `worker.web` says."""
    who: User | None = request.get(WHO)
    if who is None:
        _ask_to_log_in(request)
    if app is None and least is Role.VIEWER:
        return who
    if app is not None and who.role(app) is None:
        raise web.HTTPNotFound(text=f"There is no app {app}.")
    if not who.may(app, least):
        raise web.HTTPForbidden(text=_refusal(app, least))
    return who


def address_of(request: web.Request) -> str:
    """Where the request came from, past the proxies that are trusted."""
    trusted = request.app[CONSOLE].settings.web_trusted_proxies
    return client_address(request.remote, request.headers.getall("X-Forwarded-For", []), trusted)


def cookie_name(console: Console) -> str:
    """What the session's cookie is called."""
    return SECURE_COOKIE if console.place.secure else COOKIE


def is_api(request: web.BaseRequest) -> bool:
    """Whether the answer is JSON, errors included."""
    return request.path.startswith("/api/")


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def _by_session(request: web.Request) -> User | None:
    account, address = request[SESSION].account, address_of(request)
    if account is not None:
        return User(account.name, account.roles, Kind.USER, address)
    return User(LOCAL, {ALL_APPS: Role.ADMIN}, Kind.LOCAL, address) if await is_open(request) else None


async def _by_token(request: web.Request, text: str) -> User | None:
    token = await request.app[CONSOLE].tokens.find(text)
    return None if token is None else User(token.name, token.roles, Kind.TOKEN, address_of(request))


def _ask_to_log_in(request: web.Request) -> NoReturn:
    if is_api(request) or _bearer(request) is not None:
        raise web.HTTPUnauthorized(
            text="Log in, or send an API token: Authorization: Bearer bh_…",
            headers={"WWW-Authenticate": 'Bearer realm="bellhop"'},
        )
    wanted = request.rel_url.raw_path_qs if request.method == "GET" else ""
    raise web.HTTPSeeOther(f"/login?next={quote(wanted, safe='/')}" if wanted not in {"", "/"} else "/login")


def _refusal(app: str | None, least: Role) -> str:
    where = "all apps" if app is None else f"app {app}"
    return f"That takes the role {least.word} for {where}. Whoever runs this console can give it to you."
