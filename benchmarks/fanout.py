"""Fan-out: what an event with six destinations costs beside one with one, in the worker's processor time.

Like is compared to like: six HipChat rooms to one, and six channels to apps that have one of these six each.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from matplotlib.figure import Figure

from benchmarks import load
from benchmarks.apps import destination, save, with_rooms
from benchmarks.measure import Bench
from benchmarks.plots import bars
from benchmarks.ratios import middle, ratio, times
from benchmarks.table import Options, Table, at_most
from benchmarks.watching import start_worker, until, us_each
from worker.models import App

COLUMNS = ("what", "deliveries", "CPU us per event", "CPU us per delivery", "x one")
SIX = 6
APPS = 200
DELIVERIES = 12_000
"""The same number in each case, so that all have the same time to come into swing."""
SKIPPED = 0.1
"""The share of the deliveries before which nothing is counted: the worker starts."""
ROUTING_KEY = "BenchmarkKeyOfNoIntegration01234"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of app: how many destinations it has, and how it is made of a name and the sink's address."""

    name: str
    destinations: int
    app: Callable[[str, str], App]


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time per delivery in microseconds, and how many deliveries never came."""

    per_delivery_us: float
    lost: int


def six_channels(name: str, sink: str) -> App:
    """Whatever the sink can stand in for: HipChat, Slack, PagerDuty, Nagios by NRDP, and two web hooks."""
    settings = {
        "slack": ("slack", {"webhook_url": f"{sink}/services/{name}"}),
        "pager": ("pagerduty", {"routing_key": ROUTING_KEY, "api_url": sink}),
        "nagios": ("nagios", {"via": "nrdp", "url": f"{sink}/nrdp/", "token": load.TOKEN, "unknown_host": name}),
        "hook": ("webhook", {"url": f"{sink}/hook/{name}"}),
        "template": ("webhook", {"url": f"{sink}/text/{name}", "body": '{"text": {{ headline | tojson }}}'}),
    }
    others = {place: destination(name, place, channel, fields) for place, (channel, fields) in settings.items()}
    return App(name, with_rooms(name, sink).destinations | others)


def one_channel(name: str, sink: str) -> App:
    """One of the six: the apps take turns, by the number at the end of their names."""
    every = list(six_channels(name, sink).destinations.items())
    return App(name, dict([every[int(name.rpartition("-")[2]) % SIX]]))


ONE_ROOM = Case("one HipChat room", 1, with_rooms)
SIX_ROOMS = Case("six HipChat rooms", SIX, lambda name, sink: with_rooms(name, sink, SIX))
ONE_CHANNEL = Case("one of six channels, app by app", 1, one_channel)
SIX_CHANNELS = Case("six: HipChat, Slack, PagerDuty, NRDP, two web hooks", SIX, six_channels)
CASES = (ONE_ROOM, SIX_ROOMS, ONE_CHANNEL, SIX_CHANNELS)
PAIRS = {SIX_ROOMS: ONE_ROOM, SIX_CHANNELS: ONE_CHANNEL}
"""What is compared to what."""


def run(bench: Bench, options: Options) -> Table:
    """Each case once a round, in turn."""
    deliveries = options.of(DELIVERIES, 3000)
    rounds = [[one(bench, case, deliveries) for case in CASES] for _ in range(options.rounds)]
    return table(deliveries, rounds)


def table(deliveries: int, rounds: Sequence[Sequence[Cost]]) -> Table:
    """The figures of all rounds as they are shown."""
    costs = {case: [each[place] for each in rounds] for place, case in enumerate(CASES)}
    ratios = {six: _ratio(six, costs[single], costs[six]) for six, single in PAIRS.items()}
    return Table(
        name="fanout",
        title="Fan-out: an event with six destinations beside one with one",
        columns=COLUMNS,
        rows=tuple(_row(case, mine, deliveries, ratios.get(case)) for case, mine in costs.items()),
        targets=tuple(at_most(case.name, SIX, "x an event with one", x) for case, x in ratios.items()),
        lost=sum(cost.lost for each in rounds for cost in each),
        data={case.name: [asdict(cost) for cost in mine] for case, mine in costs.items()},
        plot=lambda figure: draw(figure, costs),
    )


def draw(figure: Figure, costs: Mapping[Case, Sequence[Cost]]) -> None:
    """What an event costs in each case."""
    us = {case.name: case.destinations * _us(mine) for case, mine in costs.items()}
    bars(figure.subplots(), us, "processor time per event, us", [case.name for case in PAIRS])


def _us(mine: Sequence[Cost]) -> float:
    return middle(cost.per_delivery_us for cost in mine)


def _ratio(case: Case, single: Sequence[Cost], mine: Sequence[Cost]) -> float:
    """An event's cost in units of an event's with one destination: the median of the ratios within each round."""
    pairs = zip(mine, single, strict=True)
    return case.destinations * middle(ratio(a.per_delivery_us, b.per_delivery_us) for a, b in pairs)


def _row(case: Case, mine: Sequence[Cost], deliveries: int, x: float | None) -> tuple[str, ...]:
    each = _us(mine)
    beside = "" if x is None else times(x)
    return case.name, f"{deliveries:,}", f"{each * case.destinations:,.0f}", f"{each:,.0f}", beside


def one(bench: Bench, case: Case, deliveries: int) -> Cost:
    """Deliver so much from a stream that was filled before."""
    bench.reset()
    names = [f"app-{number}" for number in range(APPS)]
    save(bench.redis_url, (case.app(name, bench.sink_url) for name in names))
    events = deliveries // case.destinations
    awaited = events * case.destinations
    fill(bench, events, names)
    with start_worker(bench) as child:
        before = until(bench, child, case.name, int(awaited * SKIPPED))
        after = until(bench, child, case.name, awaited, settled=awaited)
        delivered = _delivered(bench.redis)
    return Cost(us_each(before, after), awaited - delivered)


def fill(bench: Bench, events: int, names: Sequence[str]) -> None:
    """Put so many events on the stream; the apps take turns."""
    run_name, pipe = uuid.uuid4().hex[:8], bench.redis.pipeline(transaction=False)
    for number in range(events):
        event = load.event(run_name, number) | {"app": names[number % len(names)]}
        pipe.xadd(f"{load.PREFIX}:events", {"event": orjson.dumps(event)})
    pipe.execute()


def _delivered(redis: Any) -> int:
    """How many results say delivered; `load.delivered` tells events apart, not deliveries."""
    rows = redis.xrange(f"{load.PREFIX}:results")
    return sum(orjson.loads(fields[b"result"])["outcome"] == "delivered" for _, fields in rows)
