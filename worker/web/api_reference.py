"""The page `/api`: the document, for people. Made of what is served, and of nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "put", "patch", "post", "delete")
PLACES = {"path": "path", "query": "query", "header": "headers"}
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of what is sent or comes back."""

    name: str
    kind: str
    """`text`, `number`, `list of text`."""
    about: str
    required: bool


@dataclass(frozen=True, slots=True)
class Described:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Field, ...]
    sent: tuple[Field, ...]
    answered: tuple[Field, ...]
    statuses: tuple[str, ...]
    """`200 OK`, and how it may fail."""


def described(document: Mapping[str, Any]) -> dict[str, list[Described]]:
    """The operations by the heading that they stand under."""
    found: dict[str, list[Described]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in (each for each in METHODS if each in item):
            operation = item[method]
            found[operation["tags"][0]].append(_described(document, path, method, item))
    return found


def _described(document: Schema, path: str, method: str, item: Schema) -> Described:
    operation = item[method]
    parameters = [*item.get("parameters", []), *operation["parameters"]]
    succeeded = next(iter(operation["responses"].values()))
    return Described(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=operation["description"],
        parameters=tuple(_parameter(document, each) for each in parameters),
        sent=tuple(_fields(document, operation.get("requestBody", {}))),
        answered=tuple(_fields(document, succeeded)),
        statuses=tuple(_status(document, *each) for each in operation["responses"].items()),
    )


def _parameter(document: Schema, parameter: Schema) -> Field:
    kind = f"{_kind(document, parameter['schema'])}, in the {PLACES[parameter['in']]}"
    return Field(parameter["name"], kind, parameter["description"], parameter["required"])


def _status(document: Schema, status: str, response: Schema) -> str:
    return f"{status} {_resolved(document, response)['description']}"


def _fields(document: Schema, holder: Schema) -> Iterator[Field]:
    """The fields of the JSON that is sent or comes back."""
    for content in holder.get("content", {}).values():
        schema = _resolved(document, content["schema"])
        forms = [_resolved(document, each) for each in schema.get("oneOf", [schema])]
        required = set.intersection(*(set(form.get("required", [])) for form in forms))
        for name, field in forms[0].get("properties", {}).items():
            values = [form["properties"][name]["const"] for form in forms if "const" in form["properties"][name]]
            kind = " or ".join(values) or _kind(document, field)
            yield Field(name, kind, field.get("description", ""), name in required)


def _resolved(document: Any, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found = document
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def _kind(document: Schema, schema: Schema) -> str:
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " or ".join(str(each) for each in schema["enum"] if each != "")
    if "anyOf" in schema:
        return " or ".join(_kind(document, each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    words = {"string": "text", "boolean": "true or false", "object": "object", "integer": "whole number"}
    kind = str(schema.get("type", "anything"))
    return words.get(kind, kind)
