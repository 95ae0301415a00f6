"""What the pure stages of a delivery cost: `python -m benchmarks.pure`. One process, no Redis, nothing on the wire.

Each figure is this thread's processor time over one batch, divided by the batch: the best of many rounds, in each of
which the stages take turns, so that a busy machine moves it little. The yardstick is a fixed piece of Python: where it
moved, the machine did. `python -m cProfile -s tottime -m benchmarks.pure --only compose` says what costs.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast

import orjson
import structlog
import typer
from redis.asyncio import Redis

from benchmarks import load
from config.logging import configure
from config.settings import read_settings
from worker.attempt import Attempted
from worker.channels import CHANNELS
from worker.commands.output import print_table
from worker.dispatch import plan
from worker.events import dump_event, load_event, parse_event
from worker.messages import Reply
from worker.models import App, Delivery, DeliveryId, Destination, Event, Notice
from worker.progress import DeliveryRules, notice_of, outcome_of, refusal
from worker.record import load_attempts, record_and_result
from worker.routes import Route, Routes, destination_of
from worker.stores.destinations import RedisDestinations
from worker.stores.sealing import sealed_app

BATCH = 200
YARDSTICK = "(yardstick)"
NOW = 1_795_442_700.0  # 2026-11-23 14:05:00 UTC
SINK = "http://127.0.0.1:8080"
NO_CONTENT = Reply(status=204, headers={"date": "Mon, 23 Nov 2026 14:05:00 GMT"}, elapsed_ms=12.345)
OTHERS: dict[str, tuple[dict[str, Any], Reply]] = {
    "slack": ({"webhook_url": f"{SINK}/services/T00/B00/XXXXXXXXXXXX"}, Reply(status=200, body=b"ok")),
    "email": ({"to": "a@example.com", "from": "b@example.com", "host": "localhost"}, Reply(status=250, body=b"OK")),
    "pagerduty": (
        {"routing_key": "0123456789abcdef" * 2},
        Reply(status=202, body=b'{"status":"success","message":"Event processed","dedup_key":"app-0:1"}'),
    ),
    "nagios": ({"via": "nsca", "host": "localhost", "encryption_method": 0}, Reply()),
    "webhook": ({"url": f"{SINK}/hook/XXXXXXXXXXXX"}, Reply(status=200, body=b"ok")),
}
"""Settings of the other channels, and what their vendors answer."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stage:
    """Something that is done to a whole batch, and how often a delivery needs it."""

    name: str
    run: Callable[[], object]
    times: int = 1


