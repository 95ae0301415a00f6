"""The event graph's page and its JSON, over histories made by hand."""

from __future__ import annotations

import gzip
import re
from html import unescape
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from urllib.parse import urlencode

import orjson
import pytest
from fakes.console import PASSWORD
from fakes.history import NOW, add, found, history_of

from worker.graph_link import event_link
from worker.web.chart_library import ChartLibrary, chart_library
from worker.web.graph import POINTS, ROWS
from worker.web.history_rows import Feeding
from worker.web.history_values import Standing
from worker.web.roles import Role
from worker.web.spans import iso

PAGE, DATA = "/apps/checkout/events", "/api/v1/apps/checkout/graph"
USED = {"name": "used", "unit": "bytes", "aggregation": "avg", "comparator": ">", "threshold": 1_073_741_824}
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&{{ 7*7 }}"


def clock():
    """Half an hour past the events that are made by hand."""
    return NOW + 1800


def told(at):
    """Where a delivery stands that arrived two seconds after `at`."""
    return Standing("delivered", "ok", 1, 204, at, at + 2, None, 2000.0)


def memory(at=NOW, **fields):
    """An alert of a metric, of which ops-room was told."""
    points = [[at - 60 * ago, 7e8 + 1e7 * (50 - ago)] for ago in range(50, -1, -1)]
    metric = USED | {"value": 1_464_274_175.5, "points": points}
    usual = {"id": "mem", "rule": "Memory used", "severity": "critical", "title": "Memory is above 1 GiB"}
    return found(at, standings=[told(at)], **{**usual, "metric": metric, **fields})


@pytest.fixture
def graphs(consoles):
    """Start consoles whose history holds these events, at half past."""

    async def start(*events, **options):
        history = history_of(*events)
        history.feeding = Feeding(len(events), len(events), complete=True)
        return await consoles(history=history, background=(), now=clock, **options)

    return start


async def asked(fake, **query):
    """The JSON for this query, as whoever is on this machine gets it."""
    visitor = await fake.visitor()
    answer = await visitor.get(f"{DATA}?{urlencode(query)}")
    assert answer.status == 200, answer.words
    return orjson.loads(answer.text)


async def shown(fake, path=PAGE, status=200):
    """The page."""
    answer = await (await fake.visitor()).get(path)
    assert answer.status == status, answer.words
    return answer


async def test_the_table_has_the_columns_of_the_original_page(graphs):
    """Timestamp, event, message, priority, creator and name, the last with the event's timeline behind it."""
    answer = await shown(await graphs(memory(message="The avg(used) > 1.073741824E9 for 300 seconds.")))
    assert re.findall(r'<th scope="col">(\w+)</th>', answer.text) == [
        *("Timestamp", "Event", "Message", "Priority", "Creator", "Name"),
    ]
    row = re.search(r"<tr data-at.*?</tr>", answer.text, re.DOTALL)[0]
    cells = [" ".join(unescape(re.sub(r"<[^>]*>", " ", cell)).split()) for cell in re.findall(r"<td.*?</td>", row)]
    assert cells == [
        "2025-11-24 16:00:00",
        "alert critical",
        "The avg(used) > 1.073741824E9 for 300 seconds.",
        "NA",
        "NA",
        "Bellhop alert 'Memory used' is triggered",
    ]
    assert 'href="/events/checkout/mem"' in row


async def test_the_summary_says_what_the_charts_show(graphs):
    """Counts by severity, and of the metric its bounds, threshold and what happened, in words."""
    resolved = memory(NOW + 600, id="mem-2", status="resolved", title="Memory is back to normal")
    answer = await shown(await graphs(memory(), resolved, found(NOW + 610, id="x")))
    assert (
        "3 events: 1 critical, 1 warning and 1 back to normal. The busiest 60 s began at 2025-11-24 16:10 with 2. "
        "avg(used): between 800 MB and 1.2 GB; threshold > 1.07 GB; fired once; back to normal once; "
        "1 destination told."
    ) in answer.words


