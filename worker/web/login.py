"""Log in, log out, and one's own password."""

from __future__ import annotations

import math
from dataclasses import dataclass

import structlog
from aiohttp import web

from worker.web.access import SESSION, WHO, address_of, allowed, cookie_name
from worker.web.bodies import posted
from worker.web.console import Console
from worker.web.passwords import MOST, too_weak
from worker.web.paths import own_path
from worker.web.render import moved, page, set_session
from worker.web.roles import Kind, Role, User
from worker.web.users import Account

log = structlog.get_logger()

MINUTE_S = 60
WRONG = "That name and password do not belong together."
STRANGER = "(unknown name)"
"""Stands for names that nobody has: people type passwords there by mistake."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a password: the account it fits, or how long to wait before the next."""

    account: Account | None = None
    wait_s: float = 0.0


class LoginPages:
    """`/login`, `/logout`, `/account`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The form; who is logged in already is sent on."""
        if request.get(WHO) is not None:
            raise web.HTTPSeeOther(own_path(request.query.get("next", "")))
        return self._form(request, next_path=request.query.get("next", ""))

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """A new session for who knows the password; the answer tells nobody which names exist."""
        form = await posted(request)
        name, next_path = form.get("name", "").strip()[:200], form.get("next", "")
        tried = await self._try(request, name, form.get("password", "")[: MOST + 1])
        if tried.account is None:
            return self._form(request, name=name, next_path=next_path, wait_s=tried.wait_s)
        await self._console.sessions.close(request[SESSION])
        session = await self._console.sessions.open(tried.account)
        await self._console.audit.record(self._user(request, tried.account.name), "logged.in")
        response = web.Response(status=303, headers={"Location": own_path(next_path)})
        set_session(request, response, session)
        return response

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """End the session."""
        who = request.get(WHO)
        if who is not None and who.kind is Kind.USER:
            await self._console.sessions.close(request[SESSION])
            await self._console.audit.record(who, "logged.out")
        response = web.Response(status=303, headers={"Location": "/login"})
        response.del_cookie(cookie_name(self._console), path="/", secure=self._console.place.secure, httponly=True)
        return response

    async def account(self, request: web.Request) -> web.StreamResponse:
        """Who one is, what one may do, and the form for another password."""
        await allowed(request, None, Role.VIEWER)
        return self._account(request)

    async def set_password(self, request: web.Request) -> web.StreamResponse:
        """Another password for who knows the present one; it ends every session but a new one here."""
        who = await allowed(request, None, Role.VIEWER)
        account = request[SESSION].account
        if account is None or account.built_in:
            raise web.HTTPForbidden(text="This password is not changed here.")
        form = await posted(request)
        new, again = form.get("new", ""), form.get("again", "")
        problem = too_weak(new) or ("" if new == again else "The two new passwords differ.")
        if problem:
            return self._account(request, new=problem)
        tried = await self._try(request, account.name, form.get("present", "")[: MOST + 1])
        if tried.account is None:
            return self._account(request, present=_wrong(tried.wait_s) or "That is not the present password.")
        changed = await self._console.users.set_password(account.name, new)
        await self._console.audit.record(who, "password.changed", subject=account.name)
        request[SESSION] = session = await self._console.sessions.open(changed)
        response = moved(request, "/account", say="Your password was changed. Every other session of yours has ended.")
        set_session(request, response, session)
        return response

    async def _try(self, request: web.Request, name: str, password: str) -> Tried:
        console, address = self._console, address_of(request)
        wait_s = await console.tries.begin(name, address)
        if wait_s > 0:
            return Tried(wait_s=wait_s)
        account = await console.users.find(name)
        if await console.passwords.fits(password, account.password if account else None):
            await console.tries.succeeded(name, address)
            return Tried(account)
        await self._note_failure(request, name if account else STRANGER)
        return Tried()

    async def _note_failure(self, request: web.Request, name: str) -> None:
        log.warning("web.login_failed", who=name, address=address_of(request))
        if await self._console.tries.worth_telling():
            await self._console.audit.record(self._user(request, name), "login.failed")

    def _user(self, request: web.Request, name: str) -> User:
        return User(name, {}, Kind.USER, address_of(request))

    def _form(
        self, request: web.Request, *, name: str = "", next_path: str = "", wait_s: float | None = None
    ) -> web.Response:
        problem = "" if wait_s is None else _wrong(wait_s) or WRONG
        status = 200 if wait_s is None else 429 if wait_s else 403
        response = page(request, "login.html", status=status, name=name, next=next_path, problem=problem)
        if wait_s:
            response.headers["Retry-After"] = str(math.ceil(wait_s))
        return response

    def _account(self, request: web.Request, **problems: str) -> web.Response:
        account = request[SESSION].account
        status = 422 if problems else 200
        return page(request, "account.html", status=status, account=account, problems=problems)


def _wrong(wait_s: float) -> str:
    if wait_s <= 0:
        return ""
    wait = f"{math.ceil(wait_s)} s" if wait_s < MINUTE_S else f"{math.ceil(wait_s / MINUTE_S)} min"
    return f"Too many tries. Wait {wait}."


def routes(console: Console) -> list[web.RouteDef]:
    """Their addresses."""
    pages = LoginPages(console)
    return [
        web.get("/login", pages.show),
        web.post("/login", pages.log_in),
        web.post("/logout", pages.log_out),
        web.get("/account", pages.account),
        web.post("/account/password", pages.set_password),
    ]
