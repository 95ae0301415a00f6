"""The row about a burst: very many deliveries come due at the same moment."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from celery import Celery

from chaos.cluster import Cluster
from chaos.load import APPS, apps, events
from chaos.processes import until
from chaos.row import Measured, Trial
from chaos.verdict import at_most, finished, measured, none

NORMAL_SHARE, SHORT_SHARE = 0.7, 0.3
"""In the short form the burst lasts hardly longer than one tick of the timer that finds it."""
_COUNT = re.compile(r"\((\d+) deliveries")


class Published:
    """Counts the deliveries that workers are woken for, by listening to Celery's events as Flower does."""

    def __init__(self, url: str) -> None:
        self._app = Celery(broker=url)
        self._thread = threading.Thread(target=self._listen, name="published", daemon=True)
        self._receiver: Any = None
        self._ready = threading.Event()
        self.seen: list[tuple[float, int]] = []
        """(epoch seconds, how many deliveries)."""

    def start(self) -> Published:
        """Listen."""
        self._thread.start()
        self._ready.wait(10)
        return self

    def stop(self) -> None:
        """Listen no more."""
        self._receiver.should_stop = True
        self._thread.join(10)
        self._app.close()

    def since(self, at: float) -> int:
        """How many since then."""
        return sum(count for when, count in self.seen if when >= at)

    def _listen(self) -> None:
        with self._app.connection() as connection:
            self._receiver = self._app.events.Receiver(connection, handlers={"task-received": self._note})
            self._ready.set()
            self._receiver.capture(limit=None, timeout=None, wakeup=True)

    def _note(self, event: Mapping[str, Any]) -> None:
        if str(event.get("name", "")).startswith("bellhop.deliver."):
            found = _COUNT.match(str(event.get("args", "")))
            self.seen.append((time.time(), int(found[1]) if found else 1))


def due_at_once(trial: Trial) -> Measured:
    """The vendor asks for a wait, so that all come due at once; first the same number without it, for comparison."""
    many = trial.count(20_000, least=1000)
    wait_s = max(4, many // 500)
    share = SHORT_SHARE if trial.short else NORMAL_SHARE
    with Cluster(trial, apps=lambda url: apps(url, ("webhook",))) as cluster:
        first = cluster.produce(events(many, cluster.names))
        normal = _rate(cluster, many, 0)
        # 429, and not 503: the circuit breaker has a row of its own.
        cluster.vendor.break_down({"status": 429, "headers": {"Retry-After": str(wait_s)}})
        asked = cluster.produce(events(APPS, cluster.names, first=many)).join()
        until(lambda: cluster.client.hlen("bellhop:holds") == APPS, 30, "destinations that are held")
        cluster.vendor.repair()
        second = cluster.produce(events(many - APPS, cluster.names, first=many + APPS)).join()
        until(lambda: _owed(cluster) >= many, wait_s, "all of them owed")
        listening = Published(cluster.redis.url).start()
        due = float(cluster.client.zrange("bellhop:owed", 0, 0, withscores=True)[0][1]) / 1000
        trial.say(f"{many} come due in {due - time.time():.1f} s")
        time.sleep(max(0.0, due - time.time()))
        # Those that were asked to wait come up to a tenth of the wait later than the others.
        burst = _rate(cluster, many - APPS, many)
        tally, drained = finished(cluster, first, asked, second)
        listening.stop()
        return measured(
            tally,
            drained,
            at_most("published (each once)", listening.since(due - 1), many),
            at_most("the normal rate / the rate of the burst", normal / burst, 1 / share, timing=True),
            none("0 duplicates", list(tally.duplicates)),
            none("all delivered", tally.undelivered),
            normal_per_s=round(normal),
            burst_per_s=round(burst),
            published=listening.since(due - 1),
        )


def _owed(cluster: Cluster) -> int:
    standing = cluster.standing()
    return standing["owed"] if not (standing["events"] or standing["woken"] or standing["leased"]) else 0


def _rate(cluster: Cluster, many: int, before: int) -> float:
    """Wait until so many more results are there: how many a second."""
    began = time.monotonic()
    until(lambda: int(cluster.client.xlen("bellhop:results")) >= before + many, 180, f"{many} results")
    return many / (time.monotonic() - began)
