"""A shop's afternoon as the console has it on record: a memory leak, errors in the logs, and the usual small things."""

from __future__ import annotations

import math
import random
from functools import partial

from fakes.history import found, history_of

from worker.web.history_rows import Feeding
from worker.web.history_values import Standing

HALF_PAST_TWO = 1_767_623_400.0
"""Monday, 5 January 2026, 14:30 UTC."""
MINUTE = 60
GIB = 1_073_741_824
WHOM = (("ops-room", "hipchat"), ("on-call", "pagerduty"))
USED = {"name": "used", "unit": "bytes", "aggregation": "avg", "comparator": ">", "threshold": GIB, "window_s": 300}
ERRORS = {"name": "errors", "aggregation": "count", "comparator": ">", "threshold": 40, "window_s": 300}
QUEUE = "The max(queue length) > 500 for 60 seconds for application Shop, host = {}. Current value is {}."


def afternoon(now=HALF_PAST_TWO):
    """Its events up to `now`, the first an hour before; the leak fires at 17 minutes before and ends at 5."""
    chance = random.Random(4)  # noqa: S311 - the same afternoon each time
    return [*_leak(now), *_errors(now), *(_small(now, n, chance) for n in range(32))]


def afternoon_console(consoles, *events, now=HALF_PAST_TWO, **options):
    """A console that has that afternoon on record, and these events, at that hour."""
    history = history_of(*afternoon(now), *events)
    history.feeding = Feeding(complete=True)
    return consoles(history=history, background=(), now=lambda: now, **options)


def told(at, after_s):
    """Where a delivery stands that took so long."""
    return Standing("delivered", "ok", 1, 200, at, at + after_s, None, after_s * 1000)


def _event(at, **fields):
    return found(at, to=WHOM, standings=[told(at, 0.4), told(at, 1.3)], app="shop", **fields)


def _leak(now):
    leak = partial(_event, severity="critical", rule="Memory used")
    words = "The avg(used) {} 1.073741824E9 for 300 seconds for application Apache. Current value is {:.2f}."
    at, end = now - 17 * MINUTE, now - 5 * MINUTE
    points = [[now - MINUTE * ago, _used(ago)] for ago in range(58, -1, -1)]
    fired = {"metric": USED | {"value": _used(17), "points": [each for each in points if each[0] <= at]}}
    normal = {"metric": USED | {"value": _used(5), "points": points}}
    yield leak(
        at, id="leak", title="Memory used by Apache is above 1 GiB", message=words.format(">", _used(17)), **fired
    )
    done = {"id": "leak-ended", "status": "resolved", "title": "Memory used by Apache is back to normal"}
    yield leak(end, **done, message=words.format("<", _used(5)), **normal)


def _used(minutes_ago):
    """Calm, then above the threshold from 17 to 6 minutes ago."""
    calm = 7.2e8 + 4e7 * math.sin(minutes_ago / 4)
    rise = 1 / (1 + math.exp((minutes_ago - 18) / 1.2))
    fall = 1 / (1 + math.exp((minutes_ago - 6) / -0.6))
    return round(calm + 7.4e8 * rise * fall)


def _errors(now):
    at = now - 11 * MINUTE
    points = [[at - 150 * ago, 243 if ago == 0 else 20 + ago * 7 % 15] for ago in range(18, -1, -1)]
    points += [[at + 150, 118], [at + 300, 31]]
    words = "The count of log events for query 'level:error' was 243 in the last 300 seconds; 12 to 40 are usual."
    metric = ERRORS | {"value": 243, "points": points}
    title = "Anomaly: 243 errors in the checkout logs"
    yield _event(at, id="errors", severity="error", rule="Log errors", title=title, message=words, metric=metric)


def _small(now, number, chance):
    at = now - 3500 * chance.random() ** 1.2
    host, value = f"shop-{number % 4}", chance.randint(501, 900)
    severity = chance.choice(["warning", "warning", "error", "info", "info", "critical"])
    status = chance.choice(["firing", "firing", "resolved"])
    title, words = f"The queue of orders is long on {host}", QUEUE.format(host, value)
    told_of = {"severity": severity, "status": status, "title": title, "message": words, "rule": "Queue length"}
    return _event(at, id=f"queue-{number}", **told_of)
