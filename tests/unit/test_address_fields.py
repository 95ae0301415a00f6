"""Which setting sends a message where it goes, and what is said of it when it is saved."""

from __future__ import annotations

import pytest

from worker.address_fields import address_fields, aim_of, field_of
from worker.allow_list import AllowList, parsed
from worker.appsfile import read_apps, warnings_of
from worker.channels import CHANNELS
from worker.messages import CommandLine, HttpPost, Mail, MailSecurity
from worker.settings_fields import settings_from_pairs

FILE = """
apps:
  a:
    destinations:
      hook: {channel: webhook, settings: {url: "http://10.0.0.5/secret-path"}}
      mail: {channel: email, settings: {to: a@b.c, from: d@e.f, host: "127.0.0.1"}}
      nsca: {channel: nagios, settings: {host: "fd00::1", unknown_host: x, encryption_method: 14}}
      local: {channel: slack, settings: {webhook_url: "https://a.LOCALHOST./x"}}
      unused: {channel: slack, settings: {webhook_url: "https://8.8.8.8/x", api_url: "http://10.0.0.6"}}
      named: {channel: webhook, settings: {url: "https://inside.corp/"}}
      public: {channel: webhook, settings: {url: "https://[2606:4700::1111]/"}}
      meta: {channel: webhook, settings: {url: "http://168.63.129.16/"}}
"""


def warned(*entries: str) -> dict[str, str]:
    """Destination -> what is said of it, with these entries allowed."""
    warnings = warnings_of(read_apps(FILE, {}), allowed=AllowList(map(parsed, entries)))
    found = [warning.removeprefix("apps.a.destinations.").split(".settings.") for warning in warnings]
    return {name: rest[0] for name, *rest in found if rest}


def test_what_is_refused_for_sure_is_told_when_it_is_saved():
    """By path, field and address: literals and localhost, of the fields that are used; names are for Test."""
    assert {name: words.partition(" is ")[0] for name, words in warned().items()} == {
        "hook": "url: 10.0.0.5",
        "mail": "host: 127.0.0.1",
        "nsca": "host: fd00::1",
        "local": "webhook_url: a.localhost.",
        "meta": "url: 168.63.129.16",
    }
    assert warned()["hook"] == (
        "url: 10.0.0.5 is not a public address (private use, RFC 1918); "
        "an operator can allow it with BELLHOP_ALLOWED_ADDRESSES (the workers' setting is what counts)"
    )


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        (["10.0.0.0/8", "127.0.0.1", "fd00::/8", "*.localhost", "168.63.129.16"], set()),
        (["10.0.0.0/8:80", "127.0.0.1:587", "[fd00::/8]:5667", "[::1]:443"], {"meta"}),
        (["10.0.0.0/8:443", "127.0.0.1:25", "[fd00::/8]:443"], {"hook", "mail", "nsca", "local", "meta"}),
    ],
)
def test_what_the_operator_allows_is_not_warned_of(entries, left):
    """By network, host and the port that a message really goes to."""
    assert set(warned(*entries)) == left


def test_without_an_allow_list_addresses_are_not_looked_at():
    """The channels' own warnings stay."""
    assert warnings_of(read_apps(FILE, {})) == []


def test_fields_are_found_by_type_and_named_as_they_are_written():
    """Only those that are filled in, with their hosts in lower case; a default counts."""
    slack = settings_from_pairs({"token": "xoxb-1", "channel": "#x"}, CHANNELS["slack"])
    hipchat = settings_from_pairs(
        {"base_url": "https://H.example:8443/x", "room": "1", "token": "t"}, CHANNELS["hipchat"]
    )
    assert list(address_fields(slack)) == [("api_url", "slack.com")]
    assert list(address_fields(hipchat)) == [("base_url", "h.example")]


def test_a_message_tells_where_it_goes():
    """Host and port, the scheme's where none is written; a file has neither."""
    mail = Mail(host="Mx.Example", port=25, security=MailSecurity.NONE, sender="", recipients=(), data=b"")
    assert aim_of(mail) == ("mx.example", 25)
    assert aim_of(HttpPost(url="https://a.example/x", label="")) == ("a.example", 443)
    assert aim_of(HttpPost(url="http://[::1]:81/x", label="")) == ("::1", 81)
    assert aim_of(CommandLine(path="/x", line="y")) is None
    settings = settings_from_pairs({"url": "https://other.example"}, CHANNELS["webhook"])
    assert field_of(mail, settings) == "settings"
