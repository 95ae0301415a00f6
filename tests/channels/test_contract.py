"""What every channel must hold, run over all of `CHANNELS` with the samples in `samples/`."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import SecretStr, ValidationError
from rich.pretty import pretty_repr

from worker.address_fields import address_warning, aim_of, field_of
from worker.allow_list import AllowList, parsed
from worker.channels import CHANNELS
from worker.channels.secrecy import secrets_of
from worker.messages import Failure, HttpPost, Reply
from worker.models import Kind, Reason, Severity, Status
from worker.settings_tree import written_fields
from worker.shown_request import shown_request

CANARY = "canary"
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_every_channel_is_listed_under_its_name_and_sampled(cases):
    """A new channel without a sample, or under another name than its own, does not pass."""
    assert {case.channel.name for case in cases} == set(CHANNELS)
    assert all(name == channel.name and channel.label for name, channel in CHANNELS.items())


def test_composes_every_status_and_severity(case, make_event, make_least_event, make_notice):
    """Whatever happened, however little or much the event says, on time, late, or as a test, there is a message."""
    for make, status, severity in product((make_event, make_least_event), Status, Severity):
        for changes in ({}, {"test": True}, {"late_s": 720.0, "attempt": 7}):
            notice = make_notice(make(status=status, severity=severity), **changes)
            message = case.channel.compose(notice, case.settings)
            case.check_limits(message)
            assert message.label


@QUICK
@given(data=st.data())
def test_clips_to_the_limits_whatever_the_event_holds(case, events, make_notice, data):
    """Huge texts, control characters, emoji and right-to-left text stay within the vendor's limits."""
    message = case.channel.compose(make_notice(data.draw(events)), case.settings)
    case.check_limits(message)


@QUICK
@given(data=st.data())
def test_composing_is_pure(case, events, make_notice, data):
    """The same notice and settings give the same message: nothing comes from a clock, a dice or a counter."""
    notice = make_notice(data.draw(events))
    assert case.channel.compose(notice, case.settings) == case.channel.compose(notice, case.settings)


@QUICK
@given(data=st.data())
def test_http_requests_can_be_sent(http_case, events, make_notice, data):
    """The address is ASCII without a fragment, and no header can be broken out of."""
    message = http_case.channel.compose(make_notice(data.draw(events)), http_case.settings)
    assert message.url.isascii()
    assert message.url.isprintable()
    assert "#" not in message.url
    assert " " not in message.url
    assert all(name.isascii() and value.isprintable() for name, value in message.headers.items())


def test_a_test_message_says_so(case, make_event, make_notice, as_text):
    """Nobody is alarmed by somebody who pressed Test; only an owner's own wording may leave it out."""
    text = as_text(case.channel.compose(make_notice(make_event(), test=True), case.settings))
    assert "test" in text.lower()
    assert text != as_text(case.channel.compose(make_notice(make_event()), case.settings))


def test_unknown_settings_are_refused(case):
    """A misspelt field is an error, not a setting that is silently without effect."""
    with pytest.raises(ValidationError, match="no_such_field"):
        case.channel.settings.model_validate(case.raw | {"no_such_field": 1})


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda channel: channel.name)
def test_every_field_has_a_title_and_a_description(channel):
    """The console's form and the docs are made from them."""
    for name, field in channel.settings.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.description.rstrip().endswith((".", "…", "…`.", "=…")), name


def test_settings_survive_export_and_import(case):
    """What is exported, secrets revealed, is what can be applied again."""

    def revealed(value):
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, dict):
            return {name: revealed(part) for name, part in value.items()}
        return [revealed(part) for part in value] if isinstance(value, list | tuple) else value

    exported = revealed(case.settings.model_dump(by_alias=True))
    assert case.channel.settings.model_validate(exported) == case.settings


def test_sampled_secrets_hold_the_canary(case):
    """Else the tests on secrecy would look for nothing."""
    assert all(CANARY in secret.lower() for secret in secrets_of(case.settings))


def test_no_secret_in_what_is_shown(case, make_event, make_notice):
    """Settings, messages and labels may be logged."""
    message = case.channel.compose(make_notice(make_event()), case.settings)
    limits, warnings = case.channel.limits(case.settings), case.channel.warnings(case.settings)
    secrets = " ".join(secrets_of(case.settings))
    reply = Reply(status=400, body=secrets.encode(), headers={"location": secrets}, refused={"a": secrets})
    for shown in (case.settings, message, message.label, limits, warnings, reply):
        assert CANARY not in repr(shown).lower()
        assert CANARY not in pretty_repr(shown).lower()
        assert CANARY not in str(shown).lower()


