"""`bellhop apps` and `bellhop destinations`, as a shell sees them: output, exit codes, and no secret anywhere."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Self
from urllib.parse import urlsplit

import pytest
import yaml
from aiohttp import web
from typer.testing import CliRunner

from config.settings import settings
from worker.commands import apps, destinations
from worker.stores.connection import sync_redis

TOKEN = "aBcDeFgHiJ" * 4
FILE = f"""
apps:
  checkout:
    destinations:
      ops-room: {{channel: hipchat, settings: {{token: {TOKEN}, room: "Ops [red]"}}}}
      mail: {{channel: email, enabled: false, settings: {{to: a@example.com, from: b@example.com, host: localhost}}}}
"""


@pytest.fixture(autouse=True)
def _shell(monkeypatch, tmp_path, redis_server):
    """An empty Redis, an empty folder, and settings read anew."""
    with sync_redis(redis_server.url) as client:
        client.flushall()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_server.url)
    monkeypatch.setenv("BELLHOP_ALLOWED_ADDRESSES", "127.0.0.0/8")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def applied():
    """The file, applied."""
    assert bellhop(apps.app, "apply", "-", text=FILE).exit_code == 0


def bellhop(group, *arguments: str, text=None):
    """Run a command; whatever it prints holds no secret."""
    result = CliRunner().invoke(group, arguments, input=text)
    assert TOKEN not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


class HipChat:
    """A server that takes notifications and answers with one status, on a thread of its own."""

    def __init__(self, status) -> None:
        self.status, self.seen, self.url = status, [], ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self):
        runner = self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _start(self):
        app = web.Application()
        app.router.add_post("/{path:.*}", self._notified)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _notified(self, request):
        self.seen.append((request.path, request.headers["Authorization"], await request.json()))
        return web.Response(status=self.status, text=f"you sent {TOKEN}" if self.status != 204 else "")


# apps


def test_apply_then_diff_is_no_difference(tmp_path):
    """What was applied is what is stored."""
    (tmp_path / "apps.yaml").write_text(FILE)
    differs = bellhop(apps.app, "diff", "apps.yaml")
    assert (differs.exit_code, "ops-room" in differs.output) == (1, True)
    done = bellhop(apps.app, "apply", "apps.yaml")
    assert (done.exit_code, "3 changes applied" in done.output) == (0, True)
    assert bellhop(apps.app, "diff", "apps.yaml").exit_code == 0
    assert "no change" in bellhop(apps.app, "apply", "apps.yaml").output


def test_a_dry_run_changes_nothing():
    """It says what would change, and the store stays empty."""
    assert "3 changes, nothing applied" in bellhop(apps.app, "apply", "-", "--dry-run", text=FILE).output
    assert json.loads(bellhop(apps.app, "list", "--json").stdout) == []


def test_a_change_is_shown_by_field_and_a_secret_only_as_changed(applied):
    """Before and after of what is no secret; markup in values is text."""
    changed = FILE.replace("[red]", "[blue]").replace(TOKEN, TOKEN.swapcase())
    result = bellhop(apps.app, "apply", "-", text=changed)
    assert "Ops [red]" in result.stdout
    assert "Ops [blue]" in result.stdout
    assert TOKEN.swapcase() not in result.output
    assert "(secret)" in result.stdout


def test_a_file_with_problems_applies_nothing(applied):
    """Each problem stands on its own line of standard error, and the store stays as it was."""
    broken = FILE.replace(", room:", ", rom:").replace("a@example.com", "nobody")
    result = bellhop(apps.app, "apply", "-", text=broken.replace("checkout", "other"))
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "apps.other.destinations.ops-room.settings.rom",
        "apps.other.destinations.mail.settings.to.0",
    ]
    assert [row["app"] for row in json.loads(bellhop(apps.app, "list", "--json").stdout)] == ["checkout"]


def test_apps_that_the_file_leaves_out_stay_unless_pruned(applied):
    """Pruning is asked for, and diff knows it too."""
    other = "apps: {billing: {destinations: {}}}"
    bellhop(apps.app, "apply", "-", text=other)
    assert [row["app"] for row in json.loads(bellhop(apps.app, "list", "--json").stdout)] == ["billing", "checkout"]
    assert bellhop(apps.app, "diff", "-", text=other).exit_code == 0
    assert bellhop(apps.app, "diff", "-", "--prune", text=other).exit_code == 1
    bellhop(apps.app, "apply", "-", "--prune", text=other)
    assert [row["app"] for row in json.loads(bellhop(apps.app, "list", "--json").stdout)] == ["billing"]


def test_an_export_is_a_file_without_secrets(applied):
    """As YAML and as JSON, all apps or those named."""
    text = bellhop(apps.app, "export").stdout
    tree = yaml.safe_load(text)
    assert tree["apps"]["checkout"]["destinations"]["ops-room"]["settings"]["token"] == "${CHECKOUT_OPS_ROOM_TOKEN}"
    assert json.loads(bellhop(apps.app, "export", "checkout", "--json").stdout) == tree
    missing = bellhop(apps.app, "export", "nobody")
    assert (missing.exit_code, missing.stderr.strip()) == (1, "there is no app nobody")


def test_an_old_token_is_applied_with_a_warning():
    """HipChat's OAuth1 tokens are most likely wrong; who applies them is told."""
    old = FILE.replace(TOKEN, "0123456789abcdef0123456789abcd")
    result = bellhop(apps.app, "apply", "-", text=old)
    assert result.exit_code == 0
    assert "warning: apps.checkout.destinations.ops-room.settings.token: probably an OAuth1 token" in result.stderr
    as_json = json.loads(bellhop(apps.app, "apply", "-", "--json", text=old).stdout)
    assert (as_json["applied"], as_json["changes"], len(as_json["warnings"])) == (True, [], 1)


