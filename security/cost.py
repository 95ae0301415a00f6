"""What the guard and decryption cost a delivery: processor time, beside that of a whole delivery.

A delivery is measured by `benchmarks.stages`: the worker's own functions against a real Redis and a sink. Settings are
decrypted when an app is read, and an app is read once per process until somebody changes it; the guard looks at the
address of each connection, and connections are kept. So both have two figures: what it costs each time it is done, and
what that is per delivery.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import uvloop

from benchmarks import load
from benchmarks.measure import bench
from benchmarks.stages import Stages
from config.settings import read_settings
from security.row import Row, Say
from worker.keys import Cipher
from worker.models import App, Destination
from worker.stores.sealed_settings import Place, whole_settings
from worker.stores.sealing import KEY_FIELD, sealed_app
from worker.transports.addresses import Guard

DELIVERIES: Final = 10_000
LEAST: Final = 1_000
BATCH: Final = 200
ROUNDS: Final = 50
EACH: Final = 200
LIMIT: Final = 0.05
ADDRESSES: Final = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "10.1.2.3", "::ffff:10.1.2.3")
"""Public ones, and two of a range that an operator allowed."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of processor time."""

    delivery: float
    decryption: float
    """Of an app with one destination, each time it is read."""
    guard: float
    """Of one address, in the mean."""
    slowest_address: float


def costs_of(deliveries: int) -> Costs:
    """All of them."""
    guard = [_best_us(_checking(address)) for address in ADDRESSES]
    delivery = _delivery_us(deliveries)
    return Costs(delivery, _best_us(_decrypting()), sum(guard) / len(guard), max(guard))


def _delivery_us(count: int) -> float:
    """A whole delivery, from the stream to its result, without Celery: that makes it dearer, and shares smaller."""
    settings = read_settings(allowed_addresses="127.0.0.0/8", log_level="warning")
    with bench(lambda *_: None) as running:
        asyncio.run(load.save_apps(running.redis_url, running.sink_url))
        for _ in load.fill(running.redis, count):
            pass

        async def work() -> dict[str, float]:
            return await Stages(running, settings).run(BATCH)

        spent = uvloop.run(work())
        settled = load.settled(running.redis)
    if settled != count:
        raise AssertionError(f"{settled} of {count} deliveries were settled")
    return sum(spent.values()) / count * 1e6


def _decrypting() -> Callable[[], object]:
    """What reading an app costs more than reading clear text: its data key is unwrapped, its secret unsealed."""
    destination = Destination("app-0", "room", "hipchat", load.settings(0, "https://hipchat.example"))
    fields = sealed_app(App("app-0", {"room": destination}), load.KEYS)
    key, stored = orjson.loads(fields[KEY_FIELD]), orjson.loads(fields["room"])
    place = Place("app-0", "room", "hipchat")

    def decrypt() -> Any:
        cipher = Cipher(load.KEYS.unwrap(base64.b64decode(key["wrapped"]), key["master"], "app-0"))
        return whole_settings(dict(stored["settings"]), stored["sealed"], cipher, place)

    if decrypt()["token"] != load.TOKEN:
        raise AssertionError("what is measured does not decrypt")
    return decrypt


def _checking(address: str) -> Callable[[], object]:
    settings = read_settings(allowed_addresses="10.0.0.0/8,192.0.2.0/24,2001:db8::/32")
    guard = Guard(settings.allowed_addresses)
    if not guard.allows(address):
        raise AssertionError(f"{address} is not allowed")
    return lambda: guard.allows(address)


def _best_us(work: Callable[[], object]) -> float:
    """The best of many rounds, so that a busy machine moves it little."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(EACH):
            work()
        best = min(best, time.thread_time() - began)
    return best / EACH * 1e6


def measure(scale: float, say: Say) -> list[Row]:
    """The rows of this part."""
    say("what a delivery costs")
    many = max(LEAST, round(DELIVERIES * scale))
    return rows(costs_of(many), load.APPS / many)


def rows(costs: Costs, reads_each: float) -> list[Row]:
    """The table's lines; `reads_each` is how many apps were read per delivery."""
    each = costs.decryption * reads_each
    aim = f"<= {LIMIT:.0%} of a delivery"
    return [
        Row(
            "decryption per delivery, settings cached",
            aim,
            f"{each:.2f} µs of {costs.delivery:.0f} µs ({each / costs.delivery:.2%})",
            holds=each <= LIMIT * costs.delivery,
            note=f"{costs.decryption:.1f} µs each time an app is read ({costs.decryption / costs.delivery:.1%}); "
            f"here for every {1 / reads_each:.0f} deliveries",
        ),
        Row(
            "address guard per delivery, a connection for each",
            aim,
            f"{costs.guard:.2f} µs of {costs.delivery:.0f} µs ({costs.guard / costs.delivery:.2%})",
            holds=costs.guard <= LIMIT * costs.delivery,
            note=f"at the most {costs.slowest_address:.1f} µs; kept connections are not looked at again",
        ),
    ]
