"""Small areas that tests add to the console, to ask for what no page of its own asks for."""

from __future__ import annotations

from aiohttp import web

from worker.errors import InvalidSettings, NotFound, Unavailable
from worker.web.access import CONSOLE, allowed
from worker.web.areas import AREAS, Area
from worker.web.bodies import posted, posted_json
from worker.web.render import moved, page
from worker.web.roles import Role

LEAST = {"view": Role.VIEWER, "edit": Role.EDITOR, "administer": Role.ADMIN}
PROBLEMS = {
    "bug": lambda: RuntimeError("inside: hunter2"),
    "missing": lambda: NotFound("there is no destination <b>x</b>"),
    "invalid": lambda: InvalidSettings(["room: is required", "token: is required"]),
    "redis": lambda: Unavailable("Redis at redis://db.internal:6379 cannot be used"),
    "socket": lambda: ConnectionResetError("10.0.0.7 reset"),
    "gone": web.HTTPGone,
}


async def act(request):
    """Do something with an app that takes a role; what was done is audited."""
    what, app = request.match_info["what"], request.match_info["app"]
    who = await allowed(request, app if app != "-" else None, LEAST[what])
    if request.method != "GET":
        await request.app[CONSOLE].audit.record(who, f"probe.{what}", app=app)
    return web.Response(text=f"{who.name} may {what} {app}")


async def echo(request):
    """Take a form and move on, saying what was in it."""
    await allowed(request, None, Role.VIEWER)
    return moved(request, "/apps", say=(await posted(request)).get("words", ""), kind="warn")


async def echo_json(request):
    """Answer with the object that was sent."""
    await allowed(request, None, Role.VIEWER)
    return web.json_response(dict(await posted_json(request)))


async def fail(request):
    """Fail in the way that was asked for."""
    problem = PROBLEMS[request.match_info["how"]]()
    raise problem


async def guide(request):
    """Every part that pages are made of."""
    await allowed(request, None, Role.VIEWER)
    return page(request, "styleguide.html")


def routes(_console):
    """All of them, as pages and under /api/."""
    return [
        web.route("*", "/probe/{app}/{what}", act),
        web.route("*", "/api/probe/{app}/{what}", act),
        web.post("/echo", echo),
        web.post("/api/echo", echo_json),
        web.get("/fail/{how}", fail),
        web.get("/api/fail/{how}", fail),
        web.get("/styleguide", guide),
    ]


PROBED = (*AREAS, Area(routes))
