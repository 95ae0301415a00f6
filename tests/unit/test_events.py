"""Events as producers send them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import InvalidEvent
from worker.events import condition, dump_event, load_event, parse_event
from worker.models import Severity, Status

NOW = 1_795_000_000.0


def parse(raw, **options):
    """`parse_event` with what a test does not speak of filled in."""
    return parse_event(raw, **({"default_id": "7-0", "received_at": NOW, "max_bytes": 262_144} | options))


def good(**fields):
    """The least that an event needs, and `fields`."""
    return {"app": "checkout", "title": "CPU load above 4"} | fields


def test_the_least_event_gets_the_documented_defaults():
    """Only app and title are required; all else has the contract's default."""
    event = parse('{"app": "checkout", "title": "CPU load above 4"}')
    assert (event.id, event.status, event.severity) == ("7-0", Status.FIRING, Severity.WARNING)
    assert event.occurred_at == event.received_at == NOW
    assert event.message == event.rule == event.source == ""


def test_warn_is_taken_for_warning():
    """Sematext's own name for the severity works."""
    assert parse(good(severity="WARN")).severity is Severity.WARNING


def test_unknown_keys_are_kept_under_extra():
    """A producer's own fields are not refused and not lost."""
    event = parse(good(team="db", extra={"a": 1}))
    assert event.extra == {"a": 1, "team": "db"}


@pytest.mark.parametrize("moment", ["2026-11-17T04:26:40Z", "2026-11-17T05:26:40+01:00", 1794889600, 1794889600.0])
def test_times_in_each_form(moment):
    """RFC 3339 with any offset and epoch seconds mean the same."""
    assert parse(good(occurred_at=moment)).occurred_at == 1794889600.0


BAD = [
    ("not JSON", "{nope", "event"),
    ("cut off", '{"app": "checkout"', "event"),
    ("empty", "", "event"),
    ("blank", "  \n", "event"),
    ("a list", "[1, 2]", "event"),
    ("a string", '"hello"', "event"),
    ("null", "null", "event"),
    ("NaN", '{"app":"a","title":"t","metric":{"name":"m","value":NaN}}', "event"),
    ("invalid UTF-8", b'{"app": "checkout", "title": "\xff\xfe"}'.decode("utf-8", "surrogateescape"), "event"),
    ("deeply nested", '{"app":"a","title":"t","x":' + "[" * 5000 + "]" * 5000 + "}", "event"),
    ("oversized", json.dumps(good(message="x" * 300_000)), "event"),
    ("no app", {"title": "t"}, "app"),
    ("empty app", good(app=""), "app"),
    ("an app with a slash", good(app="a/b"), "app"),
    ("an app with a line end", good(app="checkout\n"), "app"),
    ("a number as app", good(app=5), "app"),
    ("no title", {"app": "checkout"}, "title"),
    ("a blank title", good(title="  "), "title"),
    ("a long title", good(title="x" * 1025), "title"),
    ("a list as title", good(title=["x"]), "title"),
    ("a NUL in the title", good(title="a\0b"), "title"),
    ("half a surrogate pair", good(title="a\ud800b"), "title"),
    ("a long message", good(message="é" * 40_000), "message"),
    ("an object as message", good(message={}), "message"),
    ("a long id", good(id="x" * 129), "id"),
    ("a NUL in the id", good(id="a\0"), "id"),
    ("a line end in the id", good(id="a\nb"), "id"),
    ("a number as id", good(id=5), "id"),
    ("an unknown status", good(status="open"), "status"),
    ("a number as status", good(status=1), "status"),
    ("an unknown severity", good(severity="fatal"), "severity"),
    ("a time in words", good(occurred_at="yesterday"), "occurred_at"),
    ("milliseconds", good(occurred_at=1_795_000_000_000), "occurred_at"),
    ("the far past", good(occurred_at="1999-01-01T00:00:00Z"), "occurred_at"),
    ("the far future", good(occurred_at="2031-01-01T00:00:00Z"), "occurred_at"),
    ("a huge number as time", good(occurred_at=10**400), "occurred_at"),
    ("true as time", good(occurred_at=True), "occurred_at"),
    ("a list as tags", good(tags=["a"]), "tags"),
    ("an object as tag", good(tags={"a": {}}), "tags.a"),
    ("too many tags", good(tags={str(i): "" for i in range(101)}), "tags"),
    ("links that are none", good(links="x"), "links"),
    ("a script as link", good(links=[{"href": "javascript:alert(1)"}]), "links.0.href"),
    ("a link without address", good(links=[{"text": "x"}]), "links.0.href"),
    ("a metric without name", good(metric={"value": 1}), "metric.name"),
    ("a metric's value in words", good(metric={"name": "m", "value": "high"}), "metric.value"),
    ("a point that is no pair", good(metric={"name": "m", "points": [[1, 2], [3]]}), "metric.points.1"),
    ("an infinite point", good(metric={"name": "m", "points": [[1, float("inf")]]}), "metric.points.0"),
    ("extra that is no object", good(extra=[1]), "extra"),
]


