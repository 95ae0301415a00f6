"""The HTTP API's frame: what an operation is, and how a request becomes its answer.

An operation is described once. The routes, the checks of who may do it, the reading of its parameters and body, and
its description in the OpenAPI document (`openapi.py`) are all made from that, so that none can differ from another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.errors import InvalidSettings
from worker.web.access import allowed
from worker.web.bodies import posted_json
from worker.web.roles import Role, User

API: Final = "/api/v1"
CURSOR_CHARS: Final = 300
CURSOR: Final = "`next` of the page before; without it, the first page."
MOST_AT_ONCE: Final = 500
MANY: Final = 100
T = TypeVar("T")


class Query(BaseModel):
    """Parameters of an address: one that is not known is refused, since a filter that does nothing is a trap."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paged(Query):
    """The parameters of a list."""

    cursor: str = Field(default="", max_length=CURSOR_CHARS, description=CURSOR)
    limit: int = Field(default=MANY, ge=1, le=MOST_AT_ONCE, description="How many at the most.")


class Body(BaseModel):
    """What is sent; strict, so that what a tool sends by mistake is told instead of guessed at."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """What comes back. All of its fields are always there."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that may be answered: by whom, and with what."""

    request: web.Request
    who: User
    query: Any = None
    body: Any = None

    def part(self, name: str) -> str:
        """What stands in the address for `{name}`."""
        return self.request.match_info[name]

    @property
    def app(self) -> str:
        """The app in the address."""
        return self.part("app")


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation answers with; nothing, for 204."""

    answer: BaseModel | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to ask for. `path` is under `/api/v1`; its name is unique, and what generated clients call it."""

    area: str
    """The heading that it stands under."""
    name: str
    method: str
    path: str
    about: str
    """One sentence, and where it takes more, further ones."""
    do: Callable[[Call], Awaitable[Reply]] | None = None
    """None where a page's module has the route, and it is only described here."""
    answer: type[BaseModel] | None = None
    """What 200 and 201 hold."""
    statuses: tuple[int, ...] = (200,)
    """How it may succeed."""
    least: Role = Role.VIEWER
    everywhere: bool = False
    """Whether it takes the role over all apps, though it is about one."""
    query: type[Query] = Query
    body: type[Body] | None = None
    body_optional: bool = False
    fails: tuple[int, ...] = ()
    """Further statuses that it may fail with."""
    conditional: bool = False
    """Whether it heeds `If-Match`."""
    tagged: bool = False
    """Whether its answer has an `ETag`."""


def route(operation: Operation, do: Callable[[Call], Awaitable[Reply]]) -> web.RouteDef:
    """The operation as a route: who asks may, parameters and body can be read, and then it is done."""

    async def handle(request: web.Request) -> web.StreamResponse:
        who = await _permitted(request, operation)
        query = _query(request, operation.query)
        body = await _body(request, operation)
        return _response(await do(Call(request, who, query, body)))

    # An event's id may have braces, which `{event}` alone does not match.
    path = operation.path.replace("{event}", "{event:[^/]+}")
    return web.route(operation.method, API + path, handle)


async def _permitted(request: web.Request, operation: Operation) -> User:
    """Who asks, if they may; an app that they may not see is not there, whatever they want with it."""
    app = request.match_info.get("app")
    if app is not None:
        await allowed(request, app, Role.VIEWER)
    return await allowed(request, None if operation.everywhere else app, operation.least)


def _query(request: web.Request, model: type[Query]) -> Query:
    given = request.query
    if twice := {name for name in given if len(given.getall(name)) > 1}:
        raise InvalidSettings([f"{name[:80]}: is there more than once" for name in sorted(twice)])
    try:
        return model.model_validate_strings(dict(given))
    except ValidationError as error:
        raise InvalidSettings(problems_of(error)) from None


async def _body(request: web.Request, operation: Operation) -> Body | None:
    if operation.body is None or (operation.body_optional and not request.body_exists):
        return None
    await posted_json(request)  # refuses what is no JSON, or more than JSON, such as NaN
    try:
        return operation.body.model_validate_json(await request.read(), strict=True)
    except ValidationError as error:
        raise InvalidSettings(problems_of(error)) from None


def problems_of(error: ValidationError) -> list[str]:
    """What pydantic found, each as `path: what to do`; nothing that was sent is in it but the names of fields."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [f"{'.'.join(str(part)[:80] for part in each['loc']) or 'body'}: {_words(each)}" for each in found]


def _words(found: Any) -> str:
    known = {"missing": "is required", "extra_forbidden": "is not known here"}
    return known.get(found["type"]) or str(found["msg"]).removeprefix("Value error, ")


def _response(reply: Reply) -> web.Response:
    if reply.answer is None:
        return web.Response(status=204, headers=reply.headers)
    body = reply.answer.model_dump_json(by_alias=True).encode()
    return web.Response(body=body, status=reply.status, headers=reply.headers, content_type="application/json")


def page_of(found: Sequence[T], limit: int, cursor: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """(a page, where the next one begins) of a list that was asked for one more than `limit`."""
    shown = found[:limit]
    return shown, cursor(shown[-1]) if len(found) > limit else None
