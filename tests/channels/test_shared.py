"""What channels share: the list of them, addresses, secrecy, verdicts and words."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from worker.channels import CHANNELS, channel_named
from worker.channels.addresses import address_label, check_http_url, wire_url
from worker.channels.channel import credential_key, json_body
from worker.channels.replies import excerpt, json_object, retry_after_s
from worker.channels.secrecy import secrets_of, tellings_of, without_secrets
from worker.channels.wording import (
    clip,
    clip_bytes,
    clip_escaped,
    duration,
    facts,
    headline,
    iso,
    number,
    one_line,
    plain,
    printable,
    within,
)
from worker.errors import InvalidSettings
from worker.models import Status


def test_the_six_channels_are_there():
    """By the names that settings files use."""
    assert list(CHANNELS) == ["hipchat", "slack", "email", "pagerduty", "nagios", "webhook"]
    assert channel_named("slack") is CHANNELS["slack"]


@pytest.mark.parametrize(("name", "meant"), [("hipchta", "did you mean hipchat?"), ("SLACK", "did you mean slack?")])
def test_a_misspelt_channel_is_answered_with_what_was_meant(name, meant):
    """And with all that there are."""
    with pytest.raises(InvalidSettings, match="known: email, hipchat, nagios, pagerduty, slack, webhook") as refused:
        channel_named(name)
    assert meant in str(refused.value)
    with pytest.raises(InvalidSettings) as refused:
        channel_named("fax")
    assert "did you mean" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://example.com/a%2Fb/%2E%2E/c?d=%20&e#part", "https://example.com/a%2Fb/%2E%2E/c?d=%20&e"),
        ("https://bücher.example:8443/é?ö=ü", "https://xn--bcher-kva.example:8443/%C3%A9?%C3%B6=%C3%BC"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_addresses_go_onto_the_wire_in_ascii(url, sent):
    """What is encoded stays encoded, and once is enough."""
    assert wire_url(check_http_url(url)) == sent
    assert wire_url(sent) == sent


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "https://",
        "ftp://example.com",
        "https://example.com:canary",
        "https://example.com:0",
        "https://example.com:99999",
        "https://canary@example.com",
        "https://:canary@example.com",
        "https://example.com/a b",
        "https://example.com/\x07",
        "https://[canary",
        "https://canary℀.example",
        f"https://{'ü' * 80}canary.example",
    ],
)
def test_unusable_addresses_are_refused_without_being_shown(url):
    """An address may hold a token, and so may a port that is none."""
    with pytest.raises(ValueError, match=r"must|not a usable") as refused:
        check_http_url(url)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_label_has_neither_path_nor_query():
    """Logs show it."""
    assert address_label("https://example.com:8443/secret?token=x#y") == "https://example.com:8443"


def test_a_credentials_key_is_the_same_and_leads_nowhere():
    """Parts do not run into one another."""
    assert credential_key("a", "b") == credential_key("a", "b") != credential_key("ab", "")
    assert "hunter22" not in credential_key("hunter22")


WRITTEN = {
    "JSON": json.dumps,
    "an address": quote,
    "a form": quote_plus,
    "HTML": html.escape,
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
}


class Nested(BaseModel):
    """Secrets in every place where settings may have them."""

    one: SecretStr = SecretStr("first-secret")
    many: tuple[SecretStr, ...] = (SecretStr("second-secret"),)
    named: dict[str, SecretStr] = {"x": SecretStr("Bearer third-secret")}
    url: SecretStr = SecretStr("https://example.com/team/4th%2Fsecret?k=five5")
    short: SecretStr = SecretStr("abc")


def test_secrets_are_found_in_every_place():
    """A field, a list, a map."""
    assert len(list(secrets_of(Nested()))) == 5


def test_a_secret_in_the_place_of_a_channel_is_not_shown():
    """Only what is near a channel's name is taken for a spelling mistake."""
    with pytest.raises(InvalidSettings, match="channel: what is given is not a channel") as refused:
        channel_named("hunter22hunter22")
    assert "hunter22" not in str(refused.value)


class Odd(BaseModel):
    """A secret with characters that are written differently elsewhere."""

    password: SecretStr = SecretStr('Sesame12345"<\\é&Open6789012')


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_hidden_however_it_is_written_out(write):
    """In JSON, addresses, HTML, hex and base64, wherever it begins in what is encoded."""
    for before in ("", "x", "xy"):
        shown = without_secrets(write(before + Odd().password.get_secret_value()), Odd())
        assert not any(write(piece)[:8] in shown for piece in ("Sesame12345", "Open6789012"))
        assert "***" in shown


