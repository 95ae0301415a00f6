"""What is stored of a destination, over every sample: no secret, and nothing that could be moved or changed."""

from __future__ import annotations

import json
from dataclasses import replace

import orjson
import pytest
from fakes.master_keys import KEYS, keys
from hypothesis import given
from hypothesis import strategies as st

from worker.channels import CHANNELS
from worker.channels.secrecy import secrets_of
from worker.errors import BellhopError
from worker.models import App, Destination
from worker.stores.sealing import KEY_FIELD, resealed_app, sealed_app, unsealed_app


def stored(*destinations, by=KEYS):
    """An app's fields as Redis gives them back."""
    app = App("shop", {each.name: each for each in destinations})
    return {name.encode(): raw for name, raw in sealed_app(app, by).items()}


def read(fields, name="ops", *, app="shop", by=KEYS):
    """One destination, read back."""
    return unsealed_app(app, fields, by, CHANNELS).destinations[name]


@pytest.fixture
def destination(case):
    """Every sample in turn, as a destination."""
    return Destination("shop", "ops", case.channel.name, case.settings)


def test_what_is_stored_holds_no_secret_and_comes_back_whole(destination):
    """No secret, nor a piece of one, is in it; the settings are the very same afterwards, also under another key."""
    fields = stored(destination)
    text = b"".join(fields.values())
    assert [secret for secret in secrets_of(destination.settings) if secret.encode() in text] == []
    assert b"canary" not in text.lower()
    assert read(fields) == destination
    anew = {name.encode(): raw for name, raw in resealed_app("shop", fields, keys(2, 1)).items()}
    assert read(anew, by=keys(2)) == destination
    assert read(anew, by=keys(1)).locked


def test_no_byte_of_it_can_be_changed(destination):
    """Each byte in turn: it cannot be read any more, or says the same. Only the switches around it can be turned."""
    fields = stored(destination)
    for field, raw in fields.items():
        for position, byte in enumerate(raw):
            changed = raw[:position] + bytes([byte ^ (1 + position % 127)]) + raw[position + 1 :]
            found = unsealed_app("shop", fields | {field: changed}, KEYS, CHANNELS).destinations["ops"]
            assert found.problem or found.settings == destination.settings, (field, position)


def test_no_end_of_it_can_be_cut_off(destination):
    """What a crash or a full disk leaves of it is damaged, and says so."""
    fields = stored(destination)
    for field, raw in fields.items():
        for length in range(len(raw)):
            assert "damaged" in read(fields | {field: raw[:length]}).problem


def test_it_cannot_be_moved(destination):
    """Neither to another app, nor to another destination of the same app, with or without its key."""
    other = replace(destination, name="other")
    fields = stored(destination, other)
    assert read(fields, "other").settings == destination.settings
    assert "altered" in read(fields | {b"other": fields[b"ops"]}, "other").problem
    assert "altered" in read(fields, app="elsewhere").problem
    elsewhere = stored(replace(destination, app="elsewhere"))
    assert "altered" in read(fields | {KEY_FIELD.encode(): elsewhere[KEY_FIELD.encode()]}).problem
    assert "altered" in read(fields | {b"ops": elsewhere[b"ops"]}).problem


def test_its_secrets_cannot_change_places(destination):
    """A header's secret does not become the signing secret, and none can be left out or doubled."""
    fields = stored(destination)
    raw = orjson.loads(fields[b"ops"])
    paths, texts = [path for path, _ in raw["sealed"]], [text for _, text in raw["sealed"]]
    forms = [raw["sealed"][1:], [*raw["sealed"], *raw["sealed"][:1]]]
    if len(texts) > 1:
        forms += [list(zip(paths, texts[1:] + texts[:1], strict=True)), list(reversed(raw["sealed"]))]
    for sealed in forms:
        assert "altered" in read(fields | {b"ops": orjson.dumps(raw | {"sealed": sealed})}).problem


def test_nothing_that_can_be_read_can_be_changed(destination):
    """A base_url of somebody else's would have the token sent there."""
    fields = stored(destination)
    raw = orjson.loads(fields[b"ops"])
    changes = [raw["settings"] | {name: "https://elsewhere.example"} for name in [*raw["settings"], "base_url"]]
    changes += [{key: value for key, value in raw["settings"].items() if key != name} for name in raw["settings"]]
    for settings in changes:
        assert "altered" in read(fields | {b"ops": orjson.dumps(raw | {"settings": settings})}).problem
    for channel in set(CHANNELS) - {destination.channel}:
        assert "altered" in read(fields | {b"ops": orjson.dumps(raw | {"channel": channel})}).problem


def test_the_order_of_what_can_be_read_is_no_change(destination):
    """A tool that writes the JSON anew does no harm."""
    fields = stored(destination)
    raw = orjson.loads(fields[b"ops"])
    turned = raw | {"settings": dict(reversed(raw["settings"].items()))}
    assert read(fields | {b"ops": orjson.dumps(turned, option=orjson.OPT_INDENT_2)}) == destination


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["hipchat", "token"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("v", "channel", "enabled", "settings", "sealed", "rate_limit", "on_ambiguous", "master", "wrapped")
MAPS = st.dictionaries(st.sampled_from(NAMES), JSON | st.just(2), max_size=len(NAMES))


@given(st.binary(max_size=80) | MAPS, st.binary(max_size=80) | MAPS)
def test_whatever_stands_there_is_a_problem_and_stops_nobody(key, raw):
    """Bytes and JSON of every kind, as key and as destination: never an exception, neither read nor sealed anew."""
    written = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (key, raw)]
    fields = dict(zip([KEY_FIELD.encode(), b"ops"], written, strict=True))
    assert read(fields).problem
    with pytest.raises(BellhopError):
        resealed_app("shop", fields, KEYS)