@pytest.mark.parametrize(("command", "code"), [("apply", 2), ("diff", 2)])
def test_a_file_that_is_not_there_is_wrong_usage(command, code):
    """The sentence names the file."""
    result = bellhop(apps.app, command, "nowhere.yaml")
    assert result.exit_code == code
    assert "cannot read nowhere.yaml: No such file" in result.stderr


def test_diff_calls_problems_trouble_and_not_a_difference():
    """Like diff(1): 2, so that a script can tell them apart."""
    assert bellhop(apps.app, "diff", "-", text="apps: []").exit_code == 2


def test_without_redis_the_exit_code_is_3_and_the_password_is_not_shown(monkeypatch):
    """One sentence with the address, for every command."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    settings.cache_clear()
    for group, *arguments in (
        (apps.app, "list"),
        (apps.app, "apply", "-"),
        (destinations.app, "show", "a", "b"),
        (destinations.app, "enable", "a", "b"),
    ):
        result = bellhop(group, *arguments, text=FILE)
        assert result.exit_code == 3
        assert "Redis at redis://127.0.0.1:1 cannot be used" in result.stderr
        assert "hunter2" not in result.output
    assert bellhop(apps.app, "diff", "-", text=FILE).exit_code == 2


def test_a_wrong_redis_password_is_told_as_such(monkeypatch, redis_server):
    """Somebody who has the address but not the password learns what is wrong."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", f"redis://:wrong@127.0.0.1:{urlsplit(redis_server.url).port}/0")
    settings.cache_clear()
    result = bellhop(apps.app, "list")
    assert result.exit_code == 3
    assert "refuses the user name or password" in result.stderr


# destinations


def test_destinations_are_listed(applied):
    """All, or one app's."""
    rows = json.loads(bellhop(destinations.app, "list", "--json").stdout)
    assert [(row["name"], row["enabled"]) for row in rows] == [("mail", False), ("ops-room", True)]
    table = bellhop(destinations.app, "list", "--app", "checkout").stdout
    assert "ops-room" in table
    assert bellhop(destinations.app, "list", "--app", "nobody").exit_code == 1


