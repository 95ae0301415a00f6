"""Stored secrets that a form leaves alone stay where they were meant to go."""

from __future__ import annotations

import pytest
from channels.conftest import CASES
from pydantic import SecretStr

from worker.channels import CHANNELS
from worker.channels.channel import Channel, ChannelSettings, HttpUrl
from worker.kept_secrets import misled_secrets
from worker.messages import HttpPost
from worker.settings_fields import settings_from_pairs

TOKEN = "Canary5ecretTokenOfForty0Characters00000"
SAMPLES = {
    "hipchat": {"token": TOKEN, "room": "Ops", "base_url": "https://hipchat.example.com"},
    "slack": {"token": "xoxb-canary", "channel": "#ops"},
    "email": {"to": "a@b.c", "from": "d@e.f", "host": "smtp.example.com", "username": "u", "password": "canary-pw"},
    "pagerduty": {"routing_key": "a1" * 16},
    "nagios": {"host": "nagios.example.com", "password": "canary-pw", "encryption_method": "14"},
    "webhook": {"url": "https://example.com/hook", "headers.Authorization": "canary-header"},
}
KEPT = ["settings.secret"]


def misled(kind_name, /, **changes):
    """What is said when these settings of a sample are changed and its secrets are not."""
    kind, pairs = CHANNELS[kind_name], SAMPLES[kind_name]
    changed = {**pairs, **{name.replace("__", "."): value for name, value in changes.items()}}
    changed = {name: value for name, value in changed.items() if value is not None}
    return misled_secrets(kind, settings_from_pairs(pairs, kind), settings_from_pairs(changed, kind), KEPT)


@pytest.mark.parametrize(
    ("channel", "changes"),
    [
        ("hipchat", {"base_url": "https://evil.example"}),
        ("hipchat", {"base_url": None}),
        ("hipchat", {"base_url": "https://hipchat.example.com:8443"}),
        ("hipchat", {"base_url": "https://hipchat.example.com/elsewhere"}),
        ("hipchat", {"base_url": "http://hipchat.example.com"}),
        ("hipchat", {"verify_tls": "false"}),
        ("hipchat", {"ca_file": "/tmp/mine.pem"}),
        ("slack", {"api_url": "https://evil.example/api"}),
        ("slack", {"api_url": "http://slack.com:443/api"}),
        ("email", {"host": "smtp.evil.example"}),
        ("email", {"port": "2525"}),
        ("email", {"security": "none"}),
        ("email", {"verify_tls": "false"}),
        ("pagerduty", {"api_url": "https://evil.example"}),
        ("pagerduty", {"region": "eu"}),
        ("nagios", {"host": "evil.example"}),
        ("nagios", {"port": "6667"}),
        ("nagios", {"encryption_method": "1"}),
        ("webhook", {"url": "https://evil.example/hook"}),
        ("webhook", {"url": "https://example.com/another-customers-hook"}),
        ("webhook", {"verify_tls": "false"}),
        ("webhook", {"body": "{{ 1 / 0 }}"}),
    ],
)
def test_a_secret_has_to_be_typed_again_where_it_would_go_elsewhere(channel, changes):
    """Another host, port, path or way, or one that others can read along, is not for a secret that was kept."""
    (problem,) = misled(channel, **changes)
    assert problem.startswith("settings.secret: type it again: what is stored was given for another ")
    assert "evil" not in problem


@pytest.mark.parametrize(
    ("channel", "changes"),
    [
        ("hipchat", {"room": "Another Room", "notify": "true", "from": "Bellhop", "message_format": "html"}),
        ("slack", {"channel": "#others", "on_resolved": "message"}),
        ("email", {"to": "x@y.z", "subject_prefix": "[prod]", "port": "587"}),
        ("nagios", {"service_name": "Alerts", "unknown_host": "bellhop", "check": "host"}),
        ("webhook", {"method": "PUT", "headers__X-New": "value", "params__app": "$applicationId"}),
    ],
)
def test_what_does_not_lead_elsewhere_keeps_them(channel, changes):
    """Rooms, recipients and words may be changed by who does not know the secret."""
    assert misled(channel, **changes) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_changed_is_nothing_to_type_again(case):
    """In every channel, whichever way it goes; and where no secret was kept there is nothing to say."""
    assert misled_secrets(case.channel, case.settings, case.settings, KEPT) == []
    elsewhere = case.settings.model_copy(update={"url": "x", "host": "x", "base_url": SecretStr("x")})
    assert misled_secrets(case.channel, case.settings, elsewhere, []) == []


def test_tls_that_is_verified_again_keeps_them():
    """What makes a way safer needs no secret."""
    kind = CHANNELS["webhook"]
    before, after = (
        settings_from_pairs(SAMPLES["webhook"] | {"verify_tls": verified}, kind) for verified in ("false", "true")
    )
    assert misled_secrets(kind, before, after, KEPT) == []


class Proxy(ChannelSettings):
    url: HttpUrl


class ProxiedSettings(ChannelSettings):
    token: SecretStr
    proxy: Proxy


PROXIED = Channel(
    "proxied", "Proxied", ProxiedSettings, lambda _notice, _settings: HttpPost("https://x.example/", "POST x")
)


def test_an_address_within_a_model_counts():
    """A setting that leads elsewhere is found in whatever depth, by its name."""
    before, after = (
        ProxiedSettings(token=SecretStr("canary"), proxy=Proxy(url=url)) for url in ("https://a.b", "https://c.d")
    )
    (problem,) = misled_secrets(PROXIED, before, after, KEPT)
    assert problem.endswith("for another proxy.url")
