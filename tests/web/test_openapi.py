"""The document and the routes are made of one thing, so neither has what the other has not; and it is a valid one."""

from __future__ import annotations

import re

import orjson
import pytest
from fakes.console import PASSWORD
from jsonschema import Draft202012Validator
from web.api_client import ROOM, Program

from worker.channels import CHANNELS
from worker.settings_fields import secret_fields
from worker.web.api import API
from worker.web.api_routes import operations
from worker.web.openapi import document
from worker.web.roles import Role
from worker.web.server import make_app

METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
async def fake(consoles):
    """A console on which everybody has to log in."""
    return await consoles(web_password=PASSWORD)


@pytest.fixture
async def served(fake):
    """The document as it is served, to somebody who has not logged in."""
    answer = await (await fake.visitor()).get(f"{API}/openapi.json")
    assert answer.status == 200
    return orjson.loads(answer.text)


def described(served):
    """(method, path) -> the operation, of all that the document has."""
    return {
        (method, path): operation
        for path, item in served["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


async def test_every_route_is_described_and_every_description_has_its_route(fake, served):
    """Neither more nor less, for whatever an area adds under /api/v1."""
    known = make_app(fake.console).router.routes()
    routes = {(each.method.lower(), each.resource.canonical) for each in known if each.method != "HEAD"}
    under = {each for each in routes if each[1].startswith(f"{API}/")} - {("get", f"{API}/openapi.json")}
    assert under == set(described(served))


async def test_every_description_says_what_its_operation_reads_and_answers(fake, served):
    """Parameters of path and query, the body, the answers, who may; by the very models that the handlers use."""
    found = described(served)
    for each in operations(fake.console):
        told = found[each.method.lower(), API + each.path]
        shared = served["paths"][API + each.path].get("parameters", [])
        assert {one["name"] for one in shared} == set(re.findall(r"{(\w+)}", each.path))
        query = {one["name"] for one in told["parameters"] if one["in"] == "query"}
        assert query == {field.alias or name for name, field in each.query.model_fields.items()}
        assert ("requestBody" in told) == (each.body is not None)
        assert {int(status) for status in told["responses"]} >= {*each.statuses, 401, 403, 422}
        assert told["x-role"] == each.least.word
        assert (each.least > Role.VIEWER) == ("Takes the role" in told["description"] and each.least.word != "viewer")
        for one in (*shared, *told["parameters"]):
            assert one["description"], (each.name, one["name"])
    assert len({each["operationId"] for each in found.values()}) == len(found)


def references(value):
    """Every `$ref` within a value."""
    if isinstance(value, dict):
        return {value["$ref"]} if "$ref" in value else set().union(*map(references, value.values()), set())
    return set().union(*map(references, value), set()) if isinstance(value, list) else set()


async def test_the_document_is_whole(served):
    """What it refers to is there, and each schema in it is one."""
    for reference in references(served):
        here = served
        for step in reference.removeprefix("#/").split("/"):
            here = here[step]
    for schema in served["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_a_destination_is_described_once_for_each_channel(served):
    """With that channel's settings, whose secrets are write-only and need not be sent again."""
    forms = served["components"]["schemas"]["DestinationBody"]["oneOf"]
    assert [form["properties"]["channel"]["const"] for form in forms] == list(CHANNELS)
    for form, channel in zip(forms, CHANNELS.values(), strict=True):
        settings = form["properties"]["settings"]
        assert set(settings["properties"]) == set(channel.settings.model_json_schema()["properties"])
        assert not secret_fields(channel) & set(settings.get("required", []))
        for name in secret_fields(channel):
            assert "writeOnly" in orjson.dumps(settings["properties"][name]).decode()


async def test_the_document_is_the_same_for_everybody_and_holds_no_secret(fake, served):
    """Whatever is stored, and whoever asks."""
    program = await Program.of(fake)
    await program.put("/apps/checkout/destinations/secretive", ROOM)
    again = await program.get("/openapi.json")
    assert again.json == served == orjson.loads(orjson.dumps(document(operations(fake.console))))
    assert "secretive" not in again.answer.text


@pytest.mark.parametrize("path", ["/apps/checkout/nothing", "/nothing", "/openapi.yaml", "/apps/checkout/"])
async def test_what_is_not_there_is_told_as_a_problem(fake, path):
    """404 as RFC 9457 has it, and 405 with what is allowed."""
    program = await Program.of(fake)
    told = await program.get(path)
    assert (told.status, told.json["status"], told.json["type"]) == (404, 404, "about:blank")
    wrong = await program.post("/apps")
    assert (wrong.status, wrong.answer.headers["Allow"]) == (405, "GET,HEAD")


async def test_the_page_is_made_of_the_document(fake, served):
    """Each operation with what it takes and gives, and how to begin; for whoever is logged in."""
    assert (await (await fake.visitor()).get("/api")).headers["Location"].startswith("/login")
    page = await (await fake.logged_in("bob", "checkout")).get("/api")
    assert page.status == 200
    for (method, path), operation in described(served).items():
        assert f"{method.upper()} {path} {operation['summary'].replace('`', '')}" in page.words
    for words in (f"curl {fake.url}/api/v1/apps", "hipchat or slack or", "Takes the role editor for the app.", "412"):
        assert words in page.words
    assert "{{" not in page.words
