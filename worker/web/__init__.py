"""The console: `bellhop web`. It reads what Redis has, and adds nothing to the path of a delivery.

How to add an area (`things_pages.py`), in the order in which a reader meets it::

    class ThingsPages:
        def __init__(self, console: Console) -> None:
            self._console = console

        async def show(self, request: web.Request) -> web.StreamResponse:
            app = request.match_info["app"]
            await allowed(request, app, Role.VIEWER)          # first thing in every handler
            return page(request, "things.html", app=app)

        async def save(self, request: web.Request) -> web.StreamResponse:
            app = request.match_info["app"]
            who = await allowed(request, app, Role.EDITOR)
            form = await posted(request)                      # the form's fields; CSRF was checked before
            await self._console.audit.record(who, "thing.saved", app=app, subject=form["name"])
            return moved(request, path_of("apps", app, "things"), say="The thing was saved")

    def routes(console: Console) -> list[web.RouteDef]:
        pages = ThingsPages(console)
        return [web.get("/apps/{app}/things", pages.show), web.post("/apps/{app}/things", pages.save)]

and its line in `areas.py`: the module's `routes`, and where it has one its place in the navigation.

**Who may do what** (`access.py`, `roles.py`). `await allowed(request, app, role)` gives the `User`, or ends the
request: who is not logged in is sent to `/login` (401 under `/api/`), an app that the user may not see is not found
(404), one that may be seen but not this way is forbidden (403). With `None` for the app: any user for `Role.VIEWER`,
and for more the role over all apps (`*`). A list over many apps takes `who.visible`: a set of names, or None for all.

**Pages** (`render.py`). `page(request, "name.html", status=200, **values)` renders a template that begins with
``{% extends "layout.html" %}`` and fills the blocks `title`, `main` and where it needs it `head`. Every template has
`who`, `csrf`, `now`, `path`, `may(app, "editor")`, `static(name)`, `path_of("events", app, id)`, and the filters
`when`, `ago`, `number` and `ms` (`words.py`). Everything is escaped, and nothing is ever marked safe.
`components.html` has the macros that pages are made of: heading, badge, notice, empty, form, field, area, select,
check, tabs, filters, narrow, pick, table, pages; a page imports those that it uses by name.
`styleguide.html` shows each of them; the tests serve it. The policy forbids inline scripts, inline styles and other
hosts: a script is a module under `static/`, named in the block `head`; a style is a class.

**Forms** go through the macro `form`, which brings the CSRF token along. They are answered with
`moved(request, path, say="…")`, a redirect whose page says what was done, or where something is wrong with the page
again and status 422. Scripts use `static/http.js`, which sends the token as a header.

**A page that refreshes itself** names the script `refresh.js` and has elements with an id and `data-part`: it asks for
its own address every few seconds, and what has changed of these is put in place; focus,
selections and where one has scrolled to stay.

**JSON** is under `/api/`. Whatever is raised there is answered as RFC 9457 problem details, and an API token
(`Authorization: Bearer bh_…`) needs no CSRF token. What is under `/api/v1/` is an `Operation` of a module that
`api_routes.py` lists, and so in the OpenAPI document; a test finds a route there that is not.

**Errors**: raise `worker.errors.NotFound` (404), `InvalidSettings` (422), `Unavailable` (503) or aiohttp's own with a
sentence for people in `text`. Anything else is a 500 that shows a reference and nothing from inside; the log has the
traceback under the same reference.

**In the background**: what an area needs to run all the time is a coroutine function in `Console.background`.

**Tests** use `tests/fakes/console.py`: a console on fakeredis, and visitors who log in and send forms as browsers do.
`tests/web/test_every_route.py` asks for every route there is: as a stranger, for another's app, and as a viewer.
"""
