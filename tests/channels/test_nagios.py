"""Nagios: hosts, services, states and words, which settings are refused, and NRDP's answers."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import Settings
from worker.channels.nagios import CHANNEL, compose, judge
from worker.channels.nagios_check import escaped, host_name, service_name, state_of
from worker.channels.nagios_settings import Check, NagiosSettings
from worker.messages import Reply
from worker.models import Kind, Metric, Reason, Severity, Status
from worker.transports import Carrier

NSCA = {"host": "nagios.example.com"}
NRDP = {"via": "nrdp", "url": "https://nagios.example.com/nrdp/", "token": "s3cret-token"}
FILE = {"via": "command_file", "path": "/var/nagios/nagios.cmd"}


def made(raw=None, **changes) -> NagiosSettings:
    """Valid settings, changed as told."""
    return NagiosSettings.model_validate((raw or NSCA) | changes)


@pytest.mark.parametrize(
    ("tags", "changes", "host"),
    [
        ({"host": "db-1"}, {}, "db-1"),
        ({"host": "db-1"}, {"known_hosts": "db-1, db-2", "catch_all_host": "others"}, "db-1"),
        ({"host": "db-3"}, {"known_hosts": ["db-1", "db-2"], "catch_all_host": "others"}, "others"),
        ({}, {"unknown_host": "nobody"}, "nobody"),
        ({"host": " \n"}, {"unknown_host": "nobody"}, "nobody"),
        ({"node": "n1"}, {"host_tag": "node"}, "n1"),
        ({"host": "a;1;0;x\n[1] SHUTDOWN_PROGRAM"}, {}, "a,1,0,x [1] SHUTDOWN_PROGRAM"),
    ],
)
def test_host_is_the_events_or_a_stand_in(make_event, tags, changes, host):
    """The tag names the host; what names none or one that Nagios does not know goes to its stand-in."""
    assert host_name(make_event(tags=tags), made(**changes)) == host


def test_event_without_a_host_and_without_a_stand_in(make_event, make_notice):
    """Where nobody said which host, the attempt fails in words instead of vanishing in Nagios' log."""
    with pytest.raises(ValueError, match="unknown_host is not set"):
        compose(make_notice(make_event(tags={})), made())
    assert "unknown_host" in CHANNEL.warnings(made())[0]


def test_service_name_takes_rule_and_app(make_event):
    """`$rule` and `$app` become the event's, and nothing in them can break out of the field or be replaced again."""
    event = make_event(rule="disk; $app", app="shop")

    assert service_name(event, made()) == "Bellhop alerts"
    assert service_name(event, made(service_name="$app: $rule ($rules)")) == "shop: disk, $app ($rules)"
    assert service_name(make_event(rule=""), made(service_name="$rule")) == "Bellhop alerts"
    assert service_name(event, made(check="host")) == ""


@pytest.mark.parametrize(
    ("severity", "service"),
    [(Severity.INFO, 0), (Severity.WARNING, 1), (Severity.ERROR, 2), (Severity.CRITICAL, 2)],
)
def test_states(make_event, severity, service):
    """Services go by severity, hosts are up or down, and what is resolved is fine."""
    firing, resolved = make_event(severity=severity), make_event(severity=severity, status=Status.RESOLVED)

    assert (state_of(firing, Check.SERVICE), state_of(firing, Check.HOST)) == (service, 1)
    assert (state_of(resolved, Check.SERVICE), state_of(resolved, Check.HOST)) == (0, 0)


def test_output_is_one_line_with_the_measurement(make_event, make_notice):
    """The headline, the measurement behind a bar, and the rest behind escaped line ends; other bars are replaced."""
    event = make_event(
        title="a | b", message="C:\\new\nline", metric=Metric(name="used' %|;", value=1.5), tags={"host": "h"}
    )
    text = compose(make_notice(event), made()).output

    assert text.startswith(r"[CRITICAL] a ¦ b | 'used_ ___'=1.5\nC:\\new\nline\n")
    assert text.count("|") == 1
    assert "\n" not in text


@given(text=st.text(), limit=st.integers(0, 60))
def test_escaping_can_be_undone_and_keeps_to_its_limit(text, limit):
    """Nagios' way of unescaping gives a beginning of the text, all of it where there is room."""
    line = escaped(text, limit)

    pieces = iter(line)
    undone = "".join({"n": "\n", "\\": "\\"}[next(pieces)] if c == "\\" else c for c in pieces)
    assert "\n" not in line
    assert len(line.encode()) <= limit
    assert text.startswith(undone)
    assert undone == text or len(line.encode()) > limit - 4


@pytest.mark.parametrize("size", [4304, 720])
def test_long_texts_fill_the_packet_and_no_more(make_event, make_notice, size):
    """Of 64 KiB as much as the packet holds arrives, without half a character at the end."""
    message = compose(make_notice(make_event(message="é" * 32_000)), made(packet_bytes=size))

    room = 4095 if size == 4304 else 511
    assert room - 1 <= len(message.output.encode()) <= room


