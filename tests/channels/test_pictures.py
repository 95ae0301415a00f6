"""Pictures in notifications: every channel composes with one as well as without, and readers' programs find it."""

from __future__ import annotations

import base64
import json
from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from worker.attempt import attempt
from worker.channels import CHANNELS
from worker.channels.channel import Shows
from worker.messages import HttpPost, Mail, Reply
from worker.models import Kind, Picture

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
URL = "https://alerts.example.com/pictures/abc.png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
PICTURE = Picture(alt="Chart of avg(used), now 1.46 GB", url=URL, png=PNG)
LARGEST = Picture(alt="x" * 300, url=f"https://a.example/pictures/{'t' * 1000}.png", png=PNG[:8] + b"\xff" * 262_136)
PICTURES = st.builds(
    Picture,
    alt=st.text(max_size=300),
    url=st.sampled_from(["", URL, "http://127.0.0.1:8080/pictures/abc.png", LARGEST.url]),
    png=st.sampled_from([b"", PNG, LARGEST.png]),
)


@QUICK
@given(data=st.data())
def test_every_channel_composes_with_a_picture_within_its_limits(case, events, make_notice, data):
    """Whatever the picture and the event hold; and the same twice."""
    notice = make_notice(data.draw(events), picture=data.draw(PICTURES))
    message = case.channel.compose(notice, case.settings)
    case.check_limits(message)
    assert case.channel.compose(notice, case.settings) == message


def test_a_channel_says_whether_it_can_show_one(case, make_event, make_notice, as_text):
    """Who shows nothing says the same with and without; who shows something says more."""
    bare = make_notice(make_event())
    without, with_it = (
        as_text(case.channel.compose(notice, case.settings)) for notice in (bare, replace(bare, picture=PICTURE))
    )
    shows = case.channel.shows(case.settings)
    if shows is Shows.NOTHING:
        assert with_it == without
    elif isinstance(case.channel.compose(bare, case.settings), HttpPost) and case.raw.keys() & {"params", "body"}:
        assert with_it == without  # an owner's own wording may leave it out
    else:
        assert len(with_it) > len(without)


def test_nobody_has_to_wait_for_an_image_that_he_cannot_show(cases):
    """Only mails, and hooks that asked, take the picture itself: for the others none is drawn."""
    assert {str(case) for case in cases if Shows.IMAGE & case.channel.shows(case.settings)} == {
        "email", "email-tls", "email-relay"
    }  # fmt: skip


def mail_of(notice) -> tuple[Mail, list]:
    """The composed mail, and all of its parts as a reader's program sees them."""
    raw = {"to": "ops@example.com", "from": "alerts@example.com", "host": "mail.example.com"}
    mail = CHANNELS["email"].compose(notice, CHANNELS["email"].settings.model_validate(raw))
    message = BytesParser(policy=policy.default).parsebytes(mail.data)
    assert not [part.defects for part in message.walk() if part.defects]
    return mail, list(message.walk())


def test_a_mail_shows_its_picture_in_the_text(make_event, make_notice):
    """The HTML names the image by its Content-ID; the image is inline, whole and in words for who does not see it."""
    _, parts = mail_of(make_notice(make_event(), picture=replace(PICTURE, alt='a "chart" <b>')))
    kinds = [part.get_content_type() for part in parts]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    html, image = parts[3].get_content(), parts[4]
    assert image.get_content() == PNG
    assert image.get_content_disposition() == "inline"
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in html
    assert 'alt="a &quot;chart&quot; &lt;b&gt;"' in html


def test_a_mail_without_a_picture_is_as_it_was(make_event, make_notice):
    """No image, no reference to one; an address alone changes nothing, since programs would not load it."""
    plain, parts = mail_of(make_notice(make_event()))
    assert [part.get_content_type() for part in parts] == ["multipart/alternative", "text/plain", "text/html"]
    assert b"cid:" not in plain.data
    linked, _ = mail_of(make_notice(make_event(), picture=replace(PICTURE, png=b"")))
    assert linked.data == plain.data


def body_of(channel, raw, notice):
    """What an HTTP channel sends, parsed."""
    kind = CHANNELS[channel]
    return json.loads(kind.compose(notice, kind.settings.model_validate(raw)).body)


