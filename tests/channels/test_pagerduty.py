"""PagerDuty: one key for a condition's life, limits, and refusals with their reasons."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from worker.channels.pagerduty import CHANNEL, PagerDutySettings, compose
from worker.messages import Reply
from worker.models import Kind, Link, Severity, Status

KEY = "CanaryCanaryCanaryCanaryCanary12"


def sent(notice, **fields):
    """What is posted."""
    return json.loads(compose(notice, PagerDutySettings(routing_key=KEY, **fields)).body)


def judged(status, body=b""):
    """The verdict on a reply."""
    return CHANNEL.judge(Reply(status=status, body=body), PagerDutySettings(routing_key=KEY))


@pytest.mark.parametrize("key", ["short", "x" * 33, "x" * 31 + "-", "ä" * 32])
def test_a_routing_key_has_32_letters_and_digits(key):
    """A key of the old API, or half a key, is refused before anybody waits for a page."""
    with pytest.raises(ValidationError, match="32 letters and digits"):
        PagerDutySettings.model_validate({"routing_key": key})


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://events.pagerduty.com/v2/enqueue"),
        ({"region": "eu"}, "https://events.eu.pagerduty.com/v2/enqueue"),
        ({"api_url": "http://127.0.0.1:9000/pd"}, "http://127.0.0.1:9000/pd/v2/enqueue"),
        ({"api_url": "http://127.0.0.1:9000/v2/enqueue"}, "http://127.0.0.1:9000/v2/enqueue"),
    ],
)
def test_the_region_decides_the_address(make_notice, make_event, fields, url):
    """An account in the EU is not to be found in the US."""
    assert compose(make_notice(make_event()), PagerDutySettings(routing_key=KEY, **fields)).url == url


def test_trigger_and_resolve_share_a_key(make_notice, make_event):
    """Else the incident would stay open for ever; another app's condition of that name has another."""
    trigger, resolve = (sent(make_notice(make_event(status=status))) for status in Status)
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == "checkout:checkout:disk"
    assert sent(make_notice(make_event(app="other")))["dedup_key"] != trigger["dedup_key"]
    assert trigger["routing_key"] == resolve["routing_key"] == KEY


def test_a_key_too_long_is_hashed(make_notice, make_event):
    """255 characters are the limit; cut keys could be the same for two conditions."""
    one, two = (sent(make_notice(make_event(dedup_key="k" * 300 + end)))["dedup_key"] for end in "ab")
    assert len(one) == len(two) == 64
    assert one != two
    assert len(sent(make_notice(make_event(dedup_key="k" * 246)))["dedup_key"]) == 255


@pytest.mark.parametrize("severity", Severity)
def test_severity_and_source_are_always_there(make_notice, make_least_event, severity):
    """Both are required; the app stands in for a source that the event does not name."""
    payload = sent(make_notice(make_least_event(severity=severity)))["payload"]
    assert payload["severity"] == severity.value
    assert payload["source"] == "a"
    assert payload["timestamp"] == "2026-11-23T14:05:00Z"


def test_a_summary_says_when_it_is_late_or_a_test_however_long_it_is(make_notice, make_event):
    """It is what pages people."""
    notice = make_notice(make_event(title="x" * 1024), late_s=720.0, test=True)
    summary = sent(notice)["payload"]["summary"]
    assert len(summary) == 1024
    assert summary.startswith("[TEST] xxx")
    assert summary.endswith("… (delivered 12 min late)")
    assert sent(make_notice(make_event(title="\x00\x01")))["payload"]["summary"] == "Alert of checkout"


def test_an_event_too_large_loses_its_details_first_and_then_its_links(make_notice, make_event):
    """512,000 bytes are the limit; control characters take six each in JSON."""
    large = sent(make_notice(make_event(message="\x01" * 100_000)))
    assert "custom_details" not in large["payload"]
    assert len(large["links"]) == 1
    links = tuple(Link(f"https://example.com/{'x' * 60_000}{i}", "y") for i in range(10))
    assert sent(make_notice(make_event(links=links)))["links"] == []


def test_success_is_202_and_names_the_key():
    """Anything else that looks like success comes from something else."""
    verdict = judged(202, b'{"status":"success","message":"Event processed","dedup_key":"a:b"}')
    assert (verdict.kind, verdict.provider_ref) == (Kind.DELIVERED, "a:b")
    assert judged(200, b"Welcome to nginx").kind is Kind.PERMANENT
    assert "PagerDuty answers 202" in judged(200, b"Welcome to nginx").detail


def test_a_refusal_names_what_is_wrong():
    """Message and errors, as PagerDuty puts them."""
    body = b'{"status":"invalid event","message":"Event object is invalid","errors":["\'summary\' is missing","x"]}'
    assert judged(400, body).detail == "Event object is invalid: 'summary' is missing; x"


def test_120_a_minute_per_key_and_safe_to_repeat():
    """The limit that the vendor publishes; the dedup key makes a repeated event harmless."""
    (limit,) = CHANNEL.limits(PagerDutySettings(routing_key=KEY))
    assert (limit.count, limit.per_s) == (120, 60)
    assert CHANNEL.idempotent
