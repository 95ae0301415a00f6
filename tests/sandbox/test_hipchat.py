"""The HipChat v2 stand-in, against what is documented of the service."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from worker.sandbox.hipchat_schema import NOTIFICATION
from worker.sandbox.limits import Rate

CARD = {"style": "application", "id": "c1", "title": "Latency"}


async def test_a_notification_is_taken_and_shown(client):
    """A good message is answered 204 with both header families, and stands in the arrivals with its room decoded."""
    status, body, headers = await client.notify({"message": "hello", "color": "red", "notify": True})

    assert (status, body) == (204, "")
    assert headers["X-Ratelimit-Limit"] == "500"
    assert headers["X-Ratelimit-Remaining"] == "499"
    assert headers["X-FloodControl-Limit"] == "30"
    assert headers["X-FloodControl-Remaining"] == "29"
    [arrival] = await client.arrivals()
    assert (arrival["channel"], arrival["to"], arrival["accepted"]) == ("hipchat", "Ops Room", True)
    assert arrival["body"] == {"message": "hello", "color": "red", "notify": True}


async def test_a_room_name_is_one_decoded_segment(client):
    """A slash, a percent sign and umlauts in a room's name survive as one path segment."""
    url = client.box.url + "/v2/room/a%2Fb%20%25%20%C3%BC/notification"
    async with client.session.post(
        URL(url, encoded=True), json={"message": "x"}, headers={"Authorization": "Bearer Abc"}
    ) as reply:
        assert reply.status == 204
    assert (await client.arrivals("channel=hipchat"))[0]["to"] == "a/b % ü"


@pytest.mark.parametrize(
    ("token", "room", "status", "message"),
    [
        ("lowercase0123456789abcdef", "Ops", 401, "Invalid OAuth session"),
        ("", "Ops", 401, "Invalid OAuth session"),
        (
            "NoScopeToken",
            "Ops",
            403,
            "This action requires one of the following scopes: [u'send_notification']",
        ),
        ("GoodToken", "missing-room", 404, "Room not found"),
        ("GoodToken", "r" * 101, 404, "Room not found"),
    ],
)
async def test_refusals_have_the_documented_shape(client, token, room, status, message):
    """Bad tokens, scopes and rooms are answered as the service words them, and count as refused."""
    answered, body, headers = await client.notify({"message": "x"}, room=room, token=token)

    assert answered == status
    assert body["error"]["code"] == status
    assert body["error"]["message"] == message
    assert "X-Ratelimit-Remaining" in headers
    assert client.box.arrivals.count("hipchat")["refused"] == 1


async def test_a_string_for_notify_is_refused_as_it_was(client):
    """`"true"` for `notify` gets the very body that the service answered in 2015."""
    status, body, _ = await client.notify({"message": "x", "notify": "true"})

    assert status == 400
    assert body == {
        "error": {
            "code": 400,
            "expected_type": "boolean",
            "field": "notify",
            "message": "Value u'true' for field 'notify' is not of type 'boolean'",
            "type": "Bad Request",
            "validation": "type",
            "value": "true",
        }
    }


@pytest.mark.parametrize(
    ("body", "field", "validation"),
    [
        ({}, "message", "required"),
        ({"message": ""}, "message", "minLength"),
        ({"message": "x" * 10_001}, "message", "maxLength"),
        ({"message": 5}, "message", "type"),
        ({"message": "x", "color": "grey"}, "color", "enum"),
        ({"message": "x", "message_format": "markdown"}, "message_format", "enum"),
        ({"message": "x", "from": "f" * 65}, "from", "maxLength"),
        ({"message": "x", "notify": 1}, "notify", "type"),
        ({"message": "x", "card": {**CARD, "id": 7}}, "card.id", "type"),
        ({"message": "x", "card": {"style": "link", "title": "t"}}, "card.id", "required"),
        ({"message": "x", "card": {**CARD, "style": "box"}}, "card.style", "enum"),
        ({"message": "x", "card": {**CARD, "title": "t" * 501}}, "card.title", "maxLength"),
        ({"message": "x", "card": {**CARD, "description": ""}}, "card.description", "minLength"),
        ({"message": "x", "card": {**CARD, "description": {"value": "v"}}}, "card.description.format", "required"),
        (
            {"message": "x", "card": {**CARD, "attributes": [{"value": {}}]}},
            "card.attributes[0].value.label",
            "required",
        ),
        (["message"], "body", "type"),
    ],
)
async def test_the_schema_is_kept(client, body, field, validation):
    """Each documented rule is refused by its field's name and the kind of validation that failed."""
    status, content, _ = await client.notify(body)

    assert status == 400
    assert (content["error"]["field"], content["error"]["validation"]) == (field, validation)