async def test_bars_lines_and_marks(graphs):
    """The JSON has the slots of the span, and the metric with points, threshold, and when it fired and was told."""
    data = await asked(await graphs(memory(), found(NOW + 60, id="x", severity="info", status="resolved")))
    assert data["slots"]["width_ms"] == 60_000
    assert [(bar["severity"], bar["status"], sum(bar["counts"])) for bar in data["slots"]["bars"]] == [
        *(("critical", "firing", 1), ("info", "resolved", 1)),
    ]
    place = data["slots"]["at_ms"].index(NOW * 1000)
    assert data["slots"]["bars"][0]["counts"][place] == 1
    (metric,) = data["metrics"]
    assert (metric["label"], metric["factor"], metric["suffix"]) == ("avg(used)", 1e9, "GB")
    assert metric["thresholds"] == [1_073_741_824]
    assert metric["times_ms"][-1] == NOW * 1000
    assert [(mark["kind"], mark["at_ms"], mark["destination"]) for mark in metric["markers"]] == [
        *(("firing", NOW * 1000, ""), ("told", NOW * 1000 + 2000, "room")),
    ]
    assert all(mark["href"] == "/events/checkout/mem" for mark in metric["markers"])


async def test_filters_choose_among_events(graphs):
    """Search, severity and type hold for bars and rows; metrics are shown whole; another app's are not there."""
    fake = await graphs(
        memory(),
        found(NOW + 1, id="a", severity="info", title="Disk full"),
        found(NOW + 2, id="b", severity="info", status="resolved", title="Disk fine"),
        found(NOW + 3, id="c", app="search", title="Disk full"),
    )
    for query, ids in (
        ({}, ["b", "a", "mem"]),
        ({"text": "disk"}, ["b", "a"]),
        ({"severity": "info", "status": "firing"}, ["a"]),
        ({"status": "resolved"}, ["b"]),
        ({"text": "nothing"}, []),
    ):
        data = await asked(fake, **query)
        assert [event["id"] for event in data["events"]] == ids
        assert sum(sum(bar["counts"]) for bar in data["slots"]["bars"]) == len(ids)
        assert len(data["metrics"]) == 1
    assert (await asked(fake, metric="other"))["metrics"] == []


async def test_an_alerts_own_link_shows_it(graphs):
    """The link's range ends with the alert, which is the last event in it; what came after is not in it."""
    at = NOW + 0.123
    fake = await graphs(memory(at), found(at + 0.002, id="later"), found(at - 3001, id="earlier"))
    link = event_link(fake.url, "checkout", at)
    answer = await shown(fake, link.removeprefix(fake.url))
    assert re.findall(r'data-id="(\w+)"', answer.text) == ["mem"]
    assert "2025-11-24 15:10:00 to 16:00:00 UTC" in answer.words
    data = await asked(fake, **{"from": iso(round(at * 1000) - 3_000_000), "to": iso(round(at * 1000))})
    assert [event["id"] for event in data["events"]] == ["mem"]
    assert (data["from_ms"], data["to_ms"]) == (NOW * 1000 + 123 - 3_000_000, NOW * 1000 + 123)


async def test_a_shared_link_survives_the_log_in(graphs):
    """Who opens it without a session logs in and then sees that very range, filters included."""
    fake = await graphs(memory(), web_password=PASSWORD)
    await fake.user("eve", "checkout", Role.VIEWER)
    visitor = await fake.visitor()
    path = f"{PAGE}?from=2025-11-24T15:10:00Z&to=2025-11-24T16:00:00Z&text=a%26b%20c&severity=critical"
    answer = await visitor.get(path)
    assert answer.status == 303
    page = await visitor.get(answer.headers["Location"])
    wanted = unescape(re.search(r'name="next" value="([^"]*)"', page.text)[1])
    answer = await visitor.log_in("eve", next=wanted)
    answer = await visitor.get(answer.headers["Location"])
    assert answer.status == 200
    assert "2025-11-24 15:10:00 to 16:00:00 UTC" in answer.words
    assert 'name="text" value="a&amp;b c"' in answer.text
    assert 'value="critical" selected' in answer.text


