"""What pages ask the console's history, each question with values of its own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.console_load import APPS, BUSIEST, HOSTS
from benchmarks.figures import percentile
from worker.web.history import History
from worker.web.history_rows import DeliveryFilter

HOUR, DAY, THREE_DAYS = 3600.0, 86_400.0, 3 * 86_400.0
Ask = Callable[["Asker"], Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a question takes, in milliseconds, and how many rows its last answer had."""

    p50_ms: float
    p95_ms: float
    worst_ms: float
    rows: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a history whose latest events are of `now`, and dice."""

    history: History
    now: float
    rng: random.Random

    @property
    def some_app(self) -> str:
        """One of those that are not busy."""
        return f"app-{self.rng.randrange(1, APPS)}"

    @property
    def ten_apps(self) -> set[str]:
        """What somebody may see who may not see everything."""
        return {f"app-{number}" for number in self.rng.sample(range(1, APPS), 10)}

    def events(self, app: str | None, span_s: float, **options: Any) -> Any:
        """A page of events."""
        return self.history.events(app, self.now - span_s, self.now + 1, **options)

    def histogram(self, app: str | None, span_s: float, **options: Any) -> Any:
        """A histogram of sixty slots or fewer."""
        return self.history.histogram(app, self.now - span_s, self.now + 1, 60, **options)

    def page_of_events(self) -> Any:
        """A page from somewhere far back."""
        return self.events(None, THREE_DAYS, before=round((self.now - self.rng.uniform(0, 2 * DAY)) * 1000) << 20)

    def page_of_deliveries(self) -> Any:
        """A page from somewhere far back."""
        far_back = round((self.now - self.rng.uniform(0, 2 * DAY)) * 1000) << 20
        return self.history.deliveries(DeliveryFilter(), before=(far_back, 0))

    def deliveries(self, **wanted: Any) -> Any:
        """A page of deliveries."""
        return self.history.deliveries(DeliveryFilter(**wanted))


QUERIES: Final[Mapping[str, Ask]] = {
    "events: the latest of all apps": lambda ask: ask.events(None, THREE_DAYS),
    "events: a page far back": lambda ask: ask.page_of_events(),
    "events: critical and firing, the busiest app": lambda ask: ask.events(
        BUSIEST, THREE_DAYS, severity="critical", status="firing"
    ),
    "events: ten apps that may be seen": lambda ask: ask.events(None, THREE_DAYS, visible=ask.ten_apps),
    "search: a word that all events have": lambda ask: ask.events(None, THREE_DAYS, text="seconds"),
    "search: words of some events of an app": lambda ask: ask.events(
        ask.some_app, THREE_DAYS, text=f"host-{ask.rng.randrange(HOSTS)} payment"
    ),
    "search: the beginning of a word": lambda ask: ask.events(None, THREE_DAYS, text="data"),
    "search: what no event has": lambda ask: ask.events(None, THREE_DAYS, text="nowhere"),
    "histogram: an hour, all apps": lambda ask: ask.histogram(None, HOUR),
    "histogram: three days, all apps": lambda ask: ask.histogram(None, THREE_DAYS),
    "histogram: three days, the busiest app": lambda ask: ask.histogram(BUSIEST, THREE_DAYS),
    "histogram: three days, ten apps": lambda ask: ask.histogram(None, THREE_DAYS, visible=ask.ten_apps),
    "histogram: a search, a day of an app": lambda ask: ask.histogram(ask.some_app, DAY, text="payment"),
    "series: an hour of the busiest app": lambda ask: ask.history.series(BUSIEST, ask.now - HOUR, ask.now),
    "series: a day of an app, four metrics": lambda ask: ask.history.series(ask.some_app, ask.now - DAY, ask.now),
    "deliveries: the latest": lambda ask: ask.deliveries(),
    "deliveries: a page far back": lambda ask: ask.page_of_deliveries(),
    "deliveries: failed": lambda ask: ask.deliveries(state="failed"),
    "deliveries: delivered, by a channel": lambda ask: ask.deliveries(state="delivered", channel="slack"),
    "deliveries: a reason, an app": lambda ask: ask.deliveries(reason="not_found", app=ask.some_app),
    "deliveries: of a destination": lambda ask: ask.deliveries(app=ask.some_app, destination="room"),
    "deliveries: owed, ten apps": lambda ask: ask.deliveries(state="owed", visible=ask.ten_apps),
    "health: the busiest destination": lambda ask: ask.history.destination_health(BUSIEST, "room"),
    "counts of all apps": lambda ask: ask.history.apps(),
}


def timed(asker: Asker, ask: Ask, times: int) -> Timing:
    """Ask that often."""
    found, took = None, []
    for _ in range(times):
        began = time.perf_counter()
        found = ask(asker)
        took.append((time.perf_counter() - began) * 1000)
    rows = len(found) if isinstance(found, list) else 1
    return Timing(percentile(took, 0.5), percentile(took, 0.95), max(took), rows)
