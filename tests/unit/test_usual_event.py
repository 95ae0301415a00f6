"""The short way of reading an event: it may say less, and never anything else, than the long one."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.errors import InvalidEvent
from worker.events import parse_event
from worker.usual_event import usual_event

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", " ", "a\nb", "\0", "\ud800", "ä" * 257, "x" * 65, "x" * 129, "x" * 1025, "€" * 20_000]),
)
VALUES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.lists(TEXTS))
TAGS = st.dictionaries(TEXTS, VALUES, max_size=4)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "app": st.one_of(st.sampled_from(["checkout", "a.b_c-1", "a/b", "a\n", "x" * 64, "x" * 65]), VALUES),
        "title": VALUES,
        "id": VALUES,
        "dedup_key": VALUES,
        "status": st.one_of(st.sampled_from(["firing", "resolved", "RESOLVED"]), VALUES),
        "severity": st.one_of(st.sampled_from(["info", "warn", "warning", "Error", "critical"]), VALUES),
        "message": VALUES,
        "rule": VALUES,
        "source": VALUES,
        "tags": st.one_of(TAGS, VALUES),
        "occurred_at": VALUES,
        "metric": VALUES,
        "colour": VALUES,
    },
)


def read(raw):
    """The event, or the error's words."""
    try:
        return parse_event(raw, default_id="7-0", received_at=1.795e9, max_bytes=100_000)
    except InvalidEvent as error:
        return str(error)


@given(FIELDS)
@example({"app": "checkout", "title": "CPU", "tags": {f"tag-{number}": "x" for number in range(101)}})
@example({"app": "checkout", "title": "CPU", "message": "x" * 65_537})
@example({"app": "checkout", "title": "CPU", "tags": {"zone": "eu-1", "": ""}, "severity": "critical"})
def test_both_ways_read_alike(fields):
    """What is read in one go is what is read with every doubt: of an object nothing is read in one go."""
    raw = json.dumps(fields).encode()
    assert read(raw) == read(raw.decode())


@pytest.mark.parametrize(
    "raw", [b"", b" ", b"[]", b"\xff", b'{"app": "\xff"}', b"{", b'{"app": "a", "app": "b", "title": "c"}']
)
def test_both_ways_refuse_alike(raw):
    """What is no event, or names a field twice, comes to the same."""
    assert read(raw) == read(raw.decode("utf-8", "surrogateescape"))


def test_an_event_of_printable_text_is_usual():
    """What most producers send is read in one go; a line end in it is for the long way."""
    assert usual_event(b'{"app": "checkout", "title": "CPU", "tags": {"zone": "eu-1"}, "status": "resolved"}')
    assert usual_event(b'{"app": "checkout", "title": "CPU", "message": "one\\ntwo"}') is None
    assert usual_event(b'{"app": "checkout", "title": "CPU", "metric": {"name": "load"}}') is None
