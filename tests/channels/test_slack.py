"""Slack: the two ways, threads, markup that cannot be broken out of, and answers in words."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.channels.slack import CHANNEL, SlackSettings, compose
from worker.messages import Reply
from worker.models import Kind, Link, Reason, Status

HOOK = {"webhook_url": "https://hooks.slack.com/services/T0CANARY/B0CANARY/CanaryCanary1"}
API = {"token": "xoxb-Canary-token-1", "channel": "#ops"}


def composed(notice, **fields):
    """Address and body of what is posted."""
    message = compose(notice, SlackSettings.model_validate(fields))
    return message.url, json.loads(message.body)


def judged(fields, status, body=b"", headers=None):
    """The verdict on a reply."""
    return CHANNEL.judge(Reply(status=status, body=body, headers=headers or {}), SlackSettings.model_validate(fields))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "exactly one of the two ways"),
        (HOOK | API, "exactly one of the two ways"),
        ({"token": "xoxb-Canary"}, "channel: is required"),
        ({"webhook_url": "hooks.slack.com/services"}, "begins with https"),
        (API | {"on_resolved": "delete"}, "thread"),
    ],
)
def test_exactly_one_way_is_configured(fields, problem):
    """A web hook, or a token and a channel; anything else is refused in words."""
    with pytest.raises(ValidationError, match=problem):
        SlackSettings.model_validate(fields)


def test_a_web_hook_gets_no_token_and_its_channel_only_where_one_is_set(make_notice, make_event):
    """The address is the credential."""
    notice = make_notice(make_event())
    assert "channel" not in composed(notice, **HOOK)[1]
    assert composed(notice, **HOOK, channel="@me")[1]["channel"] == "@me"
    assert "Authorization" not in compose(notice, SlackSettings.model_validate(HOOK)).headers


def test_the_web_api_may_be_elsewhere(make_notice, make_event):
    """The sandbox answers at an address of its own."""
    url, _ = composed(make_notice(make_event()), **API, api_url="http://127.0.0.1:9000/slack/api/")
    assert url == "http://127.0.0.1:9000/slack/api/chat.postMessage"


@pytest.mark.parametrize(
    ("on_resolved", "method", "place"),
    [
        ("thread", "chat.postMessage", {"channel": "C1", "thread_ts": "14.5", "reply_broadcast": True}),
        ("update", "chat.update", {"channel": "C1", "ts": "14.5"}),
        ("message", "chat.postMessage", {"channel": "#ops"}),
    ],
)
def test_what_is_resolved_goes_where_it_was_announced(make_notice, make_event, on_resolved, method, place):
    """Into the thread, in the place of the message, or as a new one."""
    notice = make_notice(make_event(status=Status.RESOLVED), thread_ref="C1:14.5")
    url, body = composed(notice, **API, on_resolved=on_resolved)
    assert url.endswith(f"/{method}")
    assert {name: body.get(name) for name in ("channel", "thread_ts", "ts", "reply_broadcast") if name in body} == place


@pytest.mark.parametrize("thread_ref", [None, "", "C1", ":14.5", "C1:"])
def test_without_a_message_to_answer_a_new_one_is_posted(make_notice, make_event, thread_ref):
    """It may be from before a restart, or have gone by another way."""
    notice = make_notice(make_event(status=Status.RESOLVED), thread_ref=thread_ref)
    url, body = composed(notice, **API)
    assert url.endswith("/chat.postMessage")
    assert body["channel"] == "#ops"
    assert "thread_ts" not in body


def test_the_reference_is_channel_and_time():
    """What a thread or an update needs; a channel's name would not do for the latter."""
    verdict = judged(API, 200, b'{"ok":true,"channel":"C1","ts":"14.5","message":{}}')
    assert verdict.provider_ref == "C1:14.5"
    assert CHANNEL.keeps_thread