def test_a_destination_is_shown_without_its_secret(applied):
    """Of the token only that it is set."""
    text = bellhop(destinations.app, "show", "checkout", "ops-room").stdout
    assert "Ops [red]" in text
    assert "(secret)" in text
    shown = json.loads(bellhop(destinations.app, "show", "checkout", "ops-room", "--json").stdout)
    assert (shown["settings"]["token"], shown["channel"]) == ("(secret)", "hipchat")


def test_a_misspelt_destination_is_helped_with(applied):
    """The nearest name is offered."""
    result = bellhop(destinations.app, "show", "checkout", "ops-rom")
    assert (result.exit_code, result.stderr.strip()) == (
        1,
        "app checkout has no destination ops-rom; did you mean ops-room?",
    )


def test_switching_off_and_on(applied):
    """The list knows."""
    assert "is disabled" in bellhop(destinations.app, "disable", "checkout", "ops-room").stdout
    rows = json.loads(bellhop(destinations.app, "list", "--json").stdout)
    assert [row["enabled"] for row in rows] == [False, False]
    assert json.loads(bellhop(destinations.app, "enable", "checkout", "mail", "--json").stdout)["enabled"] is True
    assert bellhop(destinations.app, "enable", "checkout", "nothing").exit_code == 1


def test_a_saved_destination_is_tested_by_the_production_path():
    """A server that answers 204 makes it 0; what it got is a test message with the token in the header."""
    with HipChat(204) as vendor:
        bellhop(apps.app, "apply", "-", text=FILE.replace(", room:", f", base_url: {vendor.url}, room:"))
        result = bellhop(destinations.app, "test", "checkout", "ops-room")
    assert result.exit_code == 0
    assert "204: configured correctly (HipChat answers 200 or 204)" in result.stdout
    path, authorization, body = vendor.seen[0]
    assert (path, authorization) == ("/v2/room/Ops [red]/notification", f"Bearer {TOKEN}")
    assert "TEST" in body["message"].upper()


def test_unsaved_settings_are_tested_and_an_echoed_token_is_not_shown(tmp_path, monkeypatch):
    """A refusal makes it 1, with code, reply and advice; secrets come from a file; Redis is not needed."""
    monkeypatch.setenv("BELLHOP_REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with HipChat(401) as vendor:
        pairs = ["--set", "token=@token", "--set", "room=@all", "--set", f"base_url={vendor.url}"]
        result = bellhop(destinations.app, "test", "--channel", "hipchat", *pairs, "--json")
        table = bellhop(destinations.app, "test", "--channel", "hipchat", *pairs)
    trial = json.loads(result.stdout)
    assert (result.exit_code, trial["delivered"], trial["status_code"]) == (1, False, 401)
    assert trial["diagnosis"].startswith("401: refused: the token")
    assert trial["body"] == "you sent ***"
    assert vendor.seen[0][0] == "/v2/room/@all/notification"
    assert "warning: token" not in result.stderr
    assert "warning: base_url: stays in your shell's history" in result.stderr
    assert "not delivered" in table.stdout


def test_a_secret_can_be_piped_in_and_one_typed_out_is_warned_about():
    """`token=-` reads it from standard input; `token=…` says where it stays."""
    with HipChat(204) as vendor:
        common = ["test", "--channel", "hipchat", "--set", "room=1", "--set", f"base_url={vendor.url}"]
        assert bellhop(destinations.app, *common, "--set", "token=-", text=f"{TOKEN}\n").exit_code == 0
        typed = bellhop(destinations.app, *common, "--set", f"token={TOKEN}")
    assert {seen[1] for seen in vendor.seen} == {f"Bearer {TOKEN}"}
    assert "warning: token: stays in your shell's history" in typed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "name either APP NAME, or --channel"),
        (["checkout"], 2, "name either APP NAME, or --channel"),
        (["checkout", "x", "--channel", "hipchat"], 2, "name either APP NAME, or --channel"),
        (["checkout", "x", "--set", "a=b"], 2, "name either APP NAME, or --channel"),
        (["--channel", "hipcat"], 2, "'hipcat' is not a channel; did you mean hipchat?"),
        (["checkout", "x"], 1, "app checkout has no destination x"),
        (["--channel", "hipchat", "--set", TOKEN], 1, "--set: must be key=value"),
        (["--channel", "hipchat", "--set", "room=1", "--set", "room=2"], 1, "room: is set twice"),
        (
            ["--channel", "hipchat", "--set", "token=@nowhere"],
            1,
            "token: cannot read the file behind @: No such file",
        ),
        (["--channel", "hipchat", "--set", "rom=1"], 1, "rom: is not a setting of hipchat; did you mean room?"),
    ],
)
def test_wrong_arguments_are_told(applied, arguments, code, words):
    """Wrong usage is 2, wrong settings are 1, each with a sentence."""
    result = bellhop(destinations.app, "test", *arguments)
    assert result.exit_code == code
    assert words in result.stderr


