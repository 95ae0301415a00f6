"""Addresses of pictures: only our key makes them, each is for one event, and none lasts for ever."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from worker.keys import MasterKeys
from worker.pictures.album import Album
from worker.pictures.gallery import Gallery
from worker.pictures.links import DAY_S, LIFE_S, Links, link_keys, make_token, read_token

NOW = 1_795_442_700
KEY, OTHER = b"k" * 32, b"o" * 32
APPS = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
IDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=128)


@given(app=APPS, event_id=IDS)
def test_a_token_names_its_event(app, event_id):
    """Whatever an app and an event are called, slashes and all, the token is theirs and fits an address."""
    token = make_token(KEY, app, event_id, NOW + 1)
    assert read_token([OTHER, KEY], token, NOW) == (app, event_id)
    assert token.replace("-", "").replace("_", "").isalnum()
    assert token.isascii()
    assert len(token) <= 1000


def test_a_token_ends_with_its_day():
    """Valid until the day is over on which its time ends, and not a second longer."""
    token = make_token(KEY, "shop", "e1", NOW)
    midnight = NOW - NOW % DAY_S + DAY_S
    assert read_token([KEY], token, midnight - 1) == ("shop", "e1")
    assert read_token([KEY], token, midnight) is None


def test_a_token_of_another_key_is_none():
    """So one who knows the form, the app and the id still cannot make one."""
    assert read_token([OTHER], make_token(KEY, "shop", "e1", NOW + 9), NOW) is None
    assert read_token([], make_token(KEY, "shop", "e1", NOW + 9), NOW) is None


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_no_bit_of_a_token_can_be_changed(at, bit):
    """Not the time, not the app, not the id."""
    raw = bytearray(base64.urlsafe_b64decode(make_token(KEY, "shop", "e1-of-a-length", NOW + 9) + "=="))
    raw[at % len(raw)] ^= 1 << bit
    assert read_token([KEY], base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), NOW) is None


@given(token=st.text(max_size=80) | st.text("AZaz09-_=+/", max_size=80))
def test_nonsense_is_no_token(token):
    """Whatever is typed behind /pictures/."""
    assert read_token([KEY], token, NOW) is None


def test_a_token_is_written_in_one_way_only():
    """Padding, other alphabets and loose last bits are refused: one picture, one address."""
    token = make_token(KEY, "shop", "e1", NOW + 9)
    assert read_token([KEY], token, NOW)
    for other in (f"{token}=", f"{token}==", f" {token}", f"{token}\n", token + "A", token * 100):
        assert read_token([KEY], other, NOW) is None


def test_an_address_is_the_same_for_all_of_an_events_notifications(make_event):
    """Vendors keep what they fetched; it also fits HipChat's 250 characters."""
    event = make_event(id="1795442700000-0")
    url = Links("https://alerts.example.com", [KEY, OTHER]).url(event)
    assert url == Links("https://alerts.example.com/", [KEY]).url(event)
    assert url.startswith("https://alerts.example.com/pictures/")
    assert url.endswith(".png")
    assert len(url) < 150
    token = url.rpartition("/")[2].removesuffix(".png")
    assert read_token([KEY], token, event.received_at + LIFE_S - 1) == ("shop", "1795442700000-0")


def test_keys_are_worked_out_from_the_master_keys():
    """Whoever has the same master keys agrees, the newest first; none of them is a master key or shows one."""
    masters = MasterKeys([KEY, OTHER])
    keys = link_keys(masters)
    assert keys == link_keys(MasterKeys([KEY, OTHER]))
    assert keys[1:] == link_keys(MasterKeys([OTHER]))
    assert not {*keys} & {KEY, OTHER}
    assert masters.derived(b"another purpose") != keys


def test_nothing_shows_the_keys(fake_renderer):
    """Neither what makes addresses nor what reads them, wherever they are printed."""
    shown = f"{Album(Gallery(fake_renderer()), (KEY,))!r} {Links('https://alerts.example.com', [KEY])!r}"
    assert repr(KEY)[2:-1] not in shown