def refusal(case, name, value) -> str:
    """What a form or a log would show of settings with one value that is wrong."""
    try:
        case.channel.settings.model_validate(case.raw | {name: value})
    except ValidationError as error:
        return f"{error}\n{error.errors(include_input=False)}"
    return ""


def test_no_secret_in_what_is_refused(case):
    """An error on settings does not show what was typed, whichever field is wrong."""
    refusals = [
        refusal(case, name, wrong)
        for name, right in case.raw.items()
        for wrong in (f"canary {right}\n\x00", f"canary://{right}", f"https://canary:{right}@x", ["canary"], {"x": -1})
    ]
    assert any(refusals)
    assert not [text for text in refusals if CANARY in text.lower()]


@pytest.mark.parametrize("status", [200, 202, 250, 302, 400, 401, 403, 404, 429, 500, 550])
def test_no_secret_in_a_verdict_whatever_the_vendor_echoes(case, make_event, make_notice, status):
    """Vendors quote requests in their errors; results and logs must not quote them further."""
    message = case.channel.compose(make_notice(make_event()), case.settings)
    secrets = list(secrets_of(case.settings))
    said = [" ".join(secrets), *(f"Cannot POST {secret}" for secret in secrets)]
    if isinstance(message, HttpPost):
        said += [repr(dict(message.headers)), message.url, message.url.partition("//")[2].partition("/")[2]]
    bodies = [text.encode() for text in said] + [
        b'{"error": {"message": "%b", "type": "x"}, "message": "%b", "errors": ["%b"], "ok": false}'
        % ((text.replace('"', "'").encode(),) * 3)
        for text in said
    ]
    for body in bodies:
        verdict = case.channel.judge(Reply(status=status, body=body), case.settings)
        assert CANARY not in verdict.detail.lower()


def test_success_is_delivered(case):
    """The reply that the vendor documents is taken for what it is."""
    verdict = case.channel.judge(case.success, case.settings)
    assert verdict.kind is Kind.DELIVERED
    assert verdict.status_code == case.success.status


def standard(status: int) -> tuple[Kind, Reason]:
    """What the standard says of a status."""
    named = {
        401: (Kind.PERMANENT, Reason.UNAUTHORIZED),
        403: (Kind.PERMANENT, Reason.UNAUTHORIZED),
        404: (Kind.PERMANENT, Reason.NOT_FOUND),
        408: (Kind.RETRYABLE, Reason.SERVER_ERROR),
        410: (Kind.PERMANENT, Reason.NOT_FOUND),
        425: (Kind.RETRYABLE, Reason.SERVER_ERROR),
        429: (Kind.RATE_LIMITED, Reason.RATE_LIMITED),
    }
    hundreds = {
        1: (Kind.RETRYABLE, Reason.BAD_REPLY),
        2: (Kind.DELIVERED, Reason.OK),
        3: (Kind.PERMANENT, Reason.REDIRECTED),
        4: (Kind.PERMANENT, Reason.CLIENT_ERROR),
        5: (Kind.RETRYABLE, Reason.SERVER_ERROR),
    }
    return named.get(status, hundreds[status // 100])


def test_every_http_status_gives_the_intended_verdict(http_case):
    """100 to 599: delivered, retried, waited for or given up, as the vendor's page or the standard has it."""
    for status in range(100, 600):
        reply = replace(http_case.success, status=status)
        verdict = http_case.channel.judge(reply, http_case.settings)
        assert (verdict.kind, verdict.reason) == http_case.statuses.get(status, standard(status)), status
        assert verdict.status_code == status


@pytest.mark.parametrize(
    ("failure", "kind", "reason"),
    [
        (Failure.CONNECT, Kind.RETRYABLE, Reason.CONNECT_FAILED),
        (Failure.TIMEOUT, Kind.RETRYABLE, Reason.TIMED_OUT),
        (Failure.NO_ANSWER, Kind.AMBIGUOUS, Reason.NO_ANSWER),
        (Failure.TLS, Kind.PERMANENT, Reason.TLS_REFUSED),
        (Failure.ADDRESS, Kind.PERMANENT, Reason.BAD_ADDRESS),
    ],
)
def test_every_failure_gives_the_intended_verdict(case, failure, kind, reason):
    """Time-outs and resets are retried, what went out without an answer is ambiguous, the rest is given up."""
    verdict = case.channel.judge(Reply(failure=failure, detail="why"), case.settings)
    assert (verdict.kind, verdict.reason, verdict.detail) == (kind, reason, "why")


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(http_case, status):
    """As seconds, as a date against the reply's own clock, and as a date where the reply has no clock."""

    def judged(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return http_case.channel.judge(Reply(status=status, headers=headers), http_case.settings)

    date, later = "Mon, 23 Nov 2026 14:05:00 GMT", "Mon, 23 Nov 2026 14:06:30 GMT"
    assert judged(retry_after="17").retry_after_s == 17
    assert judged(retry_after=later, date=date).retry_after_s == 90
    assert judged(retry_after=later).retry_at == 1_795_442_790
    assert judged(retry_after="soon").retry_after_s is None
    assert judged().retry_after_s is None


@settings(max_examples=50, deadline=None)
@given(
    status=st.integers(100, 599),
    body=st.binary(max_size=200) | st.text(max_size=80).map(str.encode),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-ratelimit-reset", "x-ratelimit-remaining", "x-floodcontrol-reset"]),
        st.text(max_size=20) | st.integers().map(str) | st.sampled_from(["nan", "inf", "-1", "1e999"]),
    ),
)
def test_no_reply_is_too_strange_to_judge(case, status, body, headers):
    """A vendor cannot make a channel fail, whatever it sends."""
    verdict = case.channel.judge(Reply(status=status, body=body, headers=headers), case.settings)
    assert verdict.kind in Kind
    assert verdict.detail.isprintable()
    assert len(verdict.detail) <= 1000


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b"1", b'{"error": 1}', b'{"ok": "x"}', b'{"errors": 1}', b'{"error": {"message": []}}']
)
def test_json_of_another_shape_is_judged(case, body):
    """Nor can JSON that is not what the vendor's page says."""
    for status in (200, 202, 400):
        assert case.channel.judge(Reply(status=status, body=body), case.settings).kind in Kind


