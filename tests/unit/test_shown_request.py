"""A message as people may see it: decoded, bounded, and without any form of a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.channels import CHANNELS
from worker.models import Event, Notice
from worker.settings_fields import settings_from_pairs
from worker.shown_request import BODY_CHARS, shown_request

URL = "https://hooks.example.com/services/T0CANARY/B0CANARY?token=c a&plain"


def shown(kind_name, /, **pairs):
    """What is shown of an alert by these settings."""
    kind = CHANNELS[kind_name]
    settings = settings_from_pairs({name.replace("__", "."): value for name, value in pairs.items()}, kind)
    event = Event("shop", "1", "Disk full", 1.0, 1.0, "shop:1", message="x" * 30_000, tags={"host": "db"})
    return shown_request(kind.compose(Notice(event, "1", 1, 1.0), settings), settings)


def test_a_form_is_decoded():
    """One parameter per line; a secret with spaces, which forms write as plus signs, is hidden like any other."""
    request = shown(
        "webhook", url="https://x.example/h", send_as="form", params__t="$applicationToken", application_token="a b c"
    )
    assert request.body.splitlines()[0] == "t=***"
    nrdp = shown("nagios", via="nrdp", url="https://x.example/nrdp", token="my own secret token", unknown_host="x")
    assert "token=***\ncmd=submitcheck" in nrdp.body


def test_an_address_shows_its_host_alone():
    """The pieces of a secret address are hidden; the host, which every label shows, is not."""
    request = shown("webhook", url=URL.replace(" ", "%20"))
    assert request.address.startswith("https://hooks.example.com/***")
    assert "CANARY" not in repr(request)
    slack = shown("slack", webhook_url="https://hooks.slack.com/services/T0/B0/cAnArYcAnArY")
    assert slack.address == "https://hooks.slack.com/***"


def test_mail_shows_its_headers_and_its_text():
    """How it is protected and who logs in are told; the password is not."""
    pairs = {"to": "a@b.c", "from": "d@e.f", "host": "smtp.example.com", "username": "u", "password": "canary-pw"}
    request = shown("email", **pairs)
    assert (request.method, request.address) == ("SMTP", "smtp.example.com:587")
    assert request.headers["Security"] == "starttls"
    assert (request.headers["User name"], request.headers["Password"]) == ("u", "***")
    assert request.headers["To"] == "a@b.c"
    assert request.body.startswith("Disk full") or "xxx" in request.body


def test_nagios_by_packet_and_file():
    """What the check result says, and where it goes."""
    packet = shown("nagios", host="n.example.com", password="canary-pw")
    assert (packet.method, packet.address) == ("NSCA", "n.example.com:5667")
    assert packet.headers == {"Host": "db", "Service": "Bellhop alerts", "State": "1"}
    line = shown("nagios", via="command_file", path="/run/nagios.cmd")
    assert (line.method, line.address) == ("command file", "/run/nagios.cmd")
    assert line.body.startswith("PROCESS_SERVICE_CHECK_RESULT;db;Bellhop alerts;1;")


def test_a_long_body_is_cut():
    """What is shown is bounded, and says that it was cut."""
    request = shown("webhook", url="https://x.example/h", params__m="$description")
    assert len(request.body) == BODY_CHARS + 1
    assert request.body.endswith("…")


@pytest.mark.parametrize("how", ["json", "form", "query", "template"])
@given(secret=st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and text.strip("*")))
def test_whatever_the_secret_is_it_is_not_shown(how, secret):
    """Short ones, too, and those that every way of writing writes otherwise."""
    pairs = {"url": "https://x.example/h", "application_token": f"<{secret}>", "params__t": "-$applicationToken-"}
    if how == "template":
        pairs.pop("params__t")
        pairs |= {"headers__X-Key": "key", "body": "plain {{ headline }}"}
    elif how == "query":
        pairs |= {"method": "GET", "send_as": "query"}
    else:
        pairs["send_as"] = how
    request = shown("webhook", **pairs)
    assert f"<{secret}>" not in f"{request.body} {request.address} {request.headers}"
    if how != "template":
        assert "-***-" in f"{request.body} {request.address}"