async def test_a_full_card_is_taken(client):
    """A card that uses every documented field passes."""
    card = {
        **CARD,
        "format": "medium",
        "url": "https://example.com",
        "description": {"value": "<b>x</b>", "format": "html"},
        "thumbnail": {"url": "https://example.com/a.png", "width": 10, "height": 10},
        "activity": {"html": "<b>x</b>", "icon": {"url": "u", "url@2x": "v"}},
        "attributes": [{"label": "host", "value": {"label": "db-1", "style": "lozenge-error"}}],
        "icon": "https://example.com/i.png",
    }
    status, _, _ = await client.notify({"message": "x", "card": card})
    assert status == 204


@given(st.text(max_size=70))
def test_from_is_taken_up_to_64_characters(name):
    """Exactly the names of at most 64 characters pass."""
    assert (NOTIFICATION.check({"message": "x", "from": name}, "") is None) == (len(name) <= 64)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["message", "card", "title", "attributes", "value", "x"]), inner)
        ),
    )
)
def test_the_schema_never_raises(body):
    """Whatever JSON comes, the schema answers with a problem or with none."""
    problem = NOTIFICATION.check(body, "")
    assert problem is None or problem.field


async def test_auth_test_posts_nothing(client):
    """`auth_test=true` answers the documented 202 to any method, and no message is taken."""
    for method in ("POST", "GET"):
        status, body, _ = await client.notify({"message": "x"}, query="?auth_test=true", method=method)
        assert status == 202
        assert body["success"]["message"] == "This auth_token has access to use this method."
    status, _, _ = await client.notify({"message": "x"}, query="?auth_test=true", token="lower")

    assert status == 401
    counts = client.box.arrivals.count("hipchat")
    assert (counts["accepted"], counts["probed"], counts["refused"]) == (0, 2, 1)


async def test_a_token_in_the_query_works_and_is_masked(client):
    """`auth_token` in the query is taken, and shown nowhere."""
    token = "AbCdSECRETSECRETSECRETwxyz"
    status, _, _ = await client.notify({"message": "x"}, token="", query=f"?auth_token={token}")

    assert status == 204
    [arrival] = await client.arrivals()
    assert token not in str(arrival)
    assert "AbCd…wxyz" in arrival["line"]
    assert token not in repr(list(client.box.arrivals))


async def test_the_flood_limit_is_per_room_and_resets(client, clock):
    """The 31st message of a minute is refused with 429 until the reset that the headers name; other rooms go on."""
    for _ in range(30):
        status, _, _ = await client.notify({"message": "x"})
        assert status == 204
    status, body, headers = await client.notify({"message": "x"})
    other, _, _ = await client.notify({"message": "x"}, room="Other")

    assert (status, body["error"]["code"], other) == (429, 429, 204)
    assert headers["X-FloodControl-Remaining"] == "0"
    reset = int(headers["X-FloodControl-Reset"])
    assert 60 <= reset - clock.now <= 61
    clock.now = reset
    status, _, headers = await client.notify({"message": "x"})
    assert (status, headers["X-FloodControl-Remaining"]) == (204, "29")


async def test_the_request_limit_is_per_token(start):
    """Beyond the requests of its window a token is refused with 429; another token is not."""
    client = await start(hipchat_requests=Rate(2, 300), hipchat_messages=None)
    answers = [await client.notify({"message": "x"}) for _ in range(3)]
    other, _, _ = await client.notify({"message": "x"}, token="OtherToken")

    assert [status for status, _, _ in answers] == [204, 204, 429]
    assert answers[2][2]["X-Ratelimit-Remaining"] == "0"
    assert "X-FloodControl-Limit" not in answers[0][2]
    assert other == 204


async def test_limits_can_be_off(start):
    """Without limits there are no headers, and the 40th message is taken."""
    client = await start(hipchat_requests=None, hipchat_messages=None)
    answers = [await client.notify({"message": "x"}) for _ in range(40)]

    assert {status for status, _, _ in answers} == {204}
    assert not any(name.lower().startswith("x-") for name in answers[0][2])


async def test_rooms_may_be_named(start):
    """With a list of rooms no other room exists."""
    client = await start(rooms=frozenset({"Ops Room"}))
    assert (await client.notify({"message": "x"}))[0] == 204
    assert (await client.notify({"message": "x"}, room="Other"))[0] == 404


async def test_other_calls(client):
    """Capabilities answer without a token, the message call answers an id, a wrong method 405, bad JSON 400."""
    headers = {"Authorization": "Bearer Abc"}
    status, body, _ = await client.ask("GET", "/v2/capabilities")
    assert (status, "capabilities" in body) == (200, True)
    status, body, _ = await client.ask("POST", "/v2/room/Ops/message", json={"message": "x"}, headers=headers)
    assert (status, set(body)) == (200, {"id", "timestamp"})
    status, body, answered = await client.ask("GET", "/v2/room/Ops/notification", headers=headers)
    assert (status, body["error"]["code"], answered["Allow"]) == (405, 405, "POST")
    status, body, _ = await client.ask("POST", "/v2/room/Ops/notification", data=b"{", headers=headers)
    assert (status, body["error"]["type"]) == (400, "Bad Request")