INSIDE = """
apps: {a: {destinations: {hook: {channel: webhook, settings: {url: "http://10.0.0.5:8080/a-secret-path"}}}}}
"""


def test_an_address_that_will_be_refused_is_told_when_it_is_applied_and_shown():
    """With field, address and the operator's setting; applied all the same, for the workers' setting is what counts."""
    applied = bellhop(apps.app, "apply", "-", text=INSIDE)
    shown = bellhop(destinations.app, "show", "a", "hook", "--json")
    sentence = (
        "apps.a.destinations.hook.settings.url: 10.0.0.5 is not a public address (private use, RFC 1918); "
        "an operator can allow it with BELLHOP_ALLOWED_ADDRESSES (the workers' setting is what counts)"
    )
    assert applied.exit_code == 0
    assert sentence in " ".join(applied.stderr.split())
    assert "2 changes applied" in applied.stdout
    assert json.loads(shown.stdout)["warnings"] == [sentence]


def test_an_address_that_is_allowed_is_not_warned_of(monkeypatch):
    """By network and port, as the workers would be told."""
    monkeypatch.setenv("BELLHOP_ALLOWED_ADDRESSES", "10.0.0.0/8:8080")
    settings.cache_clear()
    assert bellhop(apps.app, "apply", "-", text=INSIDE).stderr == ""


@pytest.mark.parametrize(
    "pairs",
    [
        ("webhook", "url=http://10.0.0.5:8080/", "settings.url"),
        ("hipchat", "base_url=https://10.0.0.5", "settings.base_url", "room=1", "token=@token"),
        ("email", "host=10.0.0.5", "settings.host", "to=a@b.c", "from=d@e.f"),
        ("nagios", "host=10.0.0.5", "settings.host", "unknown_host=x"),
        ("slack", "api_url=https://10.0.0.5", "settings.api_url", "token=@token", "channel=#x"),
        ("pagerduty", "api_url=https://10.0.0.5", "settings.api_url", "routing_key=" + "a" * 32),
    ],
    ids=lambda pairs: pairs[0],
)
def test_a_test_of_a_refused_address_names_field_address_and_setting(tmp_path, pairs):
    """In every channel; nothing is connected to, so it fails at once."""
    (tmp_path / "token").write_text(TOKEN)
    channel, given, field, *others = pairs
    options = [part for pair in (given, *others) for part in ("--set", pair)]
    tested = bellhop(destinations.app, "test", "--channel", channel, *options, "--json")
    trial = json.loads(tested.stdout)
    assert tested.exit_code == 1
    assert trial["reason"] == "bad_address"
    assert trial["detail"] == (
        f"{field}: 10.0.0.5 is not a public address (private use, RFC 1918); "
        "an operator can allow it with BELLHOP_ALLOWED_ADDRESSES"
    )
    assert trial["detail"] in trial["diagnosis"]
