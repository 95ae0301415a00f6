"""Slack, PagerDuty, NRDP and the web hook, against what is documented of each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from worker.sandbox.limits import Rate
from worker.sandbox.slack_api import channel_id

KEY = "R0" + "AB12" * 7 + "ZZ"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = "/services/T000/B000/AbCdEfGhIjKlMnOpQrSt"
XOXB = {"Authorization": "Bearer xoxb-1-2-3"}


def trigger(**more):
    """A good PagerDuty event, changed by `more`."""
    payload = {"summary": "Disk is full", "source": "db-1", "severity": "critical", **more.pop("payload", {})}
    return {"routing_key": KEY, "event_action": "trigger", "dedup_key": "disk", "payload": payload, **more}


def block(kind="section", **more):
    """A Slack message of one block."""
    return {"blocks": [{"type": kind, **more}]}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (HOOK, {"text": "hello"}, 200, "ok"),
        (HOOK, {"attachments": [{"title": "x"}]}, 200, "ok"),
        (HOOK, {}, 400, "no_text"),
        (HOOK, [], 400, "invalid_payload"),
        (HOOK, block("header", text={"type": "plain_text", "text": "x" * 151}), 400, "invalid_blocks"),
        (HOOK, block(text={"type": "mrkdwn", "text": "x" * 3001}), 400, "invalid_blocks"),
        (HOOK, block(text={"type": "mrkdwn", "text": "x" * 3000}), 200, "ok"),
        (HOOK, block(fields=[{"type": "mrkdwn", "text": "x"}] * 11), 400, "invalid_blocks"),
        (HOOK, {"blocks": [{"type": "divider"}] * 51}, 400, "invalid_blocks"),
        ("/services/T000/B000/missing", {"text": "x"}, 404, "no_service"),
        ("/services/T000/B000/invalid", {"text": "x"}, 403, "invalid_token"),
        ("/services/T000/B000/archived", {"text": "x"}, 410, "channel_is_archived"),
        ("/services/T000", {"text": "x"}, 404, "no_service"),
    ],
)
async def test_slack_hooks(client, path, body, status, words):
    """Each documented answer of an incoming web hook, in plain text, word for word."""
    assert (await client.ask("POST", path, json=body))[:2] == (status, words)


async def test_slack_hooks_take_forms_and_hide_their_secret(client):
    """`payload=` in a form is taken; the secret part of the address is shown nowhere."""
    status, words, _ = await client.ask("POST", HOOK, data={"payload": json.dumps({"text": "x"})})

    assert (status, words) == (200, "ok")
    [arrival] = await client.arrivals()
    assert arrival["body"] == {"payload": {"text": "x"}}
    assert arrival["to"] == "T000/B000/AbCd…QrSt"
    assert "AbCdEfGhIjKlMnOpQrSt" not in str(arrival)


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({}, {"channel": "#ops", "text": "x"}, "not_authed"),
        ({"Authorization": "Bearer nonsense"}, {"channel": "#ops", "text": "x"}, "invalid_auth"),
        (XOXB, {"channel": "#missing", "text": "x"}, "channel_not_found"),
        (XOXB, {"text": "x"}, "channel_not_found"),
        (XOXB, {"channel": "#ops"}, "no_text"),
    ],
)
async def test_slack_api_errors_are_http_200(client, headers, body, error):
    """The Web API says no in the body: HTTP 200, ok false, and its word."""
    status, content, _ = await client.ask("POST", "/api/chat.postMessage", json=body, headers=headers)
    assert (status, content) == (200, {"ok": False, "error": error})
    assert client.box.arrivals.count("slack")["refused"] == 1


async def test_slack_api_posts_and_updates(client):
    """A posted message has a channel id and a ts of its own, by which it can be updated; another ts is not found."""
    post = {"channel": "#ops", "text": "x"}
    answers = [(await client.ask("POST", "/api/chat.postMessage", json=post, headers=XOXB))[1] for _ in range(2)]
    change = {"channel": answers[0]["channel"], "ts": answers[0]["ts"], "text": "y"}
    updated = (await client.ask("POST", "/api/chat.update", json=change, headers=XOXB))[1]
    unknown = (await client.ask("POST", "/api/chat.update", json={**change, "ts": "1.000000"}, headers=XOXB))[1]

    assert all(answer["ok"] for answer in answers)
    assert answers[0]["channel"] == channel_id("ops")
    assert answers[0]["ts"] != answers[1]["ts"]
    assert (updated["ok"], updated["ts"]) == (True, answers[0]["ts"])
    assert unknown == {"ok": False, "error": "message_not_found"}


async def test_slack_slows_down(start, clock):
    """Beyond its burst a channel is answered 429 with Retry-After, and takes messages again after that wait."""
    client = await start(slack_burst=2)
    hooks = [await client.ask("POST", HOOK, json={"text": "x"}) for _ in range(3)]
    post = {"channel": "#ops", "text": "x"}
    api = [await client.ask("POST", "/api/chat.postMessage", json=post, headers=XOXB) for _ in range(3)]

    assert [status for status, _, _ in hooks] == [200, 200, 429]
    assert [status for status, _, _ in api] == [200, 200, 429]
    assert api[2][1] == {"ok": False, "error": "ratelimited"}
    clock.now += int(hooks[2][2]["Retry-After"])
    assert (await client.ask("POST", HOOK, json={"text": "x"}))[0] == 200


async def test_pagerduty_keeps_incidents(client):
    """A trigger opens an incident, the same key adds to it, acknowledge marks and resolve closes it."""

    async def send(**more):
        status, content, _ = await client.ask("POST", "/v2/enqueue", json=trigger(**more))
        assert (status, content["status"], content["message"]) == (202, "success", "Event processed")
        return content["dedup_key"]

    async def opened():
        return (await client.ask("GET", "/api/pagerduty/open"))[1]["open"]

    assert [await send(), await send()] == ["disk", "disk"]
    [incident] = await opened()
    assert (incident["status"], incident["events"], incident["routing_key"]) == ("triggered", 2, "R0AB…12ZZ")
    await send(event_action="acknowledge")
    assert [each["status"] for each in await opened()] == ["acknowledged"]
    await send(event_action="resolve", dedup_key="other")
    assert len(await opened()) == 1
    await send(event_action="resolve")
    assert await opened() == []


async def test_pagerduty_without_a_dedup_key_makes_one_each_time(client):
    """Two triggers without a key are two incidents; the arrival carries the key that was made."""
    keys = set()
    for _ in range(2):
        body = trigger()
        del body["dedup_key"]
        keys.add((await client.ask("POST", "/v2/enqueue", json=body))[1]["dedup_key"])
    assert len(keys) == 2
    assert {arrival["delivery_id"] for arrival in await client.arrivals()} == keys


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (trigger(routing_key="short"), "Length of 'routing_key' is incorrect (should be 32 characters)"),
        (trigger(routing_key="-" * 32), "'routing_key' cannot contain non-alphanumeric characters."),
        (trigger(routing_key=None), "'routing_key' is missing or blank"),
        (trigger(payload={"summary": ""}), "'payload.summary' is missing or blank"),
        (trigger(payload={"summary": "x" * 1025}), "'payload.summary' is too long (at most 1024 characters)"),
        (trigger(payload={"source": None}), "'payload.source' is missing or blank"),
        (
            trigger(payload={"severity": "warn"}),
            "'payload.severity' is invalid (must be one of critical, error, warning, info)",
        ),
        (trigger(dedup_key="d" * 256), "'dedup_key' must be text of at most 255 characters"),
        ({"routing_key": KEY, "event_action": "resolve"}, "'dedup_key' is missing or blank"),
        (
            {"routing_key": KEY, "event_action": "close"},
            "'event_action' is missing or invalid (must be one of trigger, acknowledge, resolve)",
        ),
    ],
)
async def test_pagerduty_refuses(client, body, error):
    """What is wrong with an event is said in `errors`, with 400, and opens nothing."""
    status, content, _ = await client.ask("POST", "/v2/enqueue", json=body)
    assert (status, content["status"], content["errors"]) == (400, "invalid event", [error])
    assert client.box.pagerduty.open() == []


async def test_pagerduty_throttles(start):
    """Beyond its rate a key is answered 429."""
    client = await start(pagerduty_events=Rate(1, 60))
    assert (await client.ask("POST", "/v2/enqueue", json=trigger()))[0] == 202
    assert (await client.ask("POST", "/v2/enqueue", json=trigger()))[:2][0] == 429


def checks(**more):
    """NRDP's data with one check, changed by `more`."""
    check = {
        "checkresult": {"type": "service"},
        "hostname": "h",
        "servicename": "s",
        "state": "1",
        "output": "o",
        **more,
    }
    return json.dumps({"checkresults": [check]})


