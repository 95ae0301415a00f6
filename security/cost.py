"""What the guard and decryption cost a delivery: processor time, beside that of a whole delivery.

A delivery is what `benchmarks.stages` measures: the worker's own functions against a real Redis and a sink, without
Celery and without TLS, which make it dearer. Settings are decrypted when an app is read, and that is once per process
until somebody changes them. The guard looks at the address of each new connection, and the measured deliveries keep
theirs. For a delivery with a connection of its own what opening one costs is added, by plain TCP to this very machine.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import orjson
import uvloop

from benchmarks import load
from benchmarks.measure import ROOT, environment
from benchmarks.stages import CONCURRENT
from config.settings import read_settings
from security.row import Row, Say
from worker.allow_list import AllowList
from worker.keys import Cipher
from worker.models import App, Destination
from worker.stores.sealed_settings import Place, whole_settings
from worker.stores.sealing import KEY_FIELD, sealed_app
from worker.transports.addresses import Guard

DELIVERIES: Final = 10_000
LEAST: Final = 5_000
"""The apps take turns: with fewer deliveries most would read an app for the first time, which is not what is cached."""
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
    """On a connection that is kept."""
    connection: float
    """To open one, and close it."""
    decryption: float
    """Of an app with one destination, each time it is read."""
    guard: float
    """Of one address, in the mean."""
    slowest: float
    """Of the address that takes longest."""


def costs_of(deliveries: int) -> Costs:
    """All of them."""
    guard = [_best_us(_checking(address)) for address in ADDRESSES]
    delivery = _delivery_us(deliveries)
    return Costs(delivery, _connection_us(), _best_us(_decrypting()), sum(guard) / len(guard), max(guard))


def _delivery_us(count: int) -> float:
    """A whole delivery, from the stream to its result, without Celery: that makes it dearer, and shares smaller."""
    command = [sys.executable, "-m", "benchmarks.stages", "--count", str(count), "--batch", str(BATCH)]
    done = subprocess.run(command, cwd=ROOT, env=environment({}), capture_output=True, text=True, check=False)  # noqa: S603 - our own
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode or not last.startswith(f"all of them, {count} settled"):
        raise AssertionError(f"benchmarks.stages: {last} {done.stderr[-2000:]}")
    return float(last.split()[-1])


def _connection_us() -> float:
    """A TCP connection; who takes it does so on a thread of his own."""
    with socket.create_server(("127.0.0.1", 0), backlog=EACH) as server, ThreadPoolExecutor(1) as taker:
        taken = taker.submit(_take, server)
        address = server.getsockname()
        best = uvloop.run(_connecting(address))
        with socket.create_connection(address) as last:
            last.sendall(b".")
        taken.result(10)
    return best


def _take(server: socket.socket) -> None:
    """Take connections until one says something."""
    said = b""
    while not said:
        taken, _ = server.accept()
        with taken:
            said = taken.recv(1)


async def _connecting(address: tuple[str, int]) -> float:
    loop, best = asyncio.get_running_loop(), float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(EACH):
            with socket.socket() as mine:
                mine.settimeout(0)
                await loop.sock_connect(mine, address)
        best = min(best, time.thread_time() - began)
    return best / EACH * 1e6


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
    guard = Guard(AllowList(settings.allowed_addresses))
    if words := guard.objection(address, port=443):
        raise AssertionError(words)
    return lambda: guard.objection(address, port=443)


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
    return rows(costs_of(many), load.APPS / many, CONCURRENT / many)


def rows(costs: Costs, reads_each: float, connections_each: float) -> list[Row]:
    """The table's lines; how many apps were read, and connections opened, per delivery."""
    each, look, alone = costs.decryption * reads_each, costs.guard * connections_each, costs.delivery + costs.connection
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
            "address guard per delivery, connections kept",
            aim,
            f"{look:.2f} µs of {costs.delivery:.0f} µs ({look / costs.delivery:.2%})",
            holds=look <= LIMIT * costs.delivery,
            note=f"{costs.guard:.1f} µs for each new connection, at the most {costs.slowest:.1f} "
            f"({costs.guard / alone:.1%} of a delivery with a plain one of its own); here {CONCURRENT} connections",
        ),
    ]
