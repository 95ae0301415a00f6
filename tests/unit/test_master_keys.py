"""Master keys: how they are written, what they show of themselves, and what they open."""

from __future__ import annotations

import base64

import pytest
from fakes.master_keys import KEYS, key, keys, name, text
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from worker.errors import Altered, InvalidSettings, KeyMissing
from worker.keys import Cipher, key_id, new_key, read_key, read_keys

BYTES = st.binary(max_size=300)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_may_be_written_in_either_alphabet_with_or_without_padding(raw):
    """As `openssl rand -base64 32`, Python and others write it."""
    for written in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        assert read_key(written) == read_key(written.rstrip("=")) == raw


def test_a_new_key_is_a_key_and_never_the_same():
    """What `bellhop keys generate` prints can be set."""
    made = {read_key(new_key()) for _ in range(100)}
    assert len(made) == 100
    assert {len(each) for each in made} == {32}


SHORT = base64.b64encode(b"sixteen bytes !!").decode()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ([SHORT], "key 1 of 1 has 16 bytes, not 32"),
        ([text(1), f"{text(1)}AA"], "key 2 of 2 is not base64"),
        ([text(1), base64.b64encode(bytes(33)).decode()], "key 2 of 2 has 33 bytes, not 32"),
        (["hunter2 hunter2"], "key 1 of 1 is not base64"),
        (["ключ"], "key 1 of 1 is not base64"),
        ([text(1), text(2), text(1).rstrip("=")], "key 3 of 3 is there twice"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_by_its_number_and_not_shown(written, problem):
    """The sentence names the setting, the key by its place, and how to make a good one."""
    with pytest.raises(InvalidSettings) as caught:
        read_keys([SecretStr(each) for each in written])
    assert f"BELLHOP_MASTER_KEYS: {problem}" in str(caught.value)
    assert not [each for each in written if each in str(caught.value)]


def test_every_wrong_key_is_told_at_once():
    """Not one after another."""
    with pytest.raises(InvalidSettings) as caught:
        read_keys([SecretStr(SHORT), SecretStr(text(1)), SecretStr("?")])
    assert [problem[:31] for problem in caught.value.problems] == [
        "BELLHOP_MASTER_KEYS: key 1 of 3",
        "BELLHOP_MASTER_KEYS: key 3 of 3",
    ]
    assert "bellhop keys generate" in str(caught.value)


def test_an_id_names_a_key_and_shows_nothing_of_it():
    """Neither the keys' repr nor an id has a piece of a key in any form."""
    shown = f"{keys(1, 2)!r} {KEYS.newest}"
    assert name(1) in shown
    assert key_id(key(1)) == name(1) != name(2)
    assert key(1).hex()[:8] not in shown
    assert text(1)[:6] not in shown


@given(BYTES, BYTES, st.data())
def test_what_is_sealed_opens_in_its_place_and_unchanged_only(content, place, data):
    """Any other place, and any change of any byte, is refused."""
    cipher = Cipher(key(1))
    sealed = cipher.seal(content, place)
    assert cipher.unseal(sealed, place) == content
    assert cipher.seal(content, place) != sealed
    position = data.draw(st.integers(0, len(sealed) - 1))
    byte = data.draw(st.integers(1, 255))
    changed = sealed[:position] + bytes([sealed[position] ^ byte]) + sealed[position + 1 :]
    others = [(changed, place), (sealed[:position], place), (sealed + b"\0", place), (sealed, place + b"\0")]
    for wrong, where in others:
        with pytest.raises(Altered):
            cipher.unseal(wrong, where)
    with pytest.raises(Altered):
        Cipher(key(2)).unseal(sealed, place)


def test_a_data_key_opens_by_its_app_and_master_key_only():
    """Wrapped under the newest, for one app."""
    both = keys(2, 1)
    wrapped = both.wrap(b"data key", "shop")
    assert both.unwrap(wrapped, name(2), "shop") == b"data key"
    for master, app in ((name(1), "shop"), (name(2), "elsewhere")):
        with pytest.raises(Altered):
            both.unwrap(wrapped, master, app)
    with pytest.raises(KeyMissing, match=f"{name(2)}.*BELLHOP_MASTER_KEYS"):
        keys(1).unwrap(wrapped, name(2), "shop")
