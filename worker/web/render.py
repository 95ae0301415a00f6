"""Pages from templates: what every one of them gets, and the redirect that says what was done."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

from worker.web import words
from worker.web.access import CONSOLE, SESSION, WHO, cookie_name
from worker.web.csrf import csrf_token
from worker.web.paths import path_of
from worker.web.roles import Role
from worker.web.sessions import Session
from worker.web.static_files import StaticFiles

SAID: Final = "bellhop-said"
THEME: Final = "bellhop-theme"
THEMES: Final = frozenset({"light", "dark"})
SAID_S: Final = 60


@dataclass(frozen=True, slots=True)
class Tab:
    """A place in the navigation. `everywhere`: for those alone whose role over all apps is at least `least`."""

    label: str
    path: str
    least: Role = Role.VIEWER
    everywhere: bool = False


class Renderer:
    """The templates, and where the navigation leads."""

    def __init__(self, tabs: Sequence[Tab] = (), further: Sequence[Path] = ()) -> None:
        self.static = StaticFiles()
        self.tabs = tuple(tabs)
        loaders = [PackageLoader("worker.web"), *(FileSystemLoader(folder) for folder in further)]
        self._environment = Environment(
            loader=ChoiceLoader(loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"when": words.when, "ago": words.ago, "number": words.number, "ms": words.ms}
        self._environment.globals |= {"static": self.static.address, "path_of": path_of}

    def text(self, name: str, values: dict[str, Any]) -> str:
        """The template with these values."""
        return self._environment.get_template(name).render(values)


RENDERER: Final = web.AppKey("renderer", Renderer)


def page(request: web.Request, name: str, /, *, status: int = 200, **values: Any) -> web.Response:
    """The template `name`, with `values` and what every page gets (`worker.web` lists it)."""
    session, renderer = request.get(SESSION), request.app[RENDERER]
    text = renderer.text(name, {**_common(request, session), **values})
    response = web.Response(text=text, status=status, content_type="text/html")
    if session is not None and session.fresh:
        set_session(request, response, session)
    if SAID in request.cookies:
        response.del_cookie(SAID, path="/")
    return response


def moved(request: web.Request, path: str, *, say: str = "", kind: str = "good") -> web.Response:
    """Send the browser on to a path of ours (`path_of`), whose page says `say` on top; `kind` is good, warn or bad."""
    response = web.Response(status=303, headers={"Location": path})
    session = request.get(SESSION)
    if say and session is not None:
        said = urlsafe_b64encode(orjson.dumps([kind, say[:1000]])).decode()
        # Signed under the session, so that nobody else can have our pages say something.
        value = f"{said}.{_mac(session.cookie, said)}"
        _set_cookie(request, response, SAID, value, SAID_S)
    return response


def set_session(request: web.Request, response: web.StreamResponse, session: Session) -> None:
    """Give the browser the session's cookie; it ends with the browser, or when the server forgets it."""
    _set_cookie(request, response, cookie_name(request.app[CONSOLE]), session.cookie, None)


def _set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str, age: int | None) -> None:
    secure = request.app[CONSOLE].place.secure
    response.set_cookie(name, value, path="/", httponly=True, samesite="Lax", secure=secure, max_age=age)


def _common(request: web.Request, session: Session | None) -> dict[str, Any]:
    who = request.get(WHO)
    theme = request.cookies.get(THEME, "")
    tabs = [tab for tab in request.app[RENDERER].tabs if who and (not tab.everywhere or who.may(None, tab.least))]
    return {
        "who": who,
        "csrf": csrf_token(session.cookie) if session else "",
        "said": _said(request, session),
        "theme": theme if theme in THEMES else "",
        "navigation": tabs,
        "path": request.path,
        "now": request.app[CONSOLE].now(),
        "may": (lambda app, role: who.may(app, Role.named(role))) if who else (lambda _app, _role: False),
    }


def _said(request: web.Request, session: Session | None) -> dict[str, str] | None:
    said, _, mac = request.cookies.get(SAID, "").partition(".")
    # A cookie may hold any bytes, and whoever has a neighbouring name can plant one: what is no text is not ours.
    if session is None or not hmac.compare_digest(_mac(session.cookie, said).encode(), mac.encode("utf-8", "replace")):
        return None
    kind, words_said = orjson.loads(urlsafe_b64decode(said))
    return {"kind": kind, "words": words_said}


def _mac(cookie: str, said: str) -> str:
    return hmac.new(cookie.encode(), f"said {said}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