class StillRedis:
    """As much of a Redis as a lookup asks for, on which nothing ever changes."""

    def __init__(self, apps: Mapping[str, App]) -> None:
        self._stored = {f"{load.PREFIX}:app:{name}": _hash(app) for name, app in apps.items()}
        self._answers: list[Any] = []

    async def __aenter__(self) -> Self:
        """It is its own pipeline."""
        self._answers = []
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to give back."""

    def pipeline(self, **_: object) -> Self:
        """It is its own pipeline."""
        return self

    def smismember(self, _key: str, names: Sequence[str]) -> None:
        """All of them exist."""
        self._answers.append([1] * len(names))

    def hgetall(self, key: str) -> None:
        """An app's destinations as they are stored."""
        self._answers.append(self._stored[key])

    async def execute(self) -> list[Any]:
        """What was asked for."""
        return self._answers

    async def xrevrange(self, *_: object, **__: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The last change, always the same."""
        return [(b"1-0", {b"apps": b""})]


def _hash(app: App) -> dict[bytes, bytes]:
    return {name.encode(): raw for name, raw in sealed_app(app, load.KEYS).items()}


class Batch:
    """One batch as it looks before each stage."""

    def __init__(self) -> None:
        self.raws = [orjson.dumps(load.event("pure", number)) for number in range(BATCH)]
        self.events = [parsed(raw) for raw in self.raws]
        self.apps = {app.name: app for app in map(_app, range(BATCH))}
        self.kept = [(f"hipchat/{event.app}/room/{event.id}", dump_event(event)) for event in self.events]
        self.deliveries = [delivery(ref, raw) for ref, raw in self.kept]
        self.routes = Routes(CHANNELS)
        self.found = [self.route(each) for each in self.deliveries]
        self.progress = [ended(each, route) for each, route in zip(self.deliveries, self.found, strict=True)]

    def route(self, each: Delivery) -> Route:
        """Where a delivery goes."""
        route = self.routes.find(self.apps, each.id)
        if route is None:
            raise LookupError(f"no route for {each.id}")
        return route


def _app(number: int) -> App:
    name = load.app_name(number)
    return App(name, {"room": Destination(name, "room", "hipchat", load.settings(number, SINK), rate_limit="off")})


def parsed(raw: bytes) -> Event:
    """As dispatch does it."""
    return parse_event(raw, default_id="1-0", received_at=NOW, max_bytes=262_144)


def delivery(ref: str, raw: bytes) -> Delivery:
    """A claimed delivery, as the deliver step loads it."""
    event = load_event(raw)
    return Delivery(DeliveryId.parse(ref), f"lease|{ref}", event, load_attempts(None), NOW, event.received_at)


def permitted(batch: Batch, each: Delivery) -> object:
    """Route and refusal, as the deliver step asks for them."""
    return refusal(each, destination_of(batch.apps, each.id), batch.routes.find(batch.apps, each.id), RULES)


def ended(each: Delivery, route: Route, reply: Reply = NO_CONTENT) -> Any:
    """What follows from a reply."""
    attempted = Attempted(route.channel.judge(reply, route.destination.settings), "", reply)
    return outcome_of(each, route, attempted, now=NOW + 1, rules=RULES, jitter=0.5)


RULES = DeliveryRules()


def stages(batch: Batch) -> Iterator[Stage]:
    """The stages of a HipChat delivery, in order."""
    looked_up = destinations(StillRedis(batch.apps))
    names = [event.app for event in batch.events]
    pairs = list(zip(batch.deliveries, batch.found, strict=True))
    yield Stage("parse and check", lambda: [parsed(raw) for raw in batch.raws])
    yield Stage("look the app up, in the cache", lambda: finished(looked_up.lookup(names)), times=2)
    yield Stage(
        "plan, event as JSON", lambda: [plan("1-0", event, batch.apps[event.app], NOW) for event in batch.events]
    )
    yield Stage("load the event", lambda: [delivery(ref, raw) for ref, raw in batch.kept])
    yield Stage("route, may it be tried", lambda: [permitted(batch, each) for each in batch.deliveries])
    yield Stage(
        "compose",
        lambda: [route.channel.compose(notice_of(each, None), route.destination.settings) for each, route in pairs],
    )
    yield Stage("judge and decide", lambda: [ended(each, route) for each, route in pairs])
    yield Stage("record and result as JSON", lambda: [record_and_result(each) for each in batch.progress])
    yield Stage("the log line, filtered", lambda: [told(batch.events[0]) for _ in batch.events])


def told(event: Event) -> object:
    """A line as wide as delivery's, at a level that is not shown."""
    return log.info(
        "delivery.settled", delivery=event.id, to="", attempt=1, outcome="", reason="", status_code=204, elapsed_ms=12.3
    )


def beside(batch: Batch) -> Iterator[Stage]:
    """What is not in the sum: an app that is looked up for the first time, and the other channels."""
    still = StillRedis(batch.apps)
    yield Stage("look an app up, afresh", lambda: finished(destinations(still).lookup(batch.apps)))
    notices = [notice_of(each, None) for each in batch.deliveries]
    for name, (raw, reply) in OTHERS.items():
        channel = CHANNELS[name]
        settings = channel.settings.model_validate(raw)
        yield Stage(f"compose: {name}", composing(channel.compose, notices, settings))
        yield Stage(f"judge: {name}", judging(channel.judge, reply, settings))


def composing(compose: Callable[[Notice, Any], object], notices: Sequence[Notice], settings: Any) -> Callable[[], Any]:
    """Composes a batch."""
    return lambda: [compose(notice, settings) for notice in notices]


def judging(judge: Callable[[Reply, Any], object], reply: Reply, settings: Any) -> Callable[[], Any]:
    """Judges a batch of the same replies."""
    return lambda: [judge(reply, settings) for _ in range(BATCH)]


def destinations(still: StillRedis) -> RedisDestinations:
    """A store with an empty cache."""
    return RedisDestinations(cast("Redis", still), load.PREFIX, load.KEYS)


def finished(waiting: Any) -> object:
    """What a coroutine returns that never has to wait."""
    try:
        waiting.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it had to wait")


def yardstick() -> Stage:
    """Some work that no change of ours makes faster."""
    words = [f"host-{number}" for number in range(BATCH)]
    return Stage(YARDSTICK, lambda: [",".join(sorted({word, word.upper(), word[::-1]})).split(",") for word in words])


def best_us(wanted: Sequence[Stage], rounds: int) -> dict[str, float]:
    """By stage: microseconds of this thread's processor time per delivery, in the best of the rounds."""
    best = dict.fromkeys((each.name for each in wanted), float("inf"))
    for _ in range(rounds + 1):  # one to warm up
        for each in wanted:
            best[each.name] = min(best[each.name], spent_s(each.run))
    return {each.name: best[each.name] / BATCH * 1e6 * each.times for each in wanted}


def spent_s(run: Callable[[], object]) -> float:
    """Seconds of this thread's processor time."""
    began = time.thread_time()
    run()
    return time.thread_time() - began


def main(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each stage is done.")] = 100,
    only: Annotated[str, typer.Option(help="Only stages whose name holds this.")] = "",
) -> None:
    """What each pure stage costs, in microseconds of processor time per delivery."""
    configure(read_settings(log_level="warning"))
    gc.set_threshold(50_000, 20, 100)  # as the worker does
    batch = Batch()
    chain = best_us([each for each in (yardstick(), *stages(batch)) if only in each.name], rounds)
    other = best_us([each for each in beside(batch) if only in each.name], max(1, rounds // 10))
    total = sum(us for name, us in chain.items() if name != YARDSTICK)
    rows = [*chain.items(), ("sum", total), *other.items()]
    print_table(("stage", "us each"), [(name, f"{us:.2f}") for name, us in rows])


if __name__ == "__main__":
    typer.run(main)