@pytest.mark.parametrize("name", ["json", "jsondata", "JSONDATA"])
async def test_nrdp_takes_checks(client, name):
    """Each documented name of the data works, and the reply counts the checks."""
    form = {"token": "s3cret", "cmd": "submitcheck", name: checks()}
    status, content, _ = await client.ask("POST", "/nrdp/", data=form)
    result = {"status": 0, "message": "OK", "meta": {"output": "1 checks processed"}}
    assert (status, content) == (200, {"result": result})
    [arrival] = await client.arrivals()
    assert (arrival["to"], arrival["body"]["token"]) == ("h/s", "••••••")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"cmd": "submitcheck", "json": checks()}, "NO TOKEN"),
        ({"token": "wrong", "cmd": "submitcheck", "json": checks()}, "BAD TOKEN"),
        ({"token": "t", "cmd": "submitcheck"}, "NO DATA"),
        ({"token": "t", "cmd": "submitcheck", "json": "{"}, "BAD JSON"),
        ({"token": "t", "cmd": "submitcheck", "json": checks(state="9")}, "BAD JSON"),
        ({"token": "t", "cmd": "submitcheck", "json": checks(servicename="")}, "BAD JSON"),
    ],
)
async def test_nrdp_says_no_with_http_200(client, form, message):
    """Every failure is HTTP 200 with status -1 and the documented word, and counts as refused."""
    status, content, _ = await client.ask("POST", "/nrdp/", data=form)
    assert (status, content) == (200, {"result": {"status": -1, "message": message}})
    assert client.box.arrivals.count("nrdp")["refused"] == 1