@pytest.mark.parametrize(
    "query", ["from=yesterday", "last=2h", "severity=loud", "status=<b>", "before=-1", "before=\uff19"]
)
async def test_an_address_that_cannot_be_read(graphs, query):
    """The page says what is wrong and shows the last hour; the JSON is a problem that names the parameter."""
    fake = await graphs(memory())
    answer = await shown(fake, f"{PAGE}?{query}", status=422)
    assert f"{query.partition('=')[0]}: " in answer.words
    assert 'data-id="mem"' in answer.text
    problem = await (await fake.visitor()).get(f"{DATA}?{query}")
    assert problem.status == 422
    assert orjson.loads(problem.text)["detail"].startswith(f"{query.partition('=')[0]}: ")


async def test_an_app_that_is_not_there(graphs):
    """404, as for an app of others; one that has events but no settings any more is there."""
    fake = await graphs(found(app="gone"))
    visitor = await fake.visitor()
    statuses = [(await visitor.get(f"/apps/{app}/events")).status for app in ("checkout", "gone", "other", "%00")]
    assert statuses == [200, 200, 404, 404]


async def test_older_pages(graphs):
    """What does not fit on one page is on the next ones: each event once, and a way back to the newest."""
    fake = await graphs(*(found(NOW + n, id=f"e{n}") for n in range(ROWS * 2 + 10)))
    path, ids = PAGE, []
    for number in range(3):
        answer = await shown(fake, path)
        ids.append(re.findall(r'data-id="(\w+)"', answer.text))
        links = dict(re.findall(r'<a class="button" href="([^"]*)"[^>]*>(Newest|Older)</a>', answer.text))
        named = {words: unescape(link) for link, words in links.items()}
        assert ("Newest" in named, "Older" in named) == (number > 0, number < 2)
        path = named.get("Older", "")
    assert [len(page) for page in ids] == [ROWS, ROWS, 10]
    assert [*chain.from_iterable(ids)] == [f"e{n}" for n in reversed(range(ROWS * 2 + 10))]
    first = await asked(fake)
    second = await asked(fake, before=first["older"])
    assert [event["id"] for event in second["events"]] == ids[1]


async def test_no_news_is_short(graphs):
    """Whoever says what they saw last gets it again only where something has changed."""
    fake = await graphs(memory())
    fixed = {"from": iso(round(NOW * 1000) - 1000), "to": iso(round(NOW * 1000) + 1000)}
    first = await asked(fake, **fixed)
    again = await asked(fake, **fixed, position=first["position"])
    assert again["unchanged"]
    assert "events" not in again
    assert (again["from_ms"], again["to_ms"]) == (first["from_ms"], first["to_ms"])
    add(fake.console.history, found(NOW + 0.5, id="new"))
    changed = await asked(fake, **fixed, position=first["position"])
    assert not changed["unchanged"]
    assert [event["id"] for event in changed["events"]] == ["new", "mem"]
    assert not (await asked(fake, **fixed, position="1.1.1.1"))["unchanged"]


async def test_words_about_the_history(graphs):
    """While it is read, and while Redis is away, the page and its data say so."""
    fake = await graphs(memory())
    assert (await asked(fake))["notice"] == ""
    fake.console.history.feeding = Feeding(12_000, 100_000)
    assert "still reading: 12,000 of 100,000 events" in (await shown(fake)).words
    fake.console.history.feeding = Feeding(12_000, 100_000, complete=True, away_since=clock() - 300)
    assert (await asked(fake))["notice"].startswith("Redis has been away for 5 min")


async def test_where_nothing_is_the_latest_event_is_a_link_away(graphs):
    """A range without events leads to the one that came last; an app without any leads nowhere."""
    answer = await shown(await graphs(memory(NOW - 86_400)))
    assert "No event in this time" in answer.words
    path = unescape(re.search(r'href="(/apps/checkout/events\?from=[^"]*)">Show the latest event', answer.text)[1])
    assert 'data-id="mem"' in (await shown(await graphs(memory(NOW - 86_400)), path)).text
    assert 'id="latest" hidden' in (await shown(await graphs())).text


