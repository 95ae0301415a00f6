"""Stretches of time in addresses: what is taken, what is refused, and that a link says what it meant."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from worker.errors import InvalidSettings
from worker.graph_link import BEFORE_MS, event_link
from worker.web.links import graph_path, timeline_path, up_to
from worker.web.spans import FURTHEST_MS, LASTS, Span, iso, span_of

NOW = 1_764_000_000.0
NOW_MS = 1_764_000_000_000
MOMENTS = st.integers(0, FURTHEST_MS)
APPS = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", fullmatch=True)
SECONDS = st.floats(0.001, 4e9, allow_nan=False)


@given(MOMENTS, MOMENTS)
def test_a_fixed_span_survives_its_address(one, other):
    """To the millisecond, and written by the page or read by it again it is the same."""
    if one != other:
        span = Span(min(one, other), max(one, other))
        assert span_of(span.query(), NOW) == span


@given(st.sampled_from(sorted(LASTS)), st.floats(4e5, 4e9))
def test_a_named_span_ends_now(last, now):
    """Its name is all that the address has of it, so it moves on."""
    span = span_of({"last": last}, now)
    assert (span.until_ms, span.until_ms - span.since_ms) == (round(now * 1000), LASTS[last])
    assert span.query() == {"last": last}
    assert span_of(span.fixed(), now + 1e6) == Span(span.since_ms, span.until_ms), "what is shared stands still"


@pytest.mark.parametrize(
    ("query", "since_ms", "until_ms"),
    [
        ({}, NOW_MS - 3_600_000, NOW_MS),
        ({"from": "2014-12-02T16:43:00Z", "to": "2014-12-02T17:33:00Z"}, 1_417_538_580_000, 1_417_541_580_000),
        ({"from": "2014-12-02T16:43", "to": "2014-12-02T18:33:00+01:00"}, 1_417_538_580_000, 1_417_541_580_000),
        ({"from": "1417538580000", "to": "1417541580"}, 1_417_538_580_000, 1_417_541_580_000),
        ({"to": "1417541580.5"}, 1_417_537_980_500, 1_417_541_580_500),
        ({"from": "1763999999"}, NOW_MS - 1000, NOW_MS),
        ({"from": "1763999999", "last": "3d"}, NOW_MS - 1000, NOW_MS),
    ],
)
def test_times_are_taken_as_people_write_them(query, since_ms, until_ms):
    """With a zone or without (UTC), in seconds or milliseconds; what is missing is now, or an hour before."""
    span = span_of(query, NOW)
    assert (span.since_ms, span.until_ms) == (since_ms, until_ms)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2014-13-01T00:00:00Z"}, "to"),
        ({"to": "-5"}, "to"),
        ({"to": "nan"}, "to"),
        ({"to": "9" * 16}, "to"),
        ({"to": "0001-01-01T00:00:00+23:59"}, "to"),
        ({"from": "\uff12\uff10\uff11\uff14"}, "from"),
        ({"from": "1764000000", "to": "1764000000"}, "from"),
        ({"last": "2h"}, "last"),
        ({"last": "__proto__"}, "last"),
    ],
)
def test_what_cannot_be_read_is_named(query, named):
    """The error begins with the parameter and says what to do."""
    with pytest.raises(InvalidSettings, match=f"^{named}: "):
        span_of(query, NOW)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10))
def test_anything_else_is_refused_too(since, until, last):
    """Whatever is typed there is a span whose ends are times, or an error that people understand."""
    with suppress(InvalidSettings):
        span = span_of({"from": since, "to": until, "last": last}, NOW)
        assert 0 <= span.since_ms < span.until_ms <= FURTHEST_MS
        assert iso(span.until_ms)[:4].isdigit()


@given(APPS, SECONDS)
def test_an_alert_links_to_the_fifty_minutes_before_it(app, at):
    """The link's span ends with the millisecond of the alert, which is within it, and is fifty minutes long."""
    url = event_link("https://alerts.example.com/", app, at)
    assert url.startswith(f"https://alerts.example.com/apps/{app}/events?from=")
    span = span_of(dict(parse_qsl(urlsplit(url).query)), NOW)
    assert span.until_ms == max(1, round(at * 1000))
    assert span.until_ms - span.since_ms == min(BEFORE_MS, span.until_ms)
    assert span.since <= max(at, 0.001) < span.behind
    assert str(URL(url)) == url, "browsers and the console's own parser leave it as it is"


@given(APPS, SECONDS)
def test_the_link_leads_to_the_page_of_the_console(app, at):
    """What notifications say and what the console's own pages say is one address."""
    assert event_link("https://alerts.example.com", app, at) == "https://alerts.example.com" + graph_path(
        app, up_to(at).fixed()
    )


def test_the_link_of_the_original_page():
    """Triggered at 12-02-2014 17:33:00 UTC, it showed from 16:43:00."""
    path = "/apps/Apache/events?from=2014-12-02T16:43:00Z&to=2014-12-02T17:33:00Z"
    assert event_link("http://127.0.0.1:8080", "Apache", 1_417_541_580) == f"http://127.0.0.1:8080{path}"


@given(APPS, st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20))
def test_names_stay_in_their_part_of_a_path(app, event_id):
    """No name leads to another page, another site or into the query."""
    parts = urlsplit(timeline_path(app, event_id))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert parts.path.count("/") == 3
    assert urlsplit(graph_path(app, {"text": event_id})).path == f"/apps/{app}/events"
    assert dict(parse_qsl(urlsplit(graph_path(app, {"text": event_id})).query)) == {"text": event_id}


def test_a_time_before_the_clock_begins():
    """What occurred at the very beginning of time has a span as well."""
    assert up_to(0.0) == Span(0, 1)
