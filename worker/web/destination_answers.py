"""What the form of a destination answers with: a whole page, or for scripts JSON with the parts that change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import web

from worker.trial import Trial
from worker.web.bench import Bench
from worker.web.conflicts import Conflict, footprint
from worker.web.form_values import Posted
from worker.web.form_view import Said, id_of
from worker.web.forms import SETTINGS, Problem
from worker.web.render import RENDERER, moved, page

SCRIPTED: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of what was asked for. Holds no secret."""

    problems: list[Problem] = field(default_factory=list)
    errors: Mapping[str, str] = field(default_factory=dict)
    """By control's name."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """By control's name; under nothing what is about none of them."""
    trial: Trial | None = None
    resumed: bool = False
    conflict: Conflict | None = None
    status: int = 200


def is_scripted(request: web.Request) -> bool:
    """Whether a script asks, which keeps the page that it is on."""
    return SCRIPTED in request.headers.get("Accept", "")


def answer(request: web.Request, bench: Bench, posted: Posted, outcome: Outcome) -> web.Response:
    """The form again, filled in as it was posted, with what came of it."""
    if is_scripted(request):
        return _json(_changed_parts(request, bench, outcome))
    return draw(request, bench, posted, outcome, again=True)


def draw(
    request: web.Request,
    bench: Bench,
    posted: Posted,
    outcome: Outcome,
    *,
    again: bool = False,
    offer: Mapping[str, str] | None = None,
) -> web.Response:
    """The page with the form; `offer` is what a button fills in (the demo's sandbox), by setting."""
    view = bench.form.view(posted, Said(outcome.errors, outcome.warnings, again))
    values = {"bench": bench, "form": view, "outcome": outcome, "again": again, "base": footprint(bench.stored)}
    values["offer"] = orjson.dumps({f"{SETTINGS}.{name}": text for name, text in (offer or {}).items()}).decode()
    return page(request, "destination.html", status=outcome.status, app=bench.app, **values)


def done(request: web.Request, path: str, *, say: str, kind: str = "good") -> web.Response:
    """On to another page, which says what was done."""
    response = moved(request, path, say=say, kind=kind)
    if is_scripted(request):
        # A script would follow the redirect by itself, and the page that it gets would have said it to nobody.
        response.set_status(200)
        del response.headers["Location"]
        response.body = orjson.dumps({"location": path})
        response.content_type = SCRIPTED
    return response


def _changed_parts(request: web.Request, bench: Bench, outcome: Outcome) -> dict[str, Any]:
    values = {"bench": bench, "outcome": outcome, "now": bench.now}
    return {
        "html": request.app[RENDERER].text("outcome.html", values),
        "errors": {id_of(name): words for name, words in outcome.errors.items() if name},
        "warnings": {id_of(name): words for name, words in outcome.warnings.items() if name},
        "action": bench.action,
        "hidden": {"revision": bench.revision, "base": footprint(bench.stored), "opened": str(bench.now)}
        if outcome.conflict
        else {},
    }


def _json(content: Mapping[str, Any]) -> web.Response:
    # 200 whatever came of it: browsers note other answers to scripts as errors of the page.
    return web.Response(body=orjson.dumps(content), content_type=SCRIPTED)