@pytest.mark.parametrize("at", range(485, 505))
def test_no_piece_of_a_secret_is_shown_where_a_long_answer_is_cut(at):
    """Blanks are drawn together, so that the end of what is looked at comes into sight."""
    body = b" " * (500 * 16 - 505 + at) + b"first-secret" + b" " * 1000
    assert "first-" not in excerpt(body, Nested())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("first-secret!", "***!"),
        ("no second-secret", "no ***"),
        ("third-secret", "***"),
        ("Cannot POST /team/4th%2Fsecret?k=five5", "Cannot POST /***"),
        ("/team/4th%2Fsecret not found", "/*** not found"),
        ("/team/4th/secret", "/***"),
        ("k is five5", "k is ***"),
        ("example.com abc", "example.com abc"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_secrets_are_hidden_whole_and_in_telling_pieces(said, shown):
    """As servers quote requests; what is too short to be a secret stays."""
    assert without_secrets(said, Nested()) == shown


def test_an_excerpt_is_one_printable_line_of_500_characters():
    """Secrets are looked for before it is cut, so that none is cut in half."""
    assert excerpt(b"a\r\n\x00\tb \xff") == "a b �"
    cut = excerpt(b"x" * 495 + b" first-secret", Nested())
    assert cut == "x" * 495 + " ***"
    assert len(excerpt(b"x" * 9000)) == 500


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("1.5", 1.5), ("-3", 0), ("nan", None), ("", None), ("x", None), ("Mon, 99 Foo 2026 x", None)],
)
def test_retry_after_is_read_or_left(text, seconds):
    """Never guessed."""
    assert retry_after_s({"retry-after": text}) == seconds


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_is_too_strange_to_read(text, date):
    """Whatever a server sends, a number of seconds or nothing comes of it."""
    seconds = retry_after_s({"retry-after": text, "date": date})
    assert seconds is None or seconds >= 0


def test_json_takes_what_python_can_hold():
    """Integers over 64 bits and half a surrogate pair are JSON, too."""
    value = {"a": 2**70, "b": "é"}
    assert json.loads(json_body(value)) == value
    assert json.loads(json_body({"b": "\ud800"})) == {"b": "\ud800"}
    assert json_object(b"[1]") == json_object(b"\xff") == json_object(b"") == {}


@given(st.text(), st.integers(2, 40))
def test_clipping_keeps_within_and_marks_what_is_cut(text, limit):
    """By characters, by bytes, and never inside an entity."""
    assert len(clip(text, limit)) <= limit
    assert (clip(text, limit) == text) == (len(text) <= limit)
    assert len(clip_bytes(text, limit + 2).encode()) <= limit + 2
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    cut = clip_escaped(escaped, limit)
    assert len(cut) <= limit
    assert text.startswith(cut.removesuffix("…").replace("&lt;", "<").replace("&amp;", "&")) or cut == escaped


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.1 + 0.2, "0.3"),
        (1464274175.5, "1464274175.5"),
        (123456.789, "123456.79"),
        (-2.5, "-2.5"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_read_as_people_write_them(value, text):
    """Neither a trailing .0 nor an exponent where digits do."""
    assert number(value) == text


@given(st.floats())
def test_any_time_can_be_written(epoch_s):
    """A producer's nonsense does not stop an alert."""
    assert iso(epoch_s).endswith("Z")


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (720, "12 min"), (11_100, "3 h 5 min"), (7200, "2 h"), (119, "119 s")]
)
def test_durations_read_as_people_say_them(seconds, text):
    """Seconds below two minutes, minutes below an hour."""
    assert duration(seconds) == text


def test_an_alert_reads_alike_everywhere(make_notice, make_event):
    """Headline, message, measurement, facts, lateness, links: in this order."""
    text = plain(make_notice(make_event(), late_s=720.0))
    assert text.split("\n") == [
        "[CRITICAL] Disk <sda> almost full",
        "95 % of /var & rising",
        "avg(used) > 1073741824 bytes for 300 s; now 1464274175.5 bytes",
        "app checkout · rule disk · source db-1 · host=db-1 · env=prod · since 2026-11-23 14:04:55 UTC",
        "(delivered 12 min late)",
        "Chart: https://monitor.example.com/apps/1?a=1&b=2",
    ]


def test_a_test_and_an_end_are_marked(make_notice, make_event):
    """In the headline, where nobody misses it."""
    event = make_event(status=Status.RESOLVED)
    assert headline(event, test=True) == "[TEST] [RESOLVED] Disk <sda> almost full"
    assert "This is a test message" in plain(make_notice(event, test=True))
    assert facts(event)[-1] == "resolved at 2026-11-23 14:04:55 UTC"


def test_what_is_too_long_loses_message_first(make_notice, make_event):
    """Place, time and links stay."""
    notice = make_notice(make_event(message="m" * 5000))
    text = within(notice, 1000, plain)
    assert len(text) == 1000
    assert text.endswith("Chart: https://monitor.example.com/apps/1?a=1&b=2")
    assert within(notice, 10_000, plain) == plain(notice)


@given(st.text())
def test_one_line_is_one_printable_line(text):
    """For subjects and titles."""
    assert one_line(text).isprintable()
    assert one_line(text) == " ".join("".join(c if c.isprintable() else " " for c in text).split())


@given(st.text() | st.text("ab \n\t\r"), st.sampled_from(["", "\n", "\n\t"]))
def test_control_characters_become_spaces_save_those_named(text, also):
    """Whether or not there are any."""
    assert printable(text, also) == "".join(c if c.isprintable() or c in also else " " for c in text)


@pytest.mark.parametrize("name", CHANNELS)
def test_what_settings_work_out_once_changes_nothing_of_them(name, cases):
    """Equal to what was never used, and shown as it was: neither an address nor a secret appears."""
    case = next(case for case in cases if case.channel.name == name)
    used, unused = case.settings, case.settings
    shown = repr(unused)
    excerpt(b"some reply", used)
    assert used.tellings == tellings_of(used)
    assert used == unused
    assert repr(used) == shown
    assert used.model_dump() == unused.model_dump()
