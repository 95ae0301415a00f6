"""Pages of a console over HTTP, as a browser that is logged in on this machine asks for them, one after the other."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Final
from urllib.parse import urlsplit

from benchmarks.console_load import BUSIEST
from benchmarks.console_queries import Timing
from benchmarks.figures import percentile

OK: Final = 200
NOT_FOUND: Final = 404
ASKED_EVERY_S: Final = 0.2
"""While the past is read; more often, and asking would be what takes the time."""
GRAPH: Final = f"/apps/{BUSIEST}/events"
DATA: Final = f"/api/v1/apps/{BUSIEST}/graph"
PAGES: Final[Mapping[str, str]] = {
    "page: the apps": "/apps",
    "page: an app and its destinations": f"/apps/{BUSIEST}",
    "page: the event graph, the last hour": GRAPH,
    "page: the event graph, three days": f"{GRAPH}?last=3d",
    "page: the event graph, a search over three days": f"{GRAPH}?last=3d&text=payment+host-7",
    "page: the event graph, a word that all events have": f"{GRAPH}?last=3d&text=seconds",
    "graph as JSON, the last hour": DATA,
    "graph as JSON, three days": f"{DATA}?last=3d",
    "page: deliveries": "/deliveries",
    "page: deliveries of an app": f"/deliveries?app={BUSIEST}",
    "page: state": "/state",
    "page: the audit log": "/audit",
}
FIRST_VISIT: Final = "first visit: the event graph with all that it loads"
OFTEN: Final = "page and JSON of the graph, while the past is read"
LOADED: Final = re.compile(rb'(?:href|src|data-library)="(/static/[^"]+)"')


@dataclass(frozen=True, slots=True)
class PageTiming:
    """How long one takes, and how many bytes came over the wire."""

    timing: Timing
    size: int


class Browser:
    """One connection, kept open."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = HTTPConnection(place.hostname or "", place.port, timeout=60)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body as it came, compressed where the console does that."""
        self._connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def load(self, *paths: str) -> tuple[float, int]:
        """Get them one after the other; milliseconds and bytes. RuntimeError where one is not there."""
        began, size = time.perf_counter(), 0
        for path in paths:
            status, body = self.get(path)
            if status != OK:
                raise RuntimeError(f"{path} was answered with {status}")
            size += len(body)
        return (time.perf_counter() - began) * 1000, size

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def loads(url: str, times: int) -> dict[str, PageTiming]:
    """Each page so many times, after once to warm up; those that this version has not are left out."""
    with closing(Browser(url)) as browser:
        ways = {name: (path,) for name, path in PAGES.items() if browser.get(path)[0] != NOT_FOUND}
        first_visit = (GRAPH, *_belonging(browser), DATA)
        return {name: _timed(browser, paths, times) for name, paths in (ways | {FIRST_VISIT: first_visit}).items()}


def _belonging(browser: Browser) -> Iterator[str]:
    """The files that the event graph's page names: styles, scripts and plotly.js."""
    found = LOADED.findall(browser.get(GRAPH)[1])
    return (path.decode() for path in dict.fromkeys(found))


def _timed(browser: Browser, paths: tuple[str, ...], times: int) -> PageTiming:
    browser.load(*paths)
    found = [browser.load(*paths) for _ in range(times)]
    return PageTiming(timing([took for took, _ in found]), found[-1][1])


def loads_until(url: str, enough: threading.Event) -> list[float]:
    """The event graph's page and its JSON, time and again, in milliseconds."""
    found = []
    with closing(Browser(url)) as browser:
        while not enough.wait(ASKED_EVERY_S):
            found.append(browser.load(GRAPH, DATA)[0])
    return found


def timing(took_ms: list[float]) -> Timing:
    """Of so many loads; there are as many rows as loads."""
    if not took_ms:
        return Timing(0.0, 0.0, 0.0, 0)
    return Timing(percentile(took_ms, 0.5), percentile(took_ms, 0.95), max(took_ms), len(took_ms))
