"""E-mail: what a reader's program makes of a message, which settings are refused, and what SMTP's codes mean."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.channels.email import CHANNEL, EmailSettings, compose, judge, warnings
from worker.channels.wording import one_line
from worker.messages import MailSecurity, Reply
from worker.models import Kind, Link, Reason, Status

RAW = {"to": "ops@example.com", "from": "alerts@example.com", "host": "mail.example.com"}


def made(**changes) -> EmailSettings:
    """Valid settings, changed as told."""
    return EmailSettings.model_validate(RAW | changes)


def read(mail):
    """The message as a reader's program sees it."""
    return BytesParser(policy=policy.default).parsebytes(mail.data)


def parts(mail) -> tuple[str, str]:
    """Plain text and HTML, decoded."""
    text, html = read(mail).iter_parts()
    return text.get_content(), html.get_content()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_readers_get_what_was_written(events, make_notice, data):
    """Whatever the event holds, the headers parse to what was meant, none is added, and the text is all there."""
    event = data.draw(events)
    message = read(compose(make_notice(event), made()))

    assert set(message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"),
        *("Auto-Submitted", "MIME-Version", "Content-Type"),
    }
    shown = one_line(message["Subject"])
    assert one_line(event.title).startswith(shown.partition("] ")[2].rstrip("…")) or shown.endswith("…")
    assert len(message["Subject"]) <= 200
    text, _ = (part.get_content() for part in message.iter_parts())
    assert one_line(event.message) in one_line(text)


def test_firing_and_resolved_stand_in_one_thread(make_event, make_notice):
    """Both answer to the same message that never was; each has an identity of its own, the same over attempts."""
    firing, again, resolved = (
        read(compose(notice, made()))
        for notice in (
            make_notice(make_event()),
            make_notice(make_event(), attempt=5, now=1_795_442_999.0, late_s=200.0),
            make_notice(make_event(status=Status.RESOLVED, id="2")),
        )
    )
    other = read(compose(make_notice(make_event(dedup_key="another")), made()))

    assert firing["References"] == firing["In-Reply-To"] == resolved["References"]
    assert other["References"] != firing["References"]
    assert firing["Message-ID"] == again["Message-ID"] != resolved["Message-ID"]
    assert firing["Date"] != again["Date"]


def test_html_holds_no_markup_of_the_events(make_event, make_notice):
    """Texts are escaped, and only web addresses become links."""
    event = make_event(
        title="<img src=x onerror=alert(1)>",
        message="a <b>&\nb",
        links=(Link("javascript:alert(1)", "bad"), Link('https://x.example/"><script>', "<good>")),
    )
    html = parts(compose(make_notice(event), made()))[1].replace("\r\n", "\n")

    assert "<img" not in html
    assert "<script>" not in html
    assert "javascript:" not in html
    assert "a &lt;b&gt;&amp;<br>\nb" in html
    assert '<a href="https://x.example/&quot;&gt;&lt;script&gt;">&lt;good&gt;</a>' in html


def test_subject_has_its_prefix_and_no_line_end(make_event, make_notice):
    """A title with a line end cannot add a header."""
    mail = compose(make_notice(make_event(title="up\r\nBcc: all@example.com")), made(subject_prefix="[prod]"))

    message = read(mail)
    assert message["Subject"] == "[prod] [CRITICAL] up Bcc: all@example.com"
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    ("security", "port", "expected"),
    [("starttls", None, 587), ("tls", None, 465), ("none", None, 25), ("tls", 2525, 2525)],
)
def test_port_goes_with_the_security(make_event, make_notice, security, port, expected):
    """Each way to connect has its usual port, and a port that is set stands."""
    mail = compose(make_notice(make_event()), made(security=security, port=port))

    assert (mail.port, mail.security) == (expected, MailSecurity(security))


def test_recipients_as_text_or_list(make_event, make_notice):
    """Commas or a list, each address once."""
    as_text = made(to="a@example.com, b@example.com ,a@example.com")
    as_list = made(to=["a@example.com", "b@example.com", "a@example.com"])

    assert as_text == as_list
    assert compose(make_notice(make_event()), as_text).recipients == ("a@example.com", "b@example.com")


