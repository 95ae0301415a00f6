"""The OpenAPI 3.1 document, made of the operations and the models that they read and answer with. Pure.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from worker.web.api import API, Operation
from worker.web.api_problems import Problem
from worker.web.api_values import PARTS

VERSION: Final = "3.1.1"
API_VERSION: Final = "1.0"
REF: Final = "#/components/schemas/{model}"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
ALWAYS: Final = (401, 403, 422, 503)
"""How anything may fail: nobody is logged in, may not, asks for what cannot be read, Redis is away."""
OF_BODIES: Final = (400, 408, 413, 415)
ABOUT: Final = (
    "Everything that the console does. Lists come in pages: send `next` of one as `cursor` for the one behind it. "
    "What fails is told as RFC 9457 problem details; 422 names each field that is wrong. An app that you may not see "
    "is not there (404). Secrets are taken and never given. Everything that changes is in the audit log."
)
SECURITY: Final[list[dict[str, list[str]]]] = [{"token": []}, {"session": [], "csrf": []}]
SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, `bh_…`: `bellhop tokens add NAME --app APP --role ROLE` prints it once.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "bellhop",
        "description": "A log-in to the pages; with HTTPS `__Host-bellhop`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "With a session, for whatever changes something: the token in the page's `<meta name=csrf>`.",
    },
}
Model = type[BaseModel]


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document of these operations, as plain values."""
    known = list(operations)
    schemas = _Schemas(known)
    paths: dict[str, dict[str, Any]] = {}
    for each in known:
        path = paths.setdefault(API + each.path, _path(each.path))
        path[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": VERSION,
        "info": {"title": "Bellhop", "version": API_VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": SECURITY,
        "tags": [{"name": area} for area in dict.fromkeys(each.area for each in known)],
        "paths": paths,
        "components": {"schemas": schemas.definitions, "securitySchemes": SCHEMES, "responses": _failures(known)},
    }


class _Schemas:
    """Every model's JSON Schema, once."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted: list[tuple[Model, Any]] = [(Problem, "serialization")]
        for each in operations:
            wanted += [(each.body, "validation")] if each.body else []
            wanted += [(each.answer, "serialization")] if each.answer else []
        self._refs, made = models_json_schema(list(dict.fromkeys(wanted)), ref_template=REF)
        self.definitions: dict[str, Any] = dict(sorted(made["$defs"].items()))

    def body(self, model: Model) -> Mapping[str, Any]:
        """Where the schema of what is sent stands."""
        return self._refs[model, "validation"]

    def answer(self, model: Model) -> Mapping[str, Any]:
        """Where the schema of what comes back stands."""
        return self._refs[model, "serialization"]


def _path(path: str) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    return {"parameters": [_parameter(name, "path", PARTS[name], required=True) for name in names]} if names else {}


def _operation(each: Operation, schemas: _Schemas) -> dict[str, Any]:
    first, _, more = each.about.partition(". ")
    told: dict[str, Any] = {
        "operationId": each.name,
        "tags": [each.area],
        "summary": first.removesuffix("."),
        "description": f"{more}\n\n{role_of(each)}".strip(),
        "x-role": each.least.word,
        "parameters": [*_query(each), *_conditions(each)],
        "responses": {f"{status}": _response(each, status, schemas) for status in each.statuses},
    }
    told["responses"] |= {f"{status}": {"$ref": f"#/components/responses/{status}"} for status in failures_of(each)}
    if each.body is not None:
        content = {JSON: {"schema": schemas.body(each.body)}}
        told["requestBody"] = {"content": content, "required": not each.body_optional}
    return told


def role_of(each: Operation) -> str:
    """Who may, in a sentence."""
    if "{app}" in each.path and not each.everywhere:
        return f"Takes the role {each.least.word} for the app."
    return "Takes a log-in or a token." if each.least == 1 else f"Takes the role {each.least.word} for all apps."


def failures_of(each: Operation) -> list[int]:
    """The statuses that it may fail with."""
    changing = (415,) if each.method != "GET" else ()
    bodies = OF_BODIES if each.body else changing
    return sorted({*ALWAYS, *each.fails, *bodies, *((412,) if each.conditional else ())})


def _query(each: Operation) -> list[dict[str, Any]]:
    schema = each.query.model_json_schema()
    if "$defs" in schema:
        raise TypeError(f"{each.name}: parameters are plain values, whose schemas need no definitions")
    required = schema.get("required", [])
    return [
        _parameter(name, "query", field, required=name in required)
        for name, field in schema.get("properties", {}).items()
    ]


def _parameter(name: str, where: str, field: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    about = field.get("description", "")
    schema = {key: value for key, value in field.items() if key not in {"description", "title"}}
    return {"name": name, "in": where, "required": required, "description": about, "schema": schema}


def _conditions(each: Operation) -> list[dict[str, Any]]:
    if not each.conditional:
        return []
    match = {"type": "string", "description": "Only if it still is of this revision: the `ETag` of an answer."}
    none = {"type": "string", "description": "`*`: only if it is not there yet."}
    named = [("If-Match", match), *([("If-None-Match", none)] if each.method == "PUT" else [])]
    return [_parameter(name, "header", field, required=False) for name, field in named]


def _response(each: Operation, status: int, schemas: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if each.answer is not None:
        told["content"] = {JSON: {"schema": schemas.answer(each.answer)}}
    if each.tagged:
        told["headers"] = {"ETag": {"description": "Its revision.", "required": True, "schema": {"type": "string"}}}
    return told


def _failures(operations: Iterable[Operation]) -> dict[str, Any]:
    statuses = sorted({status for each in operations for status in failures_of(each)})
    content = {PROBLEM: {"schema": {"$ref": REF.format(model=Problem.__name__)}}}
    return {f"{status}": {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