@pytest.mark.parametrize(
    ("raw", "changes", "said"),
    [
        ({}, {"via": "nsca"}, "host must be set with via: nsca"),
        ({}, {"via": "nrdp"}, "url and token must be set with via: nrdp"),
        ({}, {"via": "command_file"}, "path must be set with via: command_file"),
        (NSCA, {"token": "x", "path": "/x"}, "token and path cannot be set with via: nsca"),
        (NRDP, {"host": "h", "packet_bytes": 720}, "host and packet_bytes cannot be set with via: nrdp"),
        (FILE, {"verify_tls": False}, "verify_tls cannot be set with via: command_file"),
        (NSCA, {"known_hosts": ["a"]}, "catch_all_host must be set with known_hosts"),
        (NSCA, {"encryption_method": 2}, "encryption_method"),
        (NSCA, {"packet_bytes": 100}, "packet_bytes"),
        (NSCA, {"port": 0}, "port"),
        (NSCA, {"host": "nsca://h"}, "without a scheme"),
        (NSCA, {"service_name": "a;b"}, "semicolons"),
        (NSCA, {"unknown_host": "a\nb"}, "control characters"),
        (NSCA, {"via": "send_nsca"}, "via"),
        (NRDP, {"url": "ftp://x/"}, "https://"),
        (FILE, {"path": "nagios.cmd"}, "absolute path"),
    ],
)
def test_wrong_settings_are_refused(raw, changes, said):
    """What is missing, foreign to the chosen way, or unusable is named when it is saved."""
    with pytest.raises(ValidationError, match=said):
        NagiosSettings.model_validate(raw | changes)


def test_numbers_may_come_as_text():
    """Forms and `--set` hand over text."""
    settings = made(encryption_method="14", packet_bytes="720", port="5668")

    assert (settings.encryption_method, settings.packet_bytes, settings.port) == (14, 720, 5668)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://n.example/nrdp", "https://n.example/nrdp/"),
        ("https://n.example/nrdp/", "https://n.example/nrdp/"),
        ("https://n.example", "https://n.example/"),
        ("https://n.example/nrdp/index.php", "https://n.example/nrdp/index.php"),
    ],
)
def test_nrdp_address_needs_no_redirect(make_event, make_notice, url, sent):
    """A folder is asked for with its slash, since redirects are not followed."""
    assert compose(make_notice(make_event()), made(NRDP, url=url)).url == sent


def test_nrdp_form(make_event, make_notice):
    """The form's fields are NRDP's, and the token is in the body only."""
    message = compose(make_notice(make_event()), made(NRDP))

    form = parse_qs(message.body.decode())
    (result,) = json.loads(form["json"][0])["checkresults"]
    assert (form["token"], form["cmd"]) == (["s3cret-token"], ["submitcheck"])
    assert result["checkresult"] == {"type": "service"}
    assert (result["hostname"], result["servicename"], result["state"]) == ("db-1", "Bellhop alerts", "2")
    assert "s3cret-token" not in message.url


def answer(status, message) -> bytes:
    """What NRDP says, always with HTTP status 200."""
    return json.dumps({"result": {"status": status, "message": message}}).encode()


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (answer(0, "OK"), Kind.DELIVERED, Reason.OK),
        (answer("0", "OK"), Kind.DELIVERED, Reason.OK),
        (answer(-1, "BAD TOKEN"), Kind.PERMANENT, Reason.UNAUTHORIZED),
        (answer(-1, "NO TOKEN"), Kind.PERMANENT, Reason.UNAUTHORIZED),
        (answer(-1, "NOT AUTHENTICATED"), Kind.PERMANENT, Reason.UNAUTHORIZED),
        (answer(-1, "BAD JSON"), Kind.PERMANENT, Reason.CLIENT_ERROR),
        (answer(-1, "NO CHECK RESULTS DIR"), Kind.PERMANENT, Reason.CLIENT_ERROR),
        (b'{"result": {}}', Kind.PERMANENT, Reason.BAD_REPLY),
        (b"<html>Welcome</html>", Kind.PERMANENT, Reason.BAD_REPLY),
        (b"", Kind.PERMANENT, Reason.BAD_REPLY),
    ],
)
def test_nrdp_answers(body, kind, reason):
    """What counts is `result.status`, not the 200 around it."""
    verdict = judge(Reply(status=200, body=body), made(NRDP))

    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("raw", "words"),
    [(NSCA, "connected; NSCA does not confirm"), (FILE, "written; the command file does not confirm")],
)
def test_ways_without_an_answer_say_so(raw, words):
    """NSCA and the command file are delivered, unconfirmed, and Test says just that."""
    verdict = judge(Reply(), made(raw))

    assert (verdict.kind, verdict.reason, verdict.detail) == (Kind.DELIVERED, Reason.UNCONFIRMED, words)
    assert not CHANNEL.confirms


async def test_nrdp_over_the_wire(make_event, make_notice):
    """A server that does what NRDP does takes the result, and refuses another token, both with a 200."""

    async def nrdp(request):
        form = await request.post()
        if form["token"] != "s3cret-token":
            return web.json_response({"result": {"status": -1, "message": "BAD TOKEN"}})
        count = len(json.loads(form["json"])["checkresults"])
        return web.json_response(
            {"result": {"status": 0, "message": "OK", "meta": {"output": f"{count} checks processed"}}}
        )

    app = web.Application()
    app.router.add_post("/nrdp/", nrdp)
    carrier = Carrier(Settings(_env_file=None, allowed_addresses="127.0.0.0/8"))
    verdicts = []
    async with TestServer(app) as server:
        for token in ("s3cret-token", "other-token"):
            settings = made(NRDP, url=str(server.make_url("/nrdp")), token=token)
            reply = await carrier.carry(compose(make_notice(make_event()), settings))
            verdicts.append(judge(reply, settings))
    await carrier.close()

    assert (verdicts[0].kind, verdicts[0].reason) == (Kind.DELIVERED, Reason.OK)
    assert (verdicts[1].reason, verdicts[1].detail) == (Reason.UNAUTHORIZED, "BAD TOKEN")
