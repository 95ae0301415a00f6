"""The fan-out measure's pure parts: its apps, what the sink answers for their vendors, and the ratios."""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson
import pytest
from matplotlib.figure import Figure

from benchmarks import load
from benchmarks.apps import with_rooms
from benchmarks.fanout import CASES, SIX, Cost, one_channel, six_channels, table
from benchmarks.sink import accepted
from worker.channels import CHANNELS
from worker.events import parse_event
from worker.messages import HttpPost, Reply
from worker.models import Kind, Notice

SINK = "http://127.0.0.1:8080"


def a_notice():
    """An event of the measure's."""
    raw = orjson.dumps(load.event("run", 7))
    event = parse_event(raw, default_id="7", received_at=1.7e9, max_bytes=4096)
    return Notice(event=event, delivery_id="x/y/z/7", attempt=1, now=1.7e9)


def as_reply(answer):
    """The sink's bytes as a transport would hand them on."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return Reply(int(head.split()[1]), body, {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_destination_posts_to_the_sink_and_is_content_with_its_answer(case):
    """An app has as many destinations as its case says; each posts to the sink, and takes the answer for a delivery."""
    app = case.app("app-1", SINK)
    assert len(app.destinations) == case.destinations
    for destination in app.destinations.values():
        channel = CHANNELS[destination.channel]
        composed = channel.compose(a_notice(), destination.settings)
        assert isinstance(composed, HttpPost)
        assert composed.url.startswith(f"{SINK}/")
        answer = as_reply(accepted(urlsplit(composed.url).path.encode()))
        assert channel.judge(answer, destination.settings).kind is Kind.DELIVERED
        assert destination.rate_limit == "off"


def test_answers_have_the_length_that_they_state():
    """What the sink says for each vendor is a whole HTTP answer: its length is its body's."""
    for path in (b"/services/x", b"/v2/enqueue", b"/nrdp/"):
        head, _, body = accepted(path).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head


def test_no_two_destinations_share_an_address():
    """The rooms of one app, and those of different apps, are different places."""
    apps = [with_rooms(f"app-{number}", SINK, SIX) for number in range(3)]
    addresses = [each.settings.address.url for app in apps for each in app.destinations.values()]
    assert len(set(addresses)) == len(addresses) == 3 * SIX


def test_six_channels_are_five_kinds():
    """All the channels that are reached by HTTP are there."""
    kinds = {each.channel for each in six_channels("app-1", SINK).destinations.values()}
    assert kinds == {"hipchat", "slack", "pagerduty", "nagios", "webhook"}


def test_apps_with_one_channel_take_turns():
    """Of six apps in a row each has another of the six destinations, the very one that an app with all has."""
    ones = [one_channel(f"app-{number}", SINK).destinations for number in range(SIX)]
    assert [len(each) for each in ones] == [1] * SIX
    assert {name for each in ones for name in each} == set(six_channels("app-1", SINK).destinations)


def test_an_event_with_six_is_compared_to_an_event_with_one():
    """The ratio is of whole events, of like with like, within each round; it holds up to six and no further."""
    first = [Cost(300.0, 0), Cost(200.0, 0), Cost(400.0, 0), Cost(400.0, 0)]
    second = [Cost(600.0, 1), Cost(400.0, 0), Cost(800.0, 0), Cost(808.0, 2)]
    found = table(1000, [first, second])
    rooms, channels = found.targets
    assert (rooms.value, rooms.holds) == (pytest.approx(4.0), True)
    assert (channels.value, channels.holds) == (pytest.approx(6.03), False)
    assert found.rows[0] == ("one HipChat room", "1,000", "450", "450", "")
    assert found.rows[1] == ("six HipChat rooms", "1,000", "1,800", "300", "4.00 x")
    assert found.lost == 3
    figure = Figure()
    found.plot(figure)
    assert figure.axes
