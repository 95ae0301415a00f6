"""What an event may have of everything: up to the bound it is taken, beyond it refused by name."""

from __future__ import annotations

import json

import orjson
import pytest

from worker.errors import InvalidEvent
from worker.event_extra import DEPTH, MEMBERS, NAME_CHARS
from worker.events import EXTRAS, HREF_CHARS, LINKS, POINTS, TAGS, dump_event, load_event, parse_event

MAX_BYTES = 262_144
LINK = {"href": "https://example.com/"}


def parse(fields):
    """An event from an object, as a Celery producer sends it, good but for `fields`."""
    whole = {"app": "a", "title": "t"} | fields
    return parse_event(whole, default_id="1-0", received_at=1e9, max_bytes=MAX_BYTES)


def nested(depth, kind):
    """Lists or objects in each other, `depth` of them."""
    value = kind()
    for _ in range(depth - 1):
        value = [value] if kind is list else {"a": value}
    return value


def at(count):
    """By field, a value with `count` of what it is bounded in."""
    return {
        "tags": {"tags": {str(i): "" for i in range(count)}},
        "links": {"links": [LINK] * count},
        "metric.points": {"metric": {"name": "m", "points": [[1, 2]] * count}},
        "links.0.href": {"links": [{"href": "https://example.com/".ljust(count, "x")}]},
        "links.0.text": {"links": [LINK | {"text": "x" * count}]},
        "metric.name": {"metric": {"name": "m" * count}},
        "tags: a name": {"tags": {"n" * count: ""}},
        "tags.a": {"tags": {"a": "v" * count}},
        "rule": {"rule": "r" * count},
        "source": {"source": "r" * count},
        "dedup_key": {"dedup_key": "r" * count},
        "extra": {"extra": {str(i): i for i in range(count)}},
    }


BOUNDS = [
    ("tags", TAGS),
    ("links", LINKS),
    ("metric.points", POINTS),
    ("links.0.href", HREF_CHARS),
    ("links.0.text", 1024),
    ("metric.name", 256),
    ("tags: a name", 256),
    ("tags.a", 1024),
    ("rule", 256),
    ("source", 256),
    ("dedup_key", 1024),
    ("extra", EXTRAS),
]


@pytest.mark.parametrize(("field", "most"), BOUNDS, ids=[field for field, _ in BOUNDS])
def test_a_field_is_taken_up_to_its_bound(field, most):
    """As much as is allowed is kept whole; one more is an error that names field and bound."""
    event = parse(at(most)[field])
    assert load_event(dump_event(event)) == event
    with pytest.raises(InvalidEvent, match=str(most)) as refused:
        parse(at(most + 1)[field])
    assert refused.value.field == field


@pytest.mark.parametrize("kind", [list, dict])
def test_what_producers_add_may_be_so_deep(kind):
    """Depth counts from `extra`, and however deep it is, it is refused in words and not by the stack's end."""
    assert parse({"more": nested(DEPTH - 1, kind)}).extra["more"]
    for depth in (DEPTH, 200, 300, 5000, 100_000):
        with pytest.raises(InvalidEvent, match=f"extra: must not be nested deeper than {DEPTH} levels"):
            parse({"more": nested(depth, kind)})


def test_what_producers_add_may_be_so_wide():
    """Members count over all levels."""
    assert parse({"more": [[0] * 99] * 99})
    with pytest.raises(InvalidEvent, match=f"extra: must not have more than {MEMBERS} members in all"):
        parse({"more": [[0] * 100] * 100})


def test_what_producers_add_may_have_names_so_long():
    """On the first level and below."""
    long = "n" * (NAME_CHARS + 1)
    assert parse({long[:-1]: 1, "more": {long[:-1]: 1}})
    for fields in ({long: 1}, {"more": [{long: 1}]}):
        with pytest.raises(InvalidEvent, match=f"extra: a name must not be longer than {NAME_CHARS}"):
            parse(fields)


def test_an_object_is_measured_as_text_would_be():
    """What comes through Celery is no text, and still no way around the bound."""
    with pytest.raises(InvalidEvent, match=r"extra: has \d+ bytes; at most 262144 are taken"):
        parse({"more": "x" * MAX_BYTES})


@pytest.mark.parametrize("value", [{1, 2}, object(), 2**70, "\ud800", {1: 2}])
def test_what_json_has_no_form_for_is_refused(value):
    """Only a producer in Python can send it; it is an error of its event's."""
    with pytest.raises(InvalidEvent, match="extra: cannot be kept as JSON"):
        parse({"more": value})


def test_a_tag_may_be_a_number_of_reasonable_size():
    """Numbers and booleans are written out; one of thousands of digits is refused."""
    assert parse({"tags": {"a": 1, "b": 2.5, "c": True}}).tags == {"a": "1", "b": "2.5", "c": "true"}
    with pytest.raises(InvalidEvent, match=r"tags\.a: must be a finite number"):
        parse({"tags": {"a": 10**5000}})


def test_an_error_is_one_line_whatever_the_producer_named_its_tags():
    """It goes into logs and onto terminals: no line ends, no escape sequences, and no end without an end."""
    with pytest.raises(InvalidEvent) as refused:
        parse({"tags": {"\x1b[31m\n" + "x" * 200: []}})
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b'{"app":"a","title":"t","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"app":"a","title":"t","x":[' + b"{}," * 80_000 + b"{}]}",
        b'{"app":"a","title":"t",' + b",".join(b'"k%d":0' % i for i in range(20_000)) + b"}",
        b'{"app":"a","title":"t","n":' + b"9" * 200_000 + b"}",
        b'{"app":"a","title":"' + b"\\u0000" * 40_000 + b'"}',
    ],
    ids=["lists without end", "objects without end", "deep", "wide", "many keys", "a huge number", "NULs"],
)
def test_json_text_that_is_deep_or_wide_is_refused(raw):
    """Within the bound on bytes nothing that a text can unfold into is more than an error."""
    with pytest.raises(InvalidEvent):
        parse_event(raw, default_id="1-0", received_at=1e9, max_bytes=MAX_BYTES)


def test_a_large_event_of_many_small_things_is_taken():
    """The bounds leave room for what producers really send."""
    tags = {f"tag-{i}": "v" * 100 for i in range(TAGS)}
    more = {f"field-{i}": {"a": [1, 2, 3], "b": "text"} for i in range(900)}
    raw = orjson.dumps({"app": "a", "title": "t", "message": "m" * 60_000, "tags": tags, **more})
    event = parse_event(raw, default_id="1-0", received_at=1e9, max_bytes=MAX_BYTES)
    assert len(event.extra) == 900
    assert json.loads(dump_event(event))["extra"]["field-899"] == {"a": [1, 2, 3], "b": "text"}