async def test_hostile_words_stay_words(graphs):
    """HTML, templates and keys of objects in titles, ids, metrics and queries are shown as they are, and do nothing."""
    metric = USED | {"name": "__proto__", "unit": HOSTILE, "points": [[NOW, 1.0], [NOW + 1, 2.0]]}
    event = found(NOW, id=HOSTILE, title=HOSTILE, message=HOSTILE, rule=HOSTILE, metric=metric)
    fake = await graphs(event, found(NOW + 1, id="__proto__", title="W" * 1024, message="W" * 60_000))
    answer = await shown(fake, f"{PAGE}?{urlencode({'text': 'img', 'metric': HOSTILE})}")
    assert "<img src=x" not in answer.text
    assert "{{ 7*7 }}" in answer.words
    assert answer.text.count("<script") == 2, "ours"
    data = await asked(fake)
    assert data["metrics"][0]["name"] == "__proto__"
    assert data["metric_names"] == ["__proto__"]
    hrefs = {event["href"] for event in data["events"]}
    assert "/events/checkout/__proto__" in hrefs
    assert all(href.count("/") == 3 and href.isascii() and "<" not in href for href in hrefs)
    answer = await (await fake.visitor()).get(DATA)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_answer_is_bounded(graphs):
    """Of many metrics with many points the browser gets three, with two thousand points each, and all names."""
    points = [[NOW - 1500 + n * 0.3, float(n % 97)] for n in range(5000)]
    events = [found(NOW + n, id=f"e{n}", metric={"name": f"m{n}", "points": points}) for n in range(8)]
    data = await asked(await graphs(*events))
    assert [metric["name"] for metric in data["metrics"]] == ["m7", "m6", "m5"]
    assert all(POINTS / 2 < len(metric["values"]) <= POINTS + 2 for metric in data["metrics"])
    assert all(metric["thinned"] for metric in data["metrics"])
    assert data["metric_names"] == [f"m{n}" for n in reversed(range(8))]
    chosen = await asked(await graphs(*events), metric="m2")
    assert [metric["name"] for metric in chosen["metrics"]] == ["m2"]


async def test_the_library_comes_from_its_wheel(graphs):
    """It is served under its content's hash, packed, kept for good, to this page alone, and the policy stays strict."""
    fake = await graphs(memory())
    answer = await shown(fake)
    address = re.search(r'data-library="([^"]*)"', answer.text)[1]
    assert "plotly" not in (await shown(fake, "/apps")).text
    assert "script-src 'self'; style-src 'self';" in answer.headers["Content-Security-Policy"]
    visitor = await fake.visitor()
    async with visitor.session.get(fake.url + address, auto_decompress=False) as reply:
        packed = await reply.read()
        assert reply.headers["Content-Encoding"] == "gzip"
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    wheel = Path(find_spec("plotly").submodule_search_locations[0])
    content = (wheel / "package_data" / "plotly.min.js").read_bytes()
    assert gzip.decompress(packed) == content
    assert len(packed) < len(content) / 3
    plain = await visitor.get("/static/plotly.js", headers={"Accept-Encoding": "identity"})
    assert plain.headers["Cache-Control"] == "public, no-cache"
    assert plain.text.startswith("/**\n* plotly.js")


async def test_its_styles_are_there_before_it(graphs):
    """For each sheet that it would add there is an element with the id that it looks for, or the policy complains."""
    text = (await shown(await graphs(memory()))).text
    assert 'id="plotly.js-style-global" class="no-inline-styles"' in text
    assert len(chart_library().styles) == 1, "that of its maps; another version may have more, or name it otherwise"
    assert all(f'<template id="{name}"></template>' in text for name in chart_library().styles)


def test_without_the_library():
    """Nothing is served or pointed to where the package is missing."""
    assert (ChartLibrary(b"").address, ChartLibrary(b"").styles) == ("", [])