@given(text=st.text(max_size=200) | st.sampled_from(["<!channel>", "<@U1>", "a|b>c", "&lt;!here&gt;"]))
def test_nothing_of_an_events_can_mention_or_break_out(make_notice, make_event, text):
    """The only `<` that Slack sees begin links of ours."""
    link = Link(f"https://example.com/{text}", text)
    event = make_event(title=text, message=text, rule=text, tags={"x": text}, links=(link, Link("!channel", text)))
    _, body = composed(make_notice(event), **HOOK)
    assert "<" not in body["text"]
    for opened in re.findall(r"<[^>]*>?", body["attachments"][0]["text"]):
        assert re.fullmatch(r"<https://example\.com/[^\s<>|]*(\|[^<>]*)?>", opened)


def test_a_long_message_costs_no_links(make_notice, make_event):
    """The message is what is cut."""
    _, body = composed(make_notice(make_event(message="<" * 60_000)), **HOOK)
    assert body["attachments"][0]["text"].endswith("|Chart>")


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, b"ok", Kind.DELIVERED, Reason.OK),
        (200, b"", Kind.PERMANENT, Reason.BAD_REPLY),
        (200, b"<html>log in</html>", Kind.PERMANENT, Reason.BAD_REPLY),
        (200, b"no_channel", Kind.PERMANENT, Reason.NOT_FOUND),
        (200, b"invalid_token", Kind.PERMANENT, Reason.UNAUTHORIZED),
        (400, b"invalid_payload", Kind.PERMANENT, Reason.CLIENT_ERROR),
        (403, b"action_prohibited", Kind.PERMANENT, Reason.UNAUTHORIZED),
        (404, b"no_service", Kind.PERMANENT, Reason.NOT_FOUND),
        (410, b"channel_is_archived", Kind.PERMANENT, Reason.NOT_FOUND),
        (500, b"rollup_error", Kind.RETRYABLE, Reason.SERVER_ERROR),
    ],
)
def test_a_web_hook_answers_in_words(status, body, kind, reason):
    """Only `ok` is success, whatever the status."""
    verdict = judged(HOOK, status, body)
    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        ("channel_not_found", Kind.PERMANENT, Reason.NOT_FOUND),
        ("is_archived", Kind.PERMANENT, Reason.NOT_FOUND),
        ("invalid_auth", Kind.PERMANENT, Reason.UNAUTHORIZED),
        ("not_in_channel", Kind.PERMANENT, Reason.UNAUTHORIZED),
        ("msg_too_long", Kind.PERMANENT, Reason.CLIENT_ERROR),
        ("something_new", Kind.PERMANENT, Reason.CLIENT_ERROR),
        ("ratelimited", Kind.RATE_LIMITED, Reason.RATE_LIMITED),
        ("internal_error", Kind.RETRYABLE, Reason.SERVER_ERROR),
        ("fatal_error", Kind.RETRYABLE, Reason.SERVER_ERROR),
        ("service_unavailable", Kind.RETRYABLE, Reason.SERVER_ERROR),
        ("request_timeout", Kind.RETRYABLE, Reason.SERVER_ERROR),
    ],
)
def test_the_web_api_says_no_with_a_status_of_200(error, kind, reason):
    """Its errors have names; one that is unknown is given up."""
    verdict = judged(API, 200, json.dumps({"ok": False, "error": error}).encode(), {"retry-after": "30"})
    assert (verdict.kind, verdict.reason, verdict.detail) == (kind, reason, error)
    assert verdict.retry_after_s == 30


def test_a_missing_scope_is_named():
    """So that somebody can add it."""
    verdict = judged(API, 200, b'{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"}')
    assert verdict.detail == "missing_scope (needs the scope chat:write)"


def test_warnings_name_what_will_not_do_as_expected():
    """A channel that hooks of today ignore; a token that is no bot's."""
    assert "ignore" in CHANNEL.warnings(SlackSettings.model_validate(HOOK | {"channel": "#x"}))[0]
    assert "xoxb-" in CHANNEL.warnings(SlackSettings.model_validate(API | {"token": "xoxp-Canary"}))[0]
    assert CHANNEL.warnings(SlackSettings.model_validate(API)) == []


def test_one_message_a_second_per_channel():
    """Each channel of a token has its own."""
    limits = [CHANNEL.limits(SlackSettings.model_validate(API | {"channel": channel}))[0] for channel in ("#a", "#b")]
    assert [(limit.count, limit.per_s) for limit in limits] == [(5, 5), (5, 5)]
    assert limits[0].key != limits[1].key