@pytest.mark.parametrize("raw", [{"webhook_url": "https://s.example/a"}, {"token": "xoxb-1", "channel": "#ops"}])
def test_slack_gets_the_address_beside_the_text(make_event, make_notice, raw):
    """In the attachment, where an image that cannot be fetched is left out instead of the whole message."""
    body = body_of("slack", raw, make_notice(make_event(), picture=PICTURE))
    assert body["attachments"][0]["image_url"] == URL
    assert "blocks" not in body


def test_hipchats_card_has_a_thumbnail(make_event, make_notice):
    """With an address that its schema takes; with a longer one it has none."""
    raw = {"room": "Ops", "token": "aBcDeFgHiJ" * 4, "message_format": "html"}
    card = body_of("hipchat", raw, make_notice(make_event(), picture=PICTURE))["card"]
    assert card["thumbnail"] == {"url": URL, "width": 1280, "height": 640}
    assert "thumbnail" not in body_of("hipchat", raw, make_notice(make_event(), picture=LARGEST))["card"]


def test_pagerduty_takes_pictures_over_https_only(make_event, make_notice):
    """With words, and the alert's own link behind it."""
    raw = {"routing_key": "a" * 32}
    body = body_of("pagerduty", raw, make_notice(make_event(), picture=PICTURE))
    assert body["images"] == [{"src": URL, "alt": PICTURE.alt, "href": body["links"][0]["href"]}]
    plain = make_notice(make_event(), picture=replace(PICTURE, url="http://alerts.example.com/pictures/abc.png"))
    assert "images" not in body_of("pagerduty", raw, plain)


def test_a_web_hook_has_the_address_and_if_asked_the_picture(make_event, make_notice):
    """As fields of the event; parameters have $pictureUrl, templates both."""
    notice = make_notice(make_event(), picture=PICTURE)
    data = body_of("webhook", {"url": "https://h.example", "picture": True}, notice)["data"]
    assert (data["picture_url"], base64.b64decode(data["picture"])) == (URL, PNG)
    linked = body_of("webhook", {"url": "https://h.example"}, replace(notice, picture=replace(PICTURE, png=b"")))
    assert linked["data"]["picture_url"] == URL
    assert "picture" not in linked["data"]
    bare = body_of("webhook", {"url": "https://h.example"}, make_notice(make_event()))
    assert not {"picture", "picture_url"} & bare["data"].keys()
    params = {"url": "https://h.example", "params": {"p": "<$pictureUrl>"}}
    assert body_of("webhook", params, notice) == {"p": f"<{URL}>", "filters": "{host=db-1, env=prod}"}
    body = '{"u": "{{ picture_url }}", "p": "{{ picture }}"}'
    assert body_of("webhook", {"url": "https://h.example", "body": body}, make_notice(make_event())) == {
        "u": "",
        "p": "",
    }


def test_a_hook_of_parameters_is_not_sent_pictures():
    """They could not hold one, so none is drawn, and the owner is told."""
    kind = CHANNELS["webhook"]
    settings = kind.settings.model_validate({"url": "https://h.example", "params": {"a": "b"}, "picture": True})
    assert kind.shows(settings) is Shows.LINK
    assert any("picture" in warning for warning in kind.warnings(settings))


class FakeCarrier:
    """Takes every message."""

    def __init__(self) -> None:
        self.messages = []

    async def carry(self, message):
        self.messages.append(message)
        return Reply(status=200)


async def test_a_picture_that_does_not_fit_costs_itself_and_not_the_alert(make_event, make_notice):
    """A template whose body grows too large with it is filled without it."""
    carrier, kind = FakeCarrier(), CHANNELS["webhook"]
    raw = {
        "url": "https://h.example",
        "body": '{"a": {{ event.title | tojson }}, "p": "{{ picture }}"}',
        "picture": True,
    }
    settings = kind.settings.model_validate(raw)
    attempted = await attempt(kind, settings, make_notice(make_event(), picture=LARGEST), carrier)
    assert attempted.verdict.kind is Kind.DELIVERED
    assert json.loads(carrier.messages[0].body) == {"a": "Disk <sda> almost full", "p": ""}
