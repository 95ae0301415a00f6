"""`bellhop keys`, as a shell sees it: no key is printed but a new one, and every refusal is one sentence."""

from __future__ import annotations

import asyncio
import json

import pytest
from fakes.master_keys import keys, name, text
from typer.testing import CliRunner

from config.settings import settings
from worker.cli import app
from worker.key_file import kept_key, key_path
from worker.keys import key_id, read_key
from worker.stores.connection import async_redis, sync_redis
from worker.stores.key_register import KeyRegister

FILE = "apps: {shop: {destinations: {ops: {channel: hipchat, settings: {token: %s, room: Ops}}}}}" % ("aBcDeFgHiJ" * 4)
OTHER = "apps: {bakery: {destinations: {ops: {channel: webhook, settings: {url: 'https://x.example/s3cret'}}}}}"


@pytest.fixture(autouse=True)
def _shell(monkeypatch, tmp_path, redis_server):
    """An empty Redis, an empty folder, no keys, and settings read anew."""
    with sync_redis(redis_server.url) as client:
        client.flushall()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_server.url)
    monkeypatch.delenv("BELLHOP_MASTER_KEYS", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def with_keys(monkeypatch):
    """Sets BELLHOP_MASTER_KEYS."""

    def change(*numbers):
        monkeypatch.setenv("BELLHOP_MASTER_KEYS", text(*numbers))
        settings.cache_clear()

    return change


@pytest.fixture
def register(redis_server):
    """Asks, or tells, what Redis knows of master keys."""

    async def asked(what, *values):
        client = async_redis(redis_server.url)
        try:
            return await getattr(KeyRegister(client, "bellhop"), what)(*values)
        finally:
            await client.aclose()

    return lambda what, *values: asyncio.run(asked(what, *values))


def bellhop(*arguments, stdin=None):
    """Run a command; it prints no key, and no traceback."""
    result = CliRunner().invoke(app, arguments, input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert not [number for number in (1, 2, 3) if text(number)[:8] in result.output]
    return result


def test_generate_prints_a_key_and_keeps_none(tmp_path):
    """Each time another, and neither a file nor Redis has it."""
    first, second = (bellhop("keys", "generate").output.strip() for _ in range(2))
    assert len(read_key(first)) == len(read_key(second)) == 32
    assert first != second
    assert len(read_key(json.loads(bellhop("keys", "generate", "--json").output)["key"])) == 32
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_the_first_command_generates_one(tmp_path):
    """`apps apply` on an empty Redis makes it, and what it saved can be read."""
    assert bellhop("apps", "apply", "-", stdin=FILE).exit_code == 0
    file = tmp_path / ".bellhop" / "master-key"
    assert file.stat().st_mode & 0o777 == 0o600
    (row,) = json.loads(bellhop("keys", "list", "--json").output)
    assert row == {
        "key": key_id(kept_key(file.parent)),
        "newest": True,
        "here": True,
        "in_use": True,
        "apps": 1,
        "workers": 0,
        "workers_alive": 0,
    }
    assert "Ops" in bellhop("apps", "export").output
    assert file.read_text().strip() not in bellhop("doctor").output


@pytest.mark.parametrize(
    "command",
    [
        ("apps", "apply", "-"),
        ("apps", "export"),
        ("apps", "list"),
        ("destinations", "list"),
        ("destinations", "test", "shop", "ops"),
        ("destinations", "disable", "shop", "ops"),
        ("keys", "rotate"),
        ("worker",),
    ],
)
def test_other_keys_than_those_in_use_are_refused_in_one_sentence(with_keys, command):
    """It names the setting, the key that is wanted, and what to do."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    with_keys(2)
    result = bellhop(*command, stdin=FILE)
    assert result.exit_code in {1, 2}
    assert result.output.startswith(f"BELLHOP_MASTER_KEYS: these keys are {name(2)}, but ")
    assert name(1) in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("value", ["short", "n o t b a s e 6 4 !", "AAAA,"])
def test_a_malformed_key_is_refused_and_not_shown(monkeypatch, value):
    """By every command that needs one."""
    monkeypatch.setenv("BELLHOP_MASTER_KEYS", value)
    settings.cache_clear()
    for command in (("apps", "list"), ("keys", "list"), ("keys", "rotate"), ("worker",)):
        result = bellhop(*command)
        assert result.exit_code in {1, 2}
        assert result.output.startswith("BELLHOP_MASTER_KEYS: key 1 of ")
        assert "bellhop keys generate" in result.output
        assert value not in result.output


def test_commands_that_need_no_secrets_need_no_key(with_keys):
    """A producer's host has none: `send`, `status` and `deliveries` work there, and generate none."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    with_keys(2)
    for command in (("send", "--app", "shop", "--title", "x"), ("status",), ("deliveries", "list")):
        assert bellhop(*command).exit_code == 0


def test_rotate_says_what_it_did_and_which_key_may_go(with_keys):
    """From the old key to the new one; afterwards the new one alone is enough."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    bellhop("apps", "apply", "-", stdin=OTHER)
    with_keys(2, 1)
    told = json.loads(bellhop("keys", "rotate", "--json").output)
    assert told | {"seconds": 0} == {
        "newest": name(2),
        "apps": 2,
        "destinations": 2,
        "passed_over": 0,
        "seconds": 0,
        "needed": {name(2): 2},
        "removable": [name(1)],
        "problems": {},
    }
    again = bellhop("keys", "rotate").output
    assert "0 apps with 0 destinations sealed anew" in again
    assert f"no app needs master key {name(1)} any more: take it out of BELLHOP_MASTER_KEYS" in again
    with_keys(2)
    assert "s3cret" not in bellhop("destinations", "show", "bakery", "ops").output
    assert bellhop("apps", "export").exit_code == 0
    with_keys(1)
    assert bellhop("apps", "export").exit_code == 1


def test_a_generated_key_goes_by_deleting_its_file(with_keys):
    """From the generated key to one that is set."""
    bellhop("apps", "apply", "-", stdin=FILE)
    with_keys(1)
    assert f"delete {key_path(settings().state_dir)}" in bellhop("keys", "rotate").output
    key_path(settings().state_dir).chmod(0o644)
    assert "0 apps" in bellhop("keys", "rotate").output
    key_path(settings().state_dir).unlink()
    assert bellhop("apps", "export").exit_code == 0


def test_rotate_with_one_key_says_how_to_get_another(with_keys):
    """Nothing to do is no success to be silent about."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    assert "`bellhop keys generate`, put it in front in BELLHOP_MASTER_KEYS" in bellhop("keys", "rotate").output


def test_rotate_refuses_to_lock_workers_out(with_keys, register):
    """One that lives and lacks the newest key is named; nothing is changed."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    register("tell", "host-7-abc", keys(1).ids)
    register("tell", "host-8-abc", keys(2, 1).ids)
    with_keys(2, 1)
    result = bellhop("keys", "rotate")
    assert result.exit_code == 1
    assert result.output.startswith(f"1 of 2 workers do not have master key {name(2)} (host-7-abc): start them again")
    assert register("needed") == {name(1): 1}
    applied = bellhop("apps", "apply", "-", stdin=OTHER)
    assert (applied.exit_code, "1 of 2 workers do not have master key" in applied.output) == (1, True)
    assert "bakery" not in bellhop("apps", "list").output
    assert "1 of 2" in bellhop("keys", "list").output
    register("withdraw", "host-7-abc", keys(1).ids)
    assert bellhop("keys", "rotate").exit_code == 0


def test_rotate_names_what_it_could_not_read(with_keys, register, redis_server):
    """An app that was altered stays, its old key stays needed, and the exit code says so."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    bellhop("apps", "apply", "-", stdin=OTHER)
    with sync_redis(redis_server.url) as client:
        client.hset("bellhop:app:shop", "ops", client.hget("bellhop:app:shop", "ops").replace(b'"Ops"', b'"Spy"'))
    with_keys(2, 1)
    result = bellhop("keys", "rotate")
    assert result.exit_code == 1
    assert "app shop stays as it is: what is stored was altered or damaged; apply its settings again" in result.output
    assert f"master key {name(1)} is still needed by 1 app" in result.output
    assert register("in_use") == {name(1), name(2)}
    bellhop("apps", "apply", "-", stdin=FILE)
    assert bellhop("keys", "rotate").exit_code == 0
    assert register("in_use") == {name(2)}


def test_a_lost_key_is_forgotten_and_its_apps_applied_again(with_keys):
    """The way out that the refusal names."""
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    with_keys(2)
    assert bellhop("keys", "forget", name(3)).exit_code == 1
    said = bellhop("keys", "forget", name(1)).output
    assert said.strip() == f"master key {name(1)} is forgotten; apply the settings of 1 app again"
    assert name(1) in bellhop("destinations", "list").output
    assert bellhop("apps", "apply", "-", stdin=FILE).exit_code == 0
    assert bellhop("apps", "export").exit_code == 0


def findings():
    """What doctor says, by what it looked at."""
    return {row["what"]: row for row in json.loads(bellhop("doctor", "--json").output)}


def test_doctor_looks_at_the_keys(with_keys, register):
    """Which is used, which is missing, which is old, who lacks it; and which destinations cannot be read."""
    assert findings()["no master key yet"]["level"] == "ok"
    with_keys(1)
    bellhop("apps", "apply", "-", stdin=FILE)
    assert findings()[f"master key {name(1)} (BELLHOP_MASTER_KEYS)"]["level"] == "ok"
    with_keys(2, 1)
    register("tell", "host-7-abc", keys(1).ids)
    found = findings()
    assert "keys rotate" in found[f"the older master key {name(1)} still seals 1 app"]["advice"]
    assert found[f"1 of 1 workers do not have master key {name(2)}"]["level"] == "problem"
    with_keys(2)
    found = findings()
    assert found[f"master key {name(1)} is not at hand, and seals 1 app"]["level"] == "problem"
    assert name(1) in found["shop/ops"]["advice"]
    with_keys(2, 1)
    register("withdraw", "host-7-abc", keys(1).ids)
    bellhop("keys", "rotate")
    assert findings()[f"no app needs the older master key {name(1)}"]["level"] == "ok"


def test_doctor_tells_of_keys_that_cannot_be_used(monkeypatch, with_keys):
    """A malformed one, and a generated one that others may read."""
    bellhop("apps", "apply", "-", stdin=FILE)
    assert any(what.endswith(f"(generated in {key_path(settings().state_dir)})") for what in findings())
    key_path(settings().state_dir).chmod(0o644)
    assert "chmod 600" in findings()["the master keys cannot be used"]["advice"]
    with_keys(1)
    assert "chmod 600" in findings()["the generated master key is left aside"]["advice"]
    monkeypatch.setenv("BELLHOP_MASTER_KEYS", "AAAA")
    settings.cache_clear()
    assert "key 1 of 1 has 3 bytes" in findings()["the master keys cannot be used"]["advice"]
