"""Web hooks: signatures, parameters, variables, and what settings may say."""

from __future__ import annotations

import base64
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.channels.webhook import CHANNEL, WebhookSettings, compose
from worker.channels.webhook_signature import message_id, signature, signing_key
from worker.channels.webhook_variables import NAMES, rule_type, substituted
from worker.models import Metric, Status

URL = "https://example.com/hooks/canaryCanary"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_" + base64.b64encode(b"old" * 10).decode()


def message_of(notice, **fields):
    """What is sent."""
    return compose(notice, WebhookSettings.model_validate({"url": URL} | fields))


def test_the_standards_own_example_is_signed_as_the_standard_has_it():
    """The golden vector of Standard Webhooks."""
    signed = signature([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_request_is_signed_over_what_is_sent(make_notice, make_event):
    """By every secret, so that a receiver may rotate; the signature covers id, time and the very body."""
    message = message_of(make_notice(make_event()), secret=[SECRET, OLD])
    content = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    for secret, signed in zip((SECRET, OLD), message.headers["webhook-signature"].split(" "), strict=True):
        mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, "sha256")
        assert signed == f"v1,{base64.b64encode(mac).decode()}"


def test_the_id_is_of_the_delivery_and_the_time_of_the_attempt(make_notice, make_event):
    """A receiver knows a retry by the first, and a replayed request by the second."""
    first, second = (message_of(make_notice(make_event(), now=now, attempt=n)) for n, now in ((1, 100.5), (2, 200.0)))
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [m.headers["webhook-timestamp"] for m in (first, second)] == ["100", "200"]
    assert first.headers["webhook-id"] != message_of(make_notice(make_event(id="2"))).headers["webhook-id"]
    assert CHANNEL.idempotent


@given(st.text())
def test_an_id_holds_neither_dots_nor_spaces(delivery_id):
    """Both separate something in the signature."""
    assert message_id(delivery_id).removeprefix("msg_").isalnum()


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "A" * 100],
)
def test_a_secret_that_signs_nothing_is_refused(secret):
    """24 to 64 bytes in base64 behind whsec_."""
    with pytest.raises(ValueError, match="must be whsec_ and then"):
        signing_key(secret)


@pytest.mark.parametrize("given_as", [SECRET, [SECRET], f"{SECRET}, {OLD}", [SECRET, OLD]])
def test_secrets_are_given_as_one_or_as_several(given_as):
    """As text, as forms and files have it, or as a list."""
    settings = WebhookSettings.model_validate({"url": URL, "secret": given_as})
    assert settings.secret[0].get_secret_value() == SECRET
    assert len(settings.secret) == (2 if OLD in given_as else 1)


@pytest.mark.parametrize(
    ("changes", "test", "kind"),
    [
        ({}, False, "alert.firing"),
        ({"status": Status.RESOLVED}, False, "alert.resolved"),
        ({}, True, "alert.test"),
    ],
)
def test_without_parameters_the_whole_event_is_sent(make_notice, make_event, changes, test, kind):
    """In the shape of Standard Webhooks, with the event as producers write it."""
    body = json.loads(message_of(make_notice(make_event(**changes), test=test)).body)
    assert body.keys() == {"type", "timestamp", "data"}
    assert (body["type"], body["timestamp"]) == (kind, "2026-11-23T14:04:55Z")
    assert body["data"]["tags"] == {"host": "db-1", "env": "prod"}
    assert body["data"]["metric"]["points"][1] == [1795442700.0, 2.5]
    assert body["data"]["occurred_at"] == "2026-11-23T14:04:55Z"


def test_every_variable_of_sematexts_has_a_value(make_notice, make_event):
    """Inside values, as text, whatever is around them."""
    params = {name: f"<${name}>" for name in NAMES}
    notice = make_notice(make_event(status=Status.RESOLVED))
    body = json.loads(message_of(notice, params=params, application_token="t0ken").body)
    description = body.pop("description")
    assert body == {
        "webHookName": "<ops-room>",
        "applicationId": "<checkout>",
        "applicationToken": "<t0ken>",
        "ruleType": "<AF_VALUE>",
        "createTimestamp": "<2026-11-23T14:04:55Z>",
        "backToNormal": "<true>",
        "title": "<Disk <sda> almost full>",
        "url": f"<{URL}>",
        "troubleshootUrl": "<https://monitor.example.com/apps/1?a=1&b=2>",
        "pictureUrl": "<>",
        "filters": "{host=db-1, env=prod}",
    }
    assert "95 % of /var & rising" in description


