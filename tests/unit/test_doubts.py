"""What gives cause for doubt about a destination is told wherever one is shown."""

from __future__ import annotations

import json

import pytest
import yaml
from typer.testing import CliRunner

from config.settings import settings
from worker.appsfile import read_apps, write_apps
from worker.channels import CHANNELS
from worker.channels.addresses import HttpUrl, SecretUrl
from worker.channels.channel import ChannelSettings
from worker.channels.exposure import exposures
from worker.cli import app
from worker.doubts import as_comments, warnings_about, warnings_of
from worker.models import Destination
from worker.near_hosts import is_near
from worker.stores.connection import sync_redis

TOKEN = "CanaryTokenCanaryTokenCanaryTokenCanary1"
FILE = f"""
apps:
  checkout:
    destinations:
      hook: {{channel: webhook, settings: {{url: "https://hooks.invalid/{TOKEN}", verify_tls: false}}}}
      room: {{channel: hipchat, settings: {{room: Ops, token: {TOKEN}, base_url: "http://chat.invalid"}}}}
      mail: {{channel: email, settings: {{to: a@example.com, from: b@example.com, host: mx.invalid, security: none}}}}
      fine: {{channel: slack, settings: {{webhook_url: "https://hooks.slack.com/services/T0/B0/{TOKEN}"}}}}
"""
DOUBTS = {
    "hook": "verify_tls: false; anybody in between can take the server's place",
    "room": "base_url: http://; the token and the alerts travel in clear: use https://",
    "mail": "security: none; the mails go over the network in clear",
}


class Somewhere(ChannelSettings):
    """Addresses in every form that a channel may have them."""

    url: HttpUrl = "https://example.com"
    secret_url: SecretUrl | None = None
    note: str = ""
    verify_tls: bool = True


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("fe80::1%eth0", True),
        ("10.1.2.3", True),
        ("sandbox", True),
        ("nagios.internal", True),
        ("printer.local.", True),
        ("mx.example.com", False),
        ("192.0.2.7.example.com", False),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("127.1", False),
        ("", True),
    ],
)
def test_what_is_near(host, near):
    """This machine, private addresses, and names that nobody outside knows; what is in doubt is far."""
    assert is_near(host) is near


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, []),
        ({"url": "http://127.0.0.1:8025/x", "note": "http://example.com"}, []),
        ({"url": "http://example.com"}, ["url"]),
        ({"url": "HTTP://example.com", "secret_url": f"http://example.com/{TOKEN}"}, ["url", "secret_url"]),
        ({"verify_tls": False}, ["verify_tls"]),
    ],
)
def test_what_lies_open_is_told_by_field(chosen, told):
    """Each address in clear and each certificate that nobody checks, and nothing of what was typed in."""
    found = exposures(Somewhere.model_validate(chosen))
    assert [sentence.partition(":")[0] for sentence in found] == told
    assert not any(TOKEN in sentence for sentence in found)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_every_channel_that_can_go_unverified_is_warned_of(channel):
    """Wherever a channel has `verify_tls` or an address, switching it off or writing http:// is told."""
    fields = channel.settings.model_fields
    addresses = [name for name in fields if name == "url" or name.endswith("_url")]
    given = dict.fromkeys(addresses, "http://far.example.com/") | dict.fromkeys({"verify_tls"} & set(fields), False)
    doubtful = channel.settings.model_construct(**dict.fromkeys(fields) | given)
    assert {sentence.partition(":")[0] for sentence in exposures(doubtful)} == set(given)


def test_settings_that_cannot_be_read_have_their_problem_and_no_warnings():
    """Nothing is looked for in what is not there."""
    assert warnings_about(Destination("a", "d", "webhook", None, problem="damaged")) == []
    assert warnings_about(Destination("a", "d", "pigeon", None)) == []


