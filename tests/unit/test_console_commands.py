"""`bellhop users`, `tokens` and `audit`, as a shell sees them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from config.settings import settings
from worker.cli import app
from worker.stores.connection import sync_redis

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _shell(monkeypatch, tmp_path, redis_server):
    """An empty Redis, an empty folder, and settings read anew."""
    with sync_redis(redis_server.url) as client:
        client.flushall()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELLHOP_REDIS_URL", redis_server.url)
    settings.cache_clear()
    yield
    settings.cache_clear()


def bellhop(*arguments, text=None):
    """Run a command; whatever it prints holds no password."""
    result = CliRunner().invoke(app, arguments, input=text)
    assert PASSWORD not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def add(*arguments):
    """Make a user with the usual password."""
    return bellhop("users", "add", *arguments, "--password-file", "-", text=f"{PASSWORD}\n")


def test_users_come_and_go():
    """Made with a role, given another, listed, given a new password, and removed."""
    assert add("bob", "--app", "checkout", "--role", "editor").output == "bob is editor of checkout\n"
    more = bellhop("users", "add", "bob", "--app", "search")
    assert more.output == "bob is editor of checkout, viewer of search\n"
    shown = json.loads(bellhop("users", "list", "--json").output)
    assert shown == [{"name": "bob", "roles": {"checkout": "editor", "search": "viewer"}, "built_in": False}]
    assert "editor of checkout" in bellhop("users", "list").output
    assert bellhop("users", "revoke", "bob", "--app", "search").output == "bob is editor of checkout\n"
    assert "ended" in bellhop("users", "password", "bob", "--password-file", "-", text="another good one").output
    assert bellhop("users", "remove", "bob").exit_code == 0
    assert json.loads(bellhop("users", "list", "--json").output) == []


@pytest.mark.parametrize(
    ("arguments", "text", "code", "words"),
    [
        (["add", "b b", "--password-file", "-"], PASSWORD, 1, "the name must be"),
        (["add", "admin", "--password-file", "-"], PASSWORD, 1, "BELLHOP_WEB_PASSWORD"),
        (["add", "bob", "--password-file", "-"], "short", 2, "at least 10 characters"),
        (["add", "bob", "--password-file", "nowhere"], None, 2, "cannot read nowhere"),
        (["add", "bob"], None, 2, "--password-file"),
        (["add", "bob", "--app", "a b", "--password-file", "-"], PASSWORD, 1, "--app must be"),
        (["add", "bob", "--role", "owner"], None, 2, "owner"),
        (["remove", "bob"], None, 1, "there is no user 'bob'"),
        (["password", "bob", "--password-file", "-"], PASSWORD, 1, "there is no user 'bob'"),
        (["revoke", "bob", "--app", "x"], None, 1, "there is no user 'bob'"),
    ],
)
def test_mistakes_are_told(arguments, text, code, words):
    """Each with a sentence and an exit code that scripts can use."""
    result = bellhop("users", *arguments, text=text)
    assert result.exit_code == code
    assert words in result.output


def test_a_password_may_lie_in_a_file(tmp_path):
    """Its line end is not part of it."""
    (tmp_path / "password").write_text(PASSWORD + "\r\n")
    assert bellhop("users", "add", "bob", "--password-file", "password").exit_code == 0
    (tmp_path / "short").write_text("123456789\n")
    assert bellhop("users", "add", "eve", "--password-file", "short").exit_code == 2


def test_a_token_is_printed_once_and_listed_by_name():
    """What is printed is the token and nothing else; afterwards only its name is known."""
    made = bellhop("tokens", "add", "terraform", "--app", "checkout", "--role", "editor")
    token = made.output.strip()
    assert token.startswith("bh_")
    assert len(token) == 46
    assert "already" in bellhop("tokens", "add", "terraform").output
    listed = json.loads(bellhop("tokens", "list", "--json").output)
    assert [(row["name"], row["roles"]) for row in listed] == [("terraform", {"checkout": "editor"})]
    assert token not in bellhop("tokens", "list").output
    assert "editor of checkout" in bellhop("tokens", "list").output
    assert json.loads(bellhop("tokens", "add", "x", "--json").output)["token"].startswith("bh_")
    assert bellhop("tokens", "revoke", "terraform").exit_code == 0
    assert "there is no token" in bellhop("tokens", "revoke", "terraform").output


def test_what_was_done_at_the_shell_is_in_the_audit_log():
    """With the shell's user, without passwords and tokens; narrowed down by app and who."""
    add("bob", "--app", "checkout", "--role", "editor")
    token = bellhop("tokens", "add", "terraform").output.strip()
    entries = json.loads(bellhop("audit", "--json").output)
    assert [(e["kind"], e["what"], e["subject"], e["detail"]) for e in entries] == [
        ("shell", "token.added", "terraform", "viewer of *"),
        ("shell", "user.added", "bob", "editor of checkout"),
    ]
    assert token not in json.dumps(entries)
    shown = bellhop("audit").output
    assert "user.added" in shown
    assert json.loads(bellhop("audit", "--json", "--app", "checkout").output) == []
    assert json.loads(bellhop("audit", "--json", "--who", "nobody").output) == []
    assert len(json.loads(bellhop("audit", "--json", "--limit", "1").output)) == 1