@pytest.mark.parametrize(("raw", "field"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_events_are_refused_by_the_name_of_the_field(raw, field):
    """Each mistake is an error that names the field and says in words what to do."""
    with pytest.raises(InvalidEvent) as refused:
        parse(raw)
    assert refused.value.field == field
    assert len(refused.value.problem) > 10


def test_the_derived_condition_is_the_same_for_firing_and_resolved():
    """App, rule and tags name the condition, in whatever order the tags come; the title does not."""
    firing = parse(good(rule="cpu", tags={"a": "1", "b": "2"}))
    resolved = parse(good(rule="cpu", tags={"b": "2", "a": "1"}, status="resolved", title="back to normal"))
    assert firing.dedup_key == resolved.dedup_key


def test_alerts_without_rule_and_tags_are_told_apart_by_title():
    """Two different alerts of an app do not become one incident for want of a rule."""
    assert condition("a", "", {}, "disk full") != condition("a", "", {}, "CPU high")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    "app id status severity title message dedup_key rule source tags links occurred_at metric extra x".split()
)


@given(st.dictionaries(FIELDS, JSON, max_size=15), st.booleans())
def test_any_json_is_an_event_or_a_named_error(fields, fill):
    """No object, however odd, does anything but parse or raise InvalidEvent; and what parses can be kept."""
    if fill:
        fields = good() | {key: value for key, value in fields.items() if key not in {"app", "title"}}
    try:
        event = parse(fields)
    except InvalidEvent:
        return
    assert load_event(dump_event(event)) == event


def test_what_earlier_versions_kept_is_read():
    """Whole numbers where a measurement is a float, and fields in any order."""
    kept = parse(good(id="1", tags={"a": "b"}, links=[{"href": "https://x.example"}], extra={"n": 2**60}))
    fields = json.loads(dump_event(kept)) | {"occurred_at": int(NOW), "new": 1}
    assert load_event(json.dumps(dict(reversed(fields.items()))).encode()) == kept


def test_an_event_cannot_be_changed():
    """It is a value; and no two share a default that could be."""
    one, two = parse(good()), parse(good())
    with pytest.raises(AttributeError):
        one.title = "x"
    assert one.extra is not two.extra


@given(st.binary(max_size=400))
def test_any_bytes_are_an_event_or_a_named_error(raw):
    """No bytes, valid UTF-8 or not, do anything but parse or raise InvalidEvent."""
    try:
        parse(raw.decode("utf-8", "surrogateescape"))
    except InvalidEvent as error:
        assert error.field  # noqa: PT017 - either end is right; a crash is not


@given(st.text(max_size=200), st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_what_was_kept_is_read_back_the_same(title, tags):
    """An event survives Redis unchanged."""
    try:
        event = parse(good(title=title, tags=tags, metric={"name": "m", "points": [[1, 2.5]]}, links=[]))
    except InvalidEvent:
        return
    assert load_event(dump_event(event)) == event
