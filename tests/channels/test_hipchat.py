"""HipChat: where a room is, what is said there, and what its answers mean."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from yarl import URL

from worker.channels.hipchat import CHANNEL, HipChatSettings, compose
from worker.messages import Reply
from worker.models import Kind, Reason, Severity, Status

TOKEN = "CanaryTokenCanaryTokenCanaryTokenCanary1"
OAUTH1 = "canary0123456789abcdef01234567"


def settings_of(**fields) -> HipChatSettings:
    """A room with a good token, changed as told."""
    return HipChatSettings.model_validate({"room": "Ops", "token": TOKEN} | fields)


def body_of(notice, **fields):
    """What is posted."""
    return json.loads(compose(notice, settings_of(**fields)).body)


def judged(status, body=b"", headers=None, **fields):
    """The verdict on a reply."""
    return CHANNEL.judge(Reply(status=status, body=body, headers=headers or {}), settings_of(**fields))


@given(room=st.text(min_size=1, max_size=100).filter(lambda room: room.strip()))
@example(room=".")
@example(room="..")
@example(room="a/b?c#d %2F")
@example(room="räume 🔥")
def test_a_room_is_exactly_one_segment_of_the_path(make_notice, make_event, room):
    """Whatever a room is called, its name is one segment, on the wire too, and decodes back."""
    settings = settings_of(room=room)
    url = compose(make_notice(make_event()), settings).url
    for path in (urlsplit(url).path, URL(url, encoded=True).raw_path):
        empty, v2, rooms, segment, notification = path.split("/")
        assert (empty, v2, rooms, notification) == ("", "v2", "room", "notification")
        assert unquote(segment) == settings.room
        assert segment not in {".", ".."}


@pytest.mark.parametrize(
    ("base", "start"),
    [
        (None, "https://api.hipchat.com/v2/room/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v2/room/"),
        ("https://hipchat.example.com/", "https://hipchat.example.com/v2/room/"),
        ("https://hipchat.example.com/v2/", "https://hipchat.example.com/v2/room/"),
        ("https://example.com/hipchat/v2", "https://example.com/hipchat/v2/room/"),
        ("https://bücher.example/chät", "https://xn--bcher-kva.example/ch%C3%A4t/v2/room/"),
    ],
)
def test_a_base_url_may_have_a_path_and_v2(make_notice, make_event, base, start):
    """People paste what they have."""
    url = compose(make_notice(make_event()), settings_of(base_url=base)).url
    assert url == f"{start}Ops/notification"


def test_a_whole_pasted_address_names_room_and_token(make_notice, make_event):
    """Then neither need be typed, and the token moves into the header."""
    pasted = f"https://hipchat.example.com/v2/room/Ops%20%2F%20R%C3%A4ume/notification?auth_token={TOKEN}"
    message = compose(make_notice(make_event()), HipChatSettings.model_validate({"base_url": pasted}))
    assert message.url == "https://hipchat.example.com/v2/room/Ops%20%2F%20R%C3%A4ume/notification"
    assert message.headers["Authorization"] == f"Bearer {TOKEN}"


def test_what_is_typed_wins_over_what_is_pasted(make_notice, make_event):
    """The explicit field is the one that somebody changed last."""
    pasted = "https://hipchat.example.com/v2/room/1/notification?auth_token=PastedToken"
    message = compose(make_notice(make_event()), settings_of(base_url=pasted, room="2"))
    assert "/room/2/" in message.url
    assert message.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"token": TOKEN}, "room: fill in"),
        ({"room": "Ops"}, "token: fill in"),
        ({"room": "x" * 101, "token": TOKEN}, "at most 100"),
        ({"room": " ", "token": TOKEN}, "at least 1"),
        ({"room": "Ops", "token": "two words"}, "one word of printable ASCII"),
        ({"room": "Ops", "token": TOKEN, "base_url": "ftp://x"}, "begins with https"),
        ({"room": "Ops", "token": TOKEN, "base_url": "https://x/v1/rooms/message"}, "only v2 works"),
        ({"room": "Ops", "token": TOKEN, "from": "x" * 65}, "at most 64"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(fields, problem):
    """Each with a sentence that says what to do."""
    with pytest.raises(ValidationError, match=problem):
        HipChatSettings.model_validate(fields)


def test_a_room_id_may_be_a_number(make_notice, make_event):
    """YAML reads `room: 4242` as a number."""
    assert "/room/4242/" in compose(make_notice(make_event()), settings_of(room=4242)).url


def test_from_is_accepted_sent_and_exported(make_notice, make_event):
    """Under the name that HipChat and the settings file give it."""
    assert body_of(make_notice(make_event()), **{"from": "Bellhop"})["from"] == "Bellhop"
    assert settings_of(**{"from": "Bellhop"}).model_dump()["from"] == "Bellhop"
    assert "from" not in body_of(make_notice(make_event()))


@pytest.mark.parametrize(
    ("alert", "colour", "notify"),
    [
        ((Severity.INFO, Status.FIRING), "gray", False),
        ((Severity.WARNING, Status.FIRING), "yellow", False),
        ((Severity.ERROR, Status.FIRING), "red", True),
        ((Severity.CRITICAL, Status.FIRING), "red", True),
        ((Severity.CRITICAL, Status.RESOLVED), "green", False),
    ],
)
def test_colour_and_noise_follow_severity(make_notice, make_event, alert, colour, notify):
    """Errors that fire make a noise, unless the settings say otherwise; always as a JSON boolean."""
    severity, status = alert
    notice = make_notice(make_event(severity=severity, status=status))
    assert body_of(notice)["color"] == colour
    assert body_of(notice)["notify"] is notify
    assert body_of(notice, notify=not notify)["notify"] is not notify


def test_a_long_message_costs_neither_facts_nor_links(make_notice, make_event):
    """What is cut to 10,000 characters is the message, in either format."""
    notice = make_notice(make_event(message="<&>" * 20_000))
    for message_format in ("text", "html"):
        message = body_of(notice, message_format=message_format)["message"]
        assert len(message) <= 10_000
        assert "https://monitor.example.com/apps/1?a=1" in message
        assert "host=db-1" in message


def test_html_is_escaped_with_every_tag_closed(make_notice, make_event):
    """An event cannot bring tags of its own along."""
    message = body_of(make_notice(make_event(title="</b><script>", message="<i>" * 9000)), message_format="html")
    text = message["message"]
    assert "<script>" not in text
    assert "<i>" not in text
    assert text.count("<b>") == text.count("</b>") == 1
    assert text.count("<a ") == text.count("</a>") == 1


def test_hipchats_own_words_are_passed_on():
    """`Room not found`, and the name of a field that is refused."""
    gone = judged(404, b'{"error":{"code":404,"message":"Room not found","type":"Not Found"}}')
    assert (gone.reason, gone.detail) == (Reason.NOT_FOUND, "Room not found (Not Found)")
    refused = judged(
        400,
        b'{"error":{"code":400,"expected_type":"boolean","field":"notify","message":"Value u\'true\' for field '
        b'\'notify\' is not of type \'boolean\'","type":"Bad Request"}}',
    )
    assert refused.detail == "notify: Value u'true' for field 'notify' is not of type 'boolean' (Bad Request)"


def test_an_oauth1_token_is_recognised_when_saved_and_when_refused():
    """Tokens of API v1 have no upper-case letter; that is a warning, and the likeliest cause of a 401."""
    body = b'{"error":{"code":401,"message":"Invalid OAuth session","type":"Unauthorized"}}'
    assert "probably an OAuth1 token; only OAuth2 tokens work" in CHANNEL.warnings(settings_of(token=OAUTH1))[0]
    assert CHANNEL.warnings(settings_of()) == []
    hint = "this looks like an OAuth1 token; create an OAuth2 token in Rooms / your room / Tokens"
    assert judged(401, body, token=OAUTH1).detail == f"Invalid OAuth session (Unauthorized); {hint}"
    assert judged(401, body).detail == "Invalid OAuth session (Unauthorized)"


@pytest.mark.parametrize(
    ("headers", "retry_at"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795442760"}, 1_795_442_760),
        ({"x-floodcontrol-remaining": "0", "x-floodcontrol-reset": "1795442730"}, 1_795_442_730),
        ({"x-floodcontrol-reset": "1795442730"}, 1_795_442_730),
        (
            {
                "x-ratelimit-remaining": "412",
                "x-ratelimit-reset": "1795442999",
                "x-floodcontrol-remaining": "0",
                "x-floodcontrol-reset": "1795442730",
            },
            1_795_442_730,
        ),
        (
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1795442999",
                "x-floodcontrol-remaining": "0",
                "x-floodcontrol-reset": "1795442730",
            },
            1_795_442_999,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_the_reset_of_the_limit_that_is_used_up_is_obeyed(headers, retry_at):
    """Of both limits the later, of those with something left neither."""
    verdict = judged(429, headers=headers)
    assert (verdict.kind, verdict.retry_at) == (Kind.RATE_LIMITED, retry_at)


def test_limits_are_the_vendors_per_room_and_per_token():
    """30 a minute to a room, 500 in five minutes by a token; rooms of one token share the second."""
    (room_a, token_a), (room_b, token_b) = (CHANNEL.limits(settings_of(room=room)) for room in ("a", "b"))
    assert (room_a.count, room_a.per_s, token_a.count, token_a.per_s) == (30, 60, 500, 300)
    assert token_a.key == token_b.key
    assert len({room_a.key, room_b.key, token_a.key}) == 3