async def test_nrdp_hello_needs_no_token(client):
    """`cmd=hello` answers OK without a token, and is no check."""
    status, content, _ = await client.ask("GET", "/nrdp/?cmd=hello")
    assert (status, content["result"]["status"]) == (200, 0)
    assert client.box.arrivals.count("nrdp")["probed"] == 1


def signed(now, body, secret=SECRET, hook_id="msg_1"):
    """The headers of a signed web hook."""
    content = f"{hook_id}.{int(now)}.".encode() + body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256).digest()
    signature = "v1,AAAA v1," + base64.b64encode(mac).decode()
    return {"webhook-id": hook_id, "webhook-timestamp": str(int(now)), "webhook-signature": signature}


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
async def test_a_hook_takes_any_method(client, method):
    """A hook without a secret takes whatever comes, and keeps its id."""
    status, _, _ = await client.ask(method, "/hook/any", headers={"webhook-id": "msg_7"})
    assert status == 204
    assert (await client.arrivals())[0]["delivery_id"] == "msg_7"


async def test_a_hook_verifies_its_signature(client, clock):
    """With a secret set, only a right signature within five minutes is taken; without it again, anything."""
    path, body = "/hook/signed", b'{"test": 2432232314}'
    good = signed(clock.now, body)
    assert (await client.ask("PUT", "/api/hooks/signed/secret", json={"secret": SECRET}))[0] == 200

    assert (await client.ask("POST", path, data=body, headers=good))[0] == 204
    assert (await client.ask("POST", path, data=body + b" ", headers=good))[0] == 401
    assert (await client.ask("POST", path, data=body))[0] == 401
    assert (await client.ask("POST", path, data=body, headers=signed(clock.now - 301, body)))[0] == 401
    assert (await client.ask("DELETE", "/api/hooks/signed/secret"))[0] == 200
    assert (await client.ask("POST", path, data=body))[0] == 204
    status, content, _ = await client.ask("PUT", "/api/hooks/signed/secret", json={"secret": "plain"})
    assert (status, content["error"]["field"]) == (400, "secret")


async def test_the_published_vector_verifies(clock, client):
    """The Standard Webhooks specification's own example is accepted."""
    clock.now = 1_614_265_330
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    client.box.webhook.expect("golden", SECRET)
    assert (await client.ask("POST", "/hook/golden", data=b'{"test": 2432232314}', headers=headers))[0] == 204


@pytest.mark.parametrize(("name", "status"), [("missing-hook", 404), ("gone-hook", 410)])
async def test_hooks_that_are_no_more(client, name, status):
    """A hook's name can ask for 404 and 410."""
    assert (await client.ask("POST", f"/hook/{name}", json={}))[0] == status
