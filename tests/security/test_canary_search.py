"""The search for canaries can find them: in every form, and in every kind of place where they could be left."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.server import Server
from security.canary import Canary, Search, fresh
from security.places import Monitor, arguments, files, monitored, redis_logs, redis_values
from worker.stores.connection import sync_redis

TEXT = fresh()
SEARCH = Search([Canary("hipchat/token", TEXT), Canary("other", fresh())])
FORMS = {
    "as it is": str,
    "in an address": lambda text: quote(f'"{text}"', safe=""),
    "in a form": quote_plus,
    "in JSON": lambda text: json.dumps(f'"\\{text}'),
    "in HTML": lambda text: html.escape(f"<{text}>"),
    "in hex": lambda text: text.encode().hex().upper(),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in capitals": str.upper,
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("part", [slice(None), slice(12), slice(-12, None)], ids=["whole", "first half", "last half"])
@given(before=st.binary(max_size=4), after=st.binary(max_size=4))
def test_a_canary_is_found_in_every_form_and_by_halves(write, part, before, after):
    """Whatever stands before and after it, also within what is encoded."""
    assert SEARCH.found(before + write(TEXT[part]).encode() + after) == {"hipchat/token"}


@given(before=st.text(max_size=5), after=st.text(max_size=5))
def test_a_canary_is_found_wherever_it_begins_in_base64(before, after):
    """As a password stands behind a user's name in `Authorization: Basic` and `AUTH PLAIN`."""
    assert SEARCH.found(FORMS["in base64"](f"{before}{TEXT}{after}")) == {"hipchat/token"}


@given(st.binary(max_size=300))
def test_nothing_is_found_where_nothing_is(content):
    """Else a find would mean nothing."""
    assert SEARCH.found(content) == set()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real Redis or Valkey."""
    folder = tmp_path_factory.mktemp("redis")
    running = Server(folder).start()
    running.client.config_set("rdbcompression", "no")
    yield running, folder
    running.stop()


KINDS = {
    "string": lambda client: client.set("k", TEXT),
    "list": lambda client: client.rpush("k", "x", TEXT),
    "set": lambda client: client.sadd("k", TEXT),
    "sorted set": lambda client: client.zadd("k", {TEXT: 1}),
    "hash": lambda client: client.hset("k", "name", json.dumps({"a": TEXT})),
    "name of a key": lambda client: client.set(f"k:{TEXT}", "x"),
    "stream": lambda client: client.xadd("k", {"event": TEXT}),
    "name of a group": lambda client: client.xgroup_create("k", TEXT, mkstream=True),
    "name of a consumer": lambda client: (client.xgroup_create("k", "g", mkstream=True), client.xadd("k", {"a": "b"}),
                                          client.xreadgroup("g", TEXT, {"k": ">"})),
    "long text": lambda client: client.set("k", "x" * 100_000 + TEXT + "x" * 100_000),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("plant", KINDS.values(), ids=KINDS)
def test_a_canary_is_found_in_every_kind_of_key(server, plant):
    """In the values, in the commands that wrote them, and in what Redis saves to disk."""
    server, folder = server
    server.client.flushall()
    with Monitor(server.url, folder / "monitor"):
        plant(server.client)
    assert [place for place, content in redis_values(server.url) if SEARCH.found(content)]
    assert [place for place, content in monitored(folder / "monitor") if SEARCH.found(content)]
    server.client.save()
    found = [place for place, content in files(folder / "redis", "*") if SEARCH.found(content)]
    assert {"dump.rdb"} < set(found), "and in the append-only file"


@pytest.mark.slow
def test_a_canary_is_found_in_other_databases_publications_and_logs_of_redis(server):
    """Celery's events are published, and kept nowhere."""
    server, folder = server
    server.client.flushall()
    with Monitor(server.url, folder / "monitor"):
        server.client.publish("events", f"a task with {TEXT}")
    assert [place for place, content in monitored(folder / "monitor") if SEARCH.found(content)]
    with sync_redis(f"{server.url.rpartition('/')[0]}/3") as client:
        client.set("k", TEXT)
    server.client.client_setname(TEXT)
    assert [place for place, content in redis_values(server.url) if SEARCH.found(content)] == ["database 3, key k"]
    assert "Redis' CLIENT LIST" in [place for place, content in redis_logs(server.url) if SEARCH.found(content)]


@pytest.mark.slow
def test_a_canary_is_found_in_the_arguments_of_processes_beneath_one():
    """What a process starts shows its arguments to everybody on the machine."""
    inner = [sys.executable, "-c", "input()", TEXT]
    code = f"import subprocess; subprocess.Popen({inner!r}).wait()"
    with subprocess.Popen([sys.executable, "-c", code, "x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as outer:
        try:
            found = [place for _ in range(500) for place, content in arguments([outer.pid]) if SEARCH.found(content)]
            assert any(place.startswith("process ") for place in found)
        finally:
            outer.communicate(b"\n")


def test_a_canary_is_found_in_files(tmp_path):
    """Logs, and what commands printed."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "worker.log").write_bytes(b"\xff" + TEXT.encode())
    (tmp_path / "clean.log").write_text("nothing")
    assert [place for place, content in files(tmp_path, "*.log") if SEARCH.found(content)] == ["inner/worker.log"]