def test_what_a_value_brings_along_is_not_substituted_again(make_notice, make_event):
    """An event cannot read the application's token."""
    notice = make_notice(make_event(title="$applicationToken $$ ${url}"))
    body = json.loads(message_of(notice, params={"t": "$title", "filters": "mine"}, application_token="t0ken").body)
    assert body == {"t": "$applicationToken $$ ${url}", "filters": "mine"}


@given(st.text())
def test_text_without_variables_stays_as_it_is(text):
    """A dollar is a dollar."""
    assert substituted(text.replace("$", "$ "), dict.fromkeys(NAMES, "x")) == text.replace("$", "$ ")


@pytest.mark.parametrize(
    ("extra", "metric", "expected"),
    [
        ({"rule_type": "RUM_ANOMALY_VALUE"}, None, "RUM_ANOMALY_VALUE"),
        ({"ruleType": "logsene_value"}, None, "LOGSENE_VALUE"),
        ({"rule_type": "else"}, Metric("used"), "AF_VALUE"),
        ({"query": "status:500"}, None, "LOGSENE_VALUE"),
        ({}, None, "HEARTBEAT"),
    ],
)
def test_the_rule_type_is_the_events_own_or_follows_from_it(make_event, extra, metric, expected):
    """Receivers of Sematext's web hooks go by it."""
    assert rule_type(make_event(extra=extra, metric=metric)) == expected


def test_a_form_and_a_query_are_encoded(make_notice, make_event):
    """What is between the parameters cannot become one."""
    notice = make_notice(make_event(title="a&b=c d+é", tags={}))
    params = {"t t": "$title"}
    form = message_of(notice, send_as="form", params=params)
    assert form.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(form.body.decode()) == {"t t": ["a&b=c d+é"]}
    query = message_of(notice, url=f"{URL}?key=1", send_as="query", method="GET", params=params)
    assert parse_qs(urlsplit(query.url).query) == {"key": ["1"], "t t": ["a&b=c d+é"]}
    assert query.body == b""


def test_parameters_without_a_list_are_all_that_is_no_secret(make_notice, make_event):
    """A hook with Send as Form and nothing else says something all the same."""
    sent = parse_qs(message_of(make_notice(make_event()), send_as="form").body.decode())
    assert sent.keys() == {*NAMES, "filters"} - {"applicationToken", "url", "pictureUrl"}


def test_headers_are_added_and_may_say_the_content_type(make_notice, make_event):
    """Once, and not twice in different cases."""
    headers = message_of(make_notice(make_event()), headers={"content-type": "text/json", "X-Key": "canary"}).headers
    assert headers["X-Key"] == "canary"
    assert [value for name, value in headers.items() if name.lower() == "content-type"] == ["text/json"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"headers": {"Host": "x"}}, "not for settings"),
        ({"headers": {"Content-length": "1"}}, "not for settings"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "not for settings"),
        ({"headers": {"webhook-id": "1"}}, "not for settings"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "control characters"),
        ({"headers": {"X-A\r\nX": "1"}}, "header's name"),
        ({"headers": {"X A": "1"}}, "header's name"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "twice"),
        ({"method": "GET"}, "must be query with the method GET"),
        ({"method": "DELETE"}, "'POST', 'PUT', 'PATCH' or 'GET'"),
        ({"params": {"a": "b"}, "body": "x"}, "either body or params"),
        ({"body": "x", "send_as": "form"}, "send_as"),
        ({"body": "{{ event.title"}, "line 1"),
        ({"content_type": "json"}, "media type"),
        ({"content_type": "a/b\r\nX: y"}, "media type"),
        ({"secret": "whsec_x"}, "24 to 64"),
        ({"url": "file:///etc/passwd"}, "begins with https"),
        ({"url": "https://user:pw@example.com"}, "user name or password"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(fields, problem):
    """When they are saved, and not when the first alert comes."""
    with pytest.raises(ValidationError, match=problem):
        WebhookSettings.model_validate({"url": URL} | fields)


def test_a_misspelt_variable_is_warned_of():
    """It would be sent as it is typed."""
    settings = WebhookSettings.model_validate({"url": URL, "params": {"a": "$titel, $title"}})
    (warning,) = CHANNEL.warnings(settings)
    assert warning.startswith("params.a: $titel is no variable; known are $webHookName")
