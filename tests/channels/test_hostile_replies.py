"""Whatever a vendor answers, `judge` makes of it a verdict in words that can be stored, logged and shown."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.hostile_json import ESCAPES, REPLIES
from worker.attempt import attempt
from worker.channels import CHANNELS
from worker.messages import Reply
from worker.models import Reason

STATUSES = (200, 202, 204, 302, 401, 429, 500, 0, 999)
LONGEST = 1200


def check(verdict) -> None:
    """One line of bounded length, without control characters, which Redis can hold."""
    assert verdict.detail.isprintable()
    assert len(verdict.detail) <= LONGEST
    reference = verdict.provider_ref
    assert reference is None or (reference.isprintable() and len(reference) <= 600)
    assert msgspec.json.encode(verdict)


@pytest.mark.parametrize("body", REPLIES.values(), ids=REPLIES)
def test_hostile_bodies(case, body):
    """Deep, wide, of the wrong types or full of escape sequences, with every kind of status."""
    for status in STATUSES:
        check(case.channel.judge(Reply(status=status, body=body), case.settings))


@pytest.mark.parametrize(
    "value",
    ["", "-1", "1e400", "nan", "-inf", "9" * 8000, "\udcff", "Mon, 99 Foo 0000 99:99:99 +9999", "\x1b[31m", "1_0"],
)
def test_hostile_headers(case, value):
    """Waits that are none, or for ever."""
    names = (
        "retry-after",
        "date",
        "x-ratelimit-reset",
        "x-ratelimit-remaining",
        "x-floodcontrol-reset",
        "content-type",
    )
    for status in STATUSES:
        check(case.channel.judge(Reply(status=status, headers=dict.fromkeys(names, value)), case.settings))


@given(st.sampled_from(STATUSES), st.binary(max_size=200), st.dictionaries(st.text(max_size=12), st.text(max_size=30)))
def test_any_reply(case, status, body, headers):
    """Any bytes and any headers."""
    check(case.channel.judge(Reply(status=status, body=body, headers=headers), case.settings))


def test_what_slack_says_it_lacks_is_one_line_without_secrets(cases):
    """`needed` is the vendor's text like any other."""
    (case,) = (case for case in cases if str(case) == "slack-web_api")
    token = case.settings.token.get_secret_value()
    body = msgspec.json.encode({"ok": False, "error": "missing_scope", "needed": f"{token}\n{ESCAPES}"})
    verdict = case.channel.judge(Reply(status=200, body=body), case.settings)
    assert verdict.detail.startswith("missing_scope (needs the scope *** ")
    check(verdict)


async def test_what_a_template_says_of_itself_is_one_line(make_notice, make_event):
    """Its error quotes what it made of the event, which is the producer's."""
    channel = CHANNELS["webhook"]
    settings = channel.settings.model_validate(
        {"url": "https://example.com/CanaryCanaryCanary", "body": "{{ event.tags[event.title] }}"}
    )
    done = await attempt(channel, settings, make_notice(make_event(title=f"CanaryCanaryCanary {ESCAPES}")), None)
    assert done.verdict.reason is Reason.BAD_SETTINGS
    assert "cannot be rendered" in done.verdict.detail
    assert "Canary" not in done.verdict.detail
    check(done.verdict)