def test_named_sender_is_an_address_in_the_envelope(make_event, make_notice):
    """A display name stands in the header, in whatever script, and not in the envelope."""
    mail = compose(make_notice(make_event()), made(**{"from": "Glöckchen <alerts@example.com>"}))

    assert mail.sender == "alerts@example.com"
    assert read(mail)["From"] == "Glöckchen <alerts@example.com>"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("to", "", "at least 1 item"),
        ("to", ",".join(f"a{i}@example.com" for i in range(51)), "at most 50"),
        ("to", "nobody", "name@example.com"),
        ("to", "a@b@c", "name@example.com"),
        ("to", "a b@example.com", "name@example.com"),
        ("to", ["a@example.com\r\nBcc: b@example.com"], "name@example.com"),
        ("to", ["a@example.com\n"], None),
        ("to", "a@-example.com", "name@example.com"),
        ("to", f"{'a' * 65}@example.com", "name@example.com"),
        ("to", "jürgen@example.com", "ASCII"),
        ("to", "a@bücher.example", "xn--"),
        ("from", "Evil\r\nBcc: x@y.z <a@example.com>", "name@example.com"),
        ("from", "A <b@c", "name@example.com"),
        ("from", "\x07bell <a@example.com>", "control characters"),
        ("reply_to", "a@example.com, b@example.com", "name@example.com"),
        ("host", "smtp://mail.example.com", "without a scheme"),
        ("host", "mail.example.com\r\nX", "without a scheme"),
        ("port", 0, "greater than or equal to 1"),
        ("port", 65536, "less than or equal to 65535"),
        ("security", "ssl", "starttls"),
        ("username", "someone", "username and password go together"),
        ("password", "secret", "username and password go together"),
        ("cc", "a@example.com", "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused(field, value, said):
    """What cannot be used is refused when it is saved, in words; spaces and line ends around a value are dropped."""
    if said is None:
        assert made(**{field: value}).to == ("a@example.com",)
        return
    with pytest.raises(ValidationError, match=said):
        made(**{field: value})


def test_from_may_be_written_out(make_event, make_notice):
    """`from_address` is `from` for those who cannot write that."""
    raw = {"to": "a@example.com", "from_address": "b@example.com", "host": "h"}

    assert compose(make_notice(make_event()), EmailSettings.model_validate(raw)).sender == "b@example.com"


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (250, Kind.DELIVERED, Reason.OK),
        (251, Kind.DELIVERED, Reason.OK),
        (354, Kind.RETRYABLE, Reason.BAD_REPLY),
        (421, Kind.RETRYABLE, Reason.SERVER_ERROR),
        (450, Kind.RETRYABLE, Reason.SERVER_ERROR),
        (454, Kind.RETRYABLE, Reason.SERVER_ERROR),
        (500, Kind.PERMANENT, Reason.CLIENT_ERROR),
        (530, Kind.PERMANENT, Reason.UNAUTHORIZED),
        (534, Kind.PERMANENT, Reason.UNAUTHORIZED),
        (535, Kind.PERMANENT, Reason.UNAUTHORIZED),
        (538, Kind.PERMANENT, Reason.UNAUTHORIZED),
        (550, Kind.PERMANENT, Reason.CLIENT_ERROR),
        (554, Kind.PERMANENT, Reason.CLIENT_ERROR),
    ],
)
def test_codes_mean_what_rfc_5321_says(status, kind, reason):
    """2yz is done, 4yz is tried again, 5yz is not; a refused login has a reason of its own."""
    verdict = judge(Reply(status=status, body=b"words"), made())

    assert (verdict.kind, verdict.reason, verdict.detail, verdict.status_code) == (kind, reason, "words", status)


def test_partial_refusal_names_who_was_refused():
    """Delivered to some: that is `partial`, and the detail says who went without and why."""
    verdict = judge(Reply(status=250, refused={"b@example.com": "550 no such user"}), made())

    assert (verdict.kind, verdict.reason) == (Kind.DELIVERED, Reason.PARTIAL)
    assert verdict.detail == "refused: b@example.com (550 no such user)"


def test_warnings_tell_who_can_read_along():
    """A login in clear, and mails in clear to a server that is not near, are saved, with a sentence on each."""
    login = {"username": "u", "password": "secret"}

    assert warnings(made()) == []
    assert warnings(made(security="none", host="localhost")) == []
    assert "password goes over the network in clear" in warnings(made(security="none", host="localhost", **login))[0]
    assert "mails go over the network in clear" in warnings(made(security="none", host="mx.example.com"))[0]


def test_channel_may_send_again():
    """A message of unknown fate is sent again under the same Message-ID."""
    assert CHANNEL.idempotent
    assert CHANNEL.confirms