def test_an_export_has_them_as_comments_and_is_read_back():
    """Above the file, without a secret; a person who applies it again has seen them."""
    apps = read_apps(FILE, {})
    text = write_apps(apps)
    head = text[: text.index("apps:")]
    assert head == as_comments(warnings_of(apps))
    assert all(
        f"# warning: apps.checkout.destinations.{name}.settings.{words}" in head for name, words in DOUBTS.items()
    )
    names = {"CHECKOUT_HOOK_URL", "CHECKOUT_ROOM_TOKEN", "CHECKOUT_ROOM_BASE_URL", "CHECKOUT_FINE_WEBHOOK_URL"}
    assert yaml.safe_load(text).keys() == {"apps"}
    assert read_apps(text, dict.fromkeys(names, "https://example.com/x") | {"CHECKOUT_ROOM_TOKEN": TOKEN})
    assert TOKEN not in text


def test_no_name_breaks_out_of_a_comment():
    """A parameter's name is what its owner typed: line ends in it end no comment."""
    hook = {"url": "https://example.com", "params": {"a\nb\u2028apps": "$nothing"}}
    text = write_apps(
        read_apps(json.dumps({"apps": {"a": {"destinations": {"d": {"channel": "webhook", "settings": hook}}}}}), {})
    )
    assert text.splitlines()[0].startswith(
        "# warning: apps.a.destinations.d.settings.params.a b apps: $nothing is no variable"
    )
    assert text.splitlines()[1] == "apps:"


@pytest.fixture
def _shell(monkeypatch, tmp_path, redis_server):
    """An empty Redis, an empty folder, and settings read anew; the file is applied."""
    with sync_redis(redis_server.url) as client:
        client.flushall()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_server.url)
    settings.cache_clear()
    (tmp_path / "apps.yaml").write_text(FILE)
    assert bellhop("apps", "apply", "apps.yaml").exit_code == 0
    yield
    settings.cache_clear()


def bellhop(*arguments):
    """Run a command; whatever it prints holds no secret."""
    result = CliRunner().invoke(app, arguments)
    assert TOKEN not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize(
    "command",
    [
        ("apps", "apply", "apps.yaml"),
        ("apps", "apply", "apps.yaml", "--dry-run"),
        ("apps", "diff", "apps.yaml"),
        ("apps", "list"),
        ("apps", "export"),
        ("destinations", "list"),
        ("doctor",),
    ],
)
@pytest.mark.usefixtures("_shell")
def test_every_command_that_shows_destinations_tells_them(command):
    """For people and with `--json`, each with the destination's name."""
    for arguments in (command, (*command, "--json")):
        shown = " ".join(bellhop(*arguments).output.split())
        for name, words in DOUBTS.items():
            assert words in shown, (arguments, name)
        assert shown.count("anybody in between can take") == 1


@pytest.mark.parametrize("command", ["show", "test"])
@pytest.mark.parametrize(("name", "words"), DOUBTS.items())
@pytest.mark.usefixtures("_shell")
def test_a_destination_tells_its_own(monkeypatch, command, name, words):
    """`show` and `test` tell them, for people on standard error, with `--json` as a list."""
    # No name is looked up and no server asked: these have no time for that.
    monkeypatch.setenv("BELLHOP_CONNECT_TIMEOUT_S", "0.001")
    settings.cache_clear()
    for_people = bellhop("destinations", command, "checkout", name)
    assert words in for_people.stderr
    found = json.loads(bellhop("destinations", command, "checkout", name, "--json").stdout)
    assert [warning for warning in found["warnings"] if words in warning]


@pytest.mark.usefixtures("_shell")
def test_lists_have_them_by_destination():
    """`--json` has a list for each, empty where there is nothing to say."""
    rows = {row["name"]: row["warnings"] for row in json.loads(bellhop("destinations", "list", "--json").stdout)}
    assert rows["fine"] == []
    assert {name for name, warnings in rows.items() if warnings} == set(DOUBTS)
    (listed,) = json.loads(bellhop("apps", "list", "--json").stdout)
    assert len(listed["warnings"]) == len(DOUBTS)
    assert len(json.loads(bellhop("apps", "diff", "apps.yaml", "--json").stdout)["warnings"]) == len(DOUBTS)
