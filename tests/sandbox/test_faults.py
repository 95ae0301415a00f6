"""Faults on demand: each kind, how often, and the errors of a rule that makes no sense."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from worker.errors import InvalidSettings
from worker.sandbox.faults import Faults, Rule, read_rule

GOOD = {"message": "x"}


async def put(client, *rules: dict):
    """Set these rules."""
    status, content, _ = await client.ask("PUT", "/api/faults", json=list(rules))
    assert status == 200, content


async def test_a_status_is_answered_and_nothing_taken(client):
    """A status rule answers with its headers and body, only on its channel, and the vendor takes nothing."""
    await put(client, {"channel": "hipchat", "status": 503, "headers": {"Retry-After": "7"}, "body": "later"})

    status, body, headers = await client.notify(GOOD)
    assert (status, body, headers["Retry-After"]) == (503, "later", "7")
    assert (await client.ask("POST", "/hook/x", json={}))[0] == 204
    [arrival] = await client.arrivals("channel=hipchat")
    assert (arrival["accepted"], arrival["status"], arrival["note"]) == (False, 503, "fault: answered 503")


async def test_times_and_order(client):
    """A rule is spent after its times, and then the next one has its turn."""
    await put(client, {"status": 503, "times": 2}, {"status": 500, "times": 1})

    assert [(await client.notify(GOOD))[0] for _ in range(4)] == [503, 503, 500, 204]
    faults = (await client.ask("GET", "/api/faults"))[1]["faults"]
    assert [rule["applied"] for rule in faults] == [2, 1]


async def test_to_is_a_glob(client):
    """Only what is addressed to a match of the glob fails."""
    await put(client, {"to": "Ops*", "status": 500})
    assert (await client.notify(GOOD))[0] == 500
    assert (await client.notify(GOOD, room="Payments"))[0] == 204


def test_share_is_a_share():
    """A share of 0.25 befalls exactly the requests whose lot is below it."""
    lots = iter([0.1, 0.24, 0.25, 0.9])
    faults = Faults([Rule(share=0.25, status=500)], chance=lambda: next(lots))
    assert [faults.match("slack", "", 0) is not None for _ in range(4)] == [True, True, False, False]


async def test_latency_takes_at_once_and_answers_late(client):
    """A slow answer is the vendor's own, late; the message is taken when it arrives."""
    await put(client, {"latency_s": 0.2})
    loop = asyncio.get_running_loop()
    began = loop.time()
    status, _, _ = await client.notify(GOOD)
    assert (status, loop.time() - began >= 0.2) == (204, True)
    assert client.box.arrivals.count("hipchat")["accepted"] == 1


@pytest.mark.parametrize(("drop", "taken"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("path", ["/v2/room/Ops/notification", "/api/chat.postMessage"])
async def test_drops_close_the_connection(client, path, drop, taken):
    """A drop answers nothing; after it the vendor has the message, before it has not."""
    await put(client, {"drop": drop, "times": 1})
    headers = {"Authorization": "Bearer xoxb-A"}
    body = {"message": "x", "text": "x", "channel": "#ops"}

    with pytest.raises(aiohttp.ClientConnectionError):
        await client.ask("POST", path, json=body, headers=headers)

    counts = client.box.arrivals.count()
    assert (counts["accepted"], counts["unanswered"]) == (taken, 1 - taken)
    [arrival] = await client.arrivals()
    assert arrival["status"] is None
    assert (await client.ask("POST", path, json=body, headers=headers))[0] in {200, 204}


async def test_a_hanging_vendor_never_answers(client):
    """A hang reads the request, takes nothing and answers nothing, and holds nothing once its client has left."""
    await put(client, {"hang": True, "times": 1})
    with pytest.raises(TimeoutError):
        await client.ask("POST", "/hook/x", json={}, timeout=aiohttp.ClientTimeout(total=0.2))
    assert client.box.arrivals.count()["unanswered"] == 1
    assert (await client.ask("POST", "/hook/x", json={}))[0] == 204


async def test_a_rate_answers_429_beyond_it(client, clock):
    """What exceeds the rate is refused with Retry-After; the rest passes on to the vendor."""
    await put(client, {"channel": "webhook", "rate": "2/min"})
    answers = [await client.ask("POST", "/hook/x", json={}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [204, 204, 429]
    assert 59 <= int(answers[2][2]["Retry-After"]) <= 61
    clock.now += 61
    assert (await client.ask("POST", "/hook/x", json={}))[0] == 204


async def test_rules_can_be_added_and_cleared(client):
    """POST adds a rule after the others, DELETE removes all."""
    await put(client, {"channel": "slack", "status": 500})
    status, content, _ = await client.ask("POST", "/api/faults", json={"status": 502})
    assert (status, [rule["status"] for rule in content["faults"]]) == (200, [500, 502])
    assert (await client.ask("DELETE", "/api/faults"))[1] == {"faults": []}
    assert (await client.notify(GOOD))[0] == 204


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"share": 2, "status": 500}, "0.share"),
        ({"channel": "hipchatt", "status": 500}, "0.channel"),
        ({"status": 5}, "0.status"),
        ({"drop": "during"}, "0.drop"),
        ({"rate": "fast"}, "0.rate"),
        ({"rate": "off"}, "0.rate"),
        ({"statsu": 500}, "0.statsu"),
        ({"status": 500, "headers": {"X": "a\r\nb: c"}}, "0.headers"),
        ({"status": 500, "drop": "after"}, "0"),
        ({"share": 0.5}, "0"),
    ],
)
async def test_a_wrong_rule_names_its_field(client, rule, field):
    """A rule that makes no sense is a 400 with its field, and the rules in force stay."""
    await put(client, {"status": 500})
    status, content, _ = await client.ask("PUT", "/api/faults", json=[rule])
    assert (status, content["error"]["field"]) == (400, field)
    assert content["error"]["message"]
    assert len((await client.ask("GET", "/api/faults"))[1]["faults"]) == 1


async def test_what_is_not_json_is_said(client):
    """A body that is no JSON is a 400 about the body."""
    status, content, _ = await client.ask("PUT", "/api/faults", data=b"{")
    assert (status, content["error"]["field"]) == (400, "body")


@pytest.mark.parametrize(
    "text", ['{"channel": "slack", "status": 503, "share": 0.1}', "channel=slack,status=503,share=0.1"]
)
def test_the_command_lines_forms(text):
    """A rule on the command line is JSON or pairs, and means the same."""
    assert read_rule(text) == Rule(channel="slack", status=503, share=0.1)


@pytest.mark.parametrize("text", ["status", "{", "status=teapot", ""])
def test_a_wrong_rule_on_the_command_line(text):
    """What cannot be read is said in a sentence."""
    with pytest.raises(InvalidSettings):
        read_rule(text)