@pytest.mark.parametrize("what", ["firing", "resolved", "least"])
def test_requests_are_as_recorded(case, what, recorded_notices, same_as_golden):
    """Method, address, headers and body, byte by byte."""
    message = case.channel.compose(recorded_notices[what], case.settings)
    same_as_golden(f"{case}.{what}", message)


LOOPBACK = "127.0.0.7"


def aimed_at_loopback(case, name, text, notice):
    """The settings with `text` in one field, and the message that they compose, where it goes to loopback."""
    try:
        settings = case.channel.settings.model_validate(case.raw | {name: text})
        message = case.channel.compose(notice, settings)
    except ValueError:
        return None
    return (settings, message) if (aim_of(message) or ("",))[0] == LOOPBACK else None


def test_a_refused_address_is_told_with_its_setting(case, make_event, make_notice):
    """Whichever setting leads a channel's messages to an address: it is known by its type, and warnings name it."""
    notice = make_notice(make_event())
    for name in written_fields(case.channel.settings):
        for text in (LOOPBACK, f"http://{LOOPBACK}:81/v2/room/1/notification?auth_token=canary", f"{LOOPBACK}:81"):
            led = aimed_at_loopback(case, name, text, notice)
            if led is not None:
                warning = address_warning(case.channel, led[0], notice, AllowList())
                assert field_of(led[1], led[0]) == f"settings.{name}"
                assert warning.startswith(f"settings.{name}: {LOOPBACK} is not a public address")
                assert address_warning(case.channel, led[0], notice, AllowList([parsed(LOOPBACK)])) is None


def test_what_was_sent_can_be_shown(case, make_notice, make_event):
    """A request is readable, and none of the settings' secrets is in it, however the channel writes it."""
    notice = make_notice(make_event(), test=True)
    shown = shown_request(case.channel.compose(notice, case.settings), case.settings)
    assert CANARY not in repr(shown).lower()
    assert shown.method
    assert shown.address
    assert "Disk" in shown.body or case.variant in {"query", "form", "json"}


def test_form_hints_name_fields(case):
    """What a channel says of its form is about fields that it has, and values that they may have."""
    fields, hints = written_fields(case.channel.settings), case.channel.form
    named = {*hints.first, *hints.marked, *hints.only_with, *(other for other, _ in hints.only_with.values())}
    assert named <= set(fields)
    assert len(set(hints.first)) == len(hints.first)
    for name, field in fields.items():
        assert not (field.is_required() and hints.first and name not in hints.first), "required, and folded away"
    for other, value in hints.only_with.values():
        assert value in list(fields[other].annotation)
