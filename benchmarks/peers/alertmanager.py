"""Prometheus' Alertmanager: one notification an alert, its web hook to the same sink.

It has no channel for HipChat any more and no queue on Redis: it takes alerts over HTTP while it notifies, keeps them in
memory, and posts a JSON of its own around the same words. So it does less than Bellhop does.
https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson

from benchmarks import load, measure
from benchmarks.comparison import ALERTMANAGER
from benchmarks.figures import Throughput
from benchmarks.measure import Bench, Spent
from benchmarks.peers import install
from benchmarks.processes import Child
from benchmarks.table import Options

COUNT = 10_000
AT_ONCE = 500
READY_S = 15.0


def prepare(bench: Bench) -> Callable[[Bench, Options], Throughput]:
    """Install it; what measures it. Missing where it cannot be."""
    bench.show("installing Alertmanager", 0, 1)
    binary = install.alertmanager()
    return lambda bench, options: throughput(bench, options, binary)


def throughput(bench: Bench, options: Options, binary: Path) -> Throughput:
    """Alerts posted as fast as they are taken; all of its processor time counts, since it cannot be filled first."""
    count = options.of(COUNT, 200)
    bench.reset()
    batches = list(_batches(count))
    address = f"127.0.0.1:{_free_port()}"
    with _started(bench, binary, address) as server:
        before, began = measure.spent(bench, [server]), time.monotonic()
        for number, batch in enumerate(batches):
            _post(f"http://{address}/api/v2/alerts", batch)
            bench.show("posting alerts", number, len(batches))
        seen = measure.until(bench, [server], ALERTMANAGER, count)
        after = measure.spent(bench, [server])
    others = measure.others(before, after, time.monotonic() - began)
    return replace(figures(before, after, seen, count), others=others)


def figures(before: Spent, after: Spent, seen: dict[str, float], count: int) -> Throughput:
    """From what was spent and what the sink saw: `count`, `first` and `last` arrival."""
    arrived = int(seen["count"])
    span = seen["last"] - seen["first"]
    if arrived <= 1 or span <= 0:
        return Throughput(ALERTMANAGER, arrived, 0.0, 0.0, max(0, count - arrived))
    found = Throughput(ALERTMANAGER, arrived, arrived / span, (after.workers - before.workers) / arrived * 1e6)
    sink_us = (after.sink - before.sink) / arrived * 1e6
    return replace(found, lost=max(0, count - arrived), doubled=max(0, arrived - count), sink_us=sink_us)


def configuration(sink: str) -> str:
    """Each alert is a group of its own and notified at once; as YAML, of which JSON is a part."""
    message = load.message(sink)
    token = dict(message.headers).get("Authorization", "").removeprefix("Bearer ")
    hook = {
        "url": message.url,
        "send_resolved": False,
        "http_config": {"authorization": {"type": "Bearer", "credentials": token}},
    }
    route = {
        "receiver": "sink",
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "5m",
        "repeat_interval": "12h",
    }
    return orjson.dumps({"route": route, "receivers": [{"name": "sink", "webhook_configs": [hook]}]}).decode()


def _batches(count: int) -> Iterator[bytes]:
    alerts = [_alert(number) for number in range(count)]
    for start in range(0, count, AT_ONCE):
        yield orjson.dumps(alerts[start : start + AT_ONCE])


def _alert(number: int) -> dict[str, dict[str, object]]:
    event = load.event("alert", number)
    return {
        "labels": {"alertname": event["rule"], "app": event["app"], "host": event["source"]},
        "annotations": {"title": event["title"], "message": event["message"]},
    }


def _started(bench: Bench, binary: Path, address: str) -> Child:
    config = bench.folder / "alertmanager.yml"
    config.write_text(configuration(bench.sink_url))
    server = bench.child(
        "alertmanager",
        str(binary),
        f"--config.file={config}",
        f"--storage.path={bench.folder / f'alertmanager-{time.time_ns()}'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )
    _wait_ready(server, f"http://{address}/-/ready")
    return server


def _wait_ready(server: Child, url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and server.running:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own child
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    words = server.last_words()
    server.stop()
    raise install.Missing(f"it does not start: {install.reason(words)}")


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own child
    with urllib.request.urlopen(request, timeout=60):  # noqa: S310 - same
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
