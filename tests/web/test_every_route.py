"""Each address of the console, whoever adds it: closed to strangers, to others' apps, and to viewers' changes."""

from __future__ import annotations

import pytest
from fakes.console import PASSWORD
from fakes.pipeline import checkout

from worker.models import App
from worker.web.areas import AREAS
from worker.web.roles import Role
from worker.web.server import make_app

PUBLIC = {
    "/healthz",
    "/login",
    "/logout",
    "/",
    "/static/{name}",
    "/static/plotly.js",
    "/pictures/{token}.png",
    "/api/v1/openapi.json",
}
"""What answers before a log-in; `/` only leads to where it is asked for, and a picture's token is the permission."""
READING = frozenset({"GET", "HEAD"})
BY_POST = frozenset[str]()
"""Routes with an app that a viewer may use by a method that is no GET, each with its reason beside it."""


@pytest.fixture
async def guarded(consoles):
    """The console as it ships, with two apps."""
    return await consoles([checkout(), App("search")], areas=AREAS, web_password=PASSWORD)


def addresses(console):
    """(method, pattern) of every route."""
    app = make_app(console)
    return [(route.method, route.resource.canonical) for route in app.router.routes() if route.method != "HEAD"]


def filled(pattern, app):
    """An address of this pattern, with `app` where it wants an app and something else elsewhere."""
    parts = pattern.split("/")
    return "/".join(app if part == "{app}" else "1" if part.startswith("{") else part for part in parts)


async def ask(visitor, method, path):
    """The request as a page of ours would make it, so that nothing but the role is in its way."""
    if method in READING:
        return await visitor.get(path)
    page = await visitor.get("/login?next=/", allow_redirects=True)
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": page.csrf}
    form = {} if path.startswith("/api/") else {"data": {"x": "y"}}
    return await visitor.ask(method, path, headers=headers, **(form or {"json": {}}))


async def test_strangers_are_asked_to_log_in_everywhere(guarded):
    """A page leads to the log-in and the API answers 401, whatever the address."""
    visitor, wrong = await guarded.visitor(), []
    for method, pattern in addresses(guarded.console):
        if pattern in PUBLIC:
            continue
        answer = await ask(visitor, method, filled(pattern, "checkout"))
        to_login = answer.status == 303 and answer.headers["Location"].startswith("/login")
        if not (answer.status == 401 if pattern.startswith("/api/") else to_login):
            wrong.append((method, pattern, answer.status))
    assert wrong == []


async def test_others_apps_are_not_there(guarded):
    """Whoever has a role for one app gets 404 for another, at every address that names one."""
    visitor, wrong = await guarded.logged_in("bob", "checkout", Role.ADMIN), []
    for method, pattern in addresses(guarded.console):
        if "{app}" in pattern:
            answer = await ask(visitor, method, filled(pattern, "search"))
            if answer.status != 404:
                wrong.append((method, pattern, answer.status))
    assert wrong == []


async def test_viewers_change_nothing(guarded):
    """A viewer of an app gets 403 at every address that names one and is not for reading."""
    visitor, wrong = await guarded.logged_in("bob", "checkout", Role.VIEWER), []
    for method, pattern in addresses(guarded.console):
        if "{app}" in pattern and method not in READING and f"{method} {pattern}" not in BY_POST:
            answer = await ask(visitor, method, filled(pattern, "checkout"))
            if answer.status != 403:
                wrong.append((method, pattern, answer.status))
    assert wrong == []


async def test_every_tab_opens(guarded):
    """Each place in the navigation is a page that answers, with that place marked."""
    visitor = await guarded.visitor("admin")
    for tab in [area.tab for area in AREAS if area.tab]:
        answer = await visitor.get(tab.path)
        assert answer.status == 200
        assert f'href="{tab.path}" aria-current="page"' in answer.text
