"""The row about clocks: workers whose clocks are an hour wrong, and vendors that ask for waits in every form."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from chaos.cluster import Cluster
from chaos.load import CHANNELS, destination, events
from chaos.referee import Key, Tally
from chaos.row import Measured, Trial
from chaos.verdict import at_most, finished, measured, none

CLOCK = """import os, time
_shift = float(os.environ.get("CHAOS_CLOCK_SHIFT_S", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift * 1e9)
"""
"""A process' clock, wrong: it reads `time.time`, as does everything that asks for the date by it."""
HOUR_S = 3600
WAIT_S = 3


def wrong_clock(trial: Trial) -> Measured:
    """One worker's clock is an hour ahead, the other's an hour behind; the vendors ask for waits in every form."""
    many = trial.count(1000, least=120)
    with Cluster(trial, workers=0, apps=_one_app) as cluster:
        for shift in (HOUR_S, -HOUR_S):
            cluster.start_worker(**_shifted(cluster.trial.folder, shift))
        cluster.wait_ready(*cluster.workers)
        reset_at = int(time.time()) + WAIT_S + 2
        cluster.vendor.break_down(*_waits(reset_at, many))
        producer = cluster.produce(events(many, cluster.names))
        time.sleep(2)
        cluster.vendor.repair()
        tally, drained = finished(cluster, producer)
        return measured(
            tally,
            drained,
            none("no early retry", _early(tally, reset_at)),
            none("no doubled retry", list(tally.duplicates)),
            none("all delivered", tally.undelivered),
            at_most("the last retry comes", _span(tally), 60.0, " s after the first attempt"),
            refused_first=sum(not each.accepted for found in tally.arrived.values() for each in found),
        )


def _shifted(folder: Path, shift_s: float) -> dict[str, str]:
    place = folder / "clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(CLOCK)
    return {"PYTHONPATH": f"{place}:{Path(__file__).resolve().parents[1]}", "CHAOS_CLOCK_SHIFT_S": str(shift_s)}


def _one_app(url: str) -> dict[str, Any]:
    return {"app-0": {channel: destination(url, channel, "app-0") for channel in CHANNELS}}


def _waits(reset_at: int, many: int) -> list[dict[str, Any]]:
    """A reset in epoch seconds, a `Retry-After` in seconds, and no word at all."""
    reset = {"X-FloodControl-Remaining": "0", "X-FloodControl-Reset": str(reset_at)}
    return [
        {"channel": "hipchat", "status": 429, "headers": reset, "times": many},
        {"channel": "webhook", "status": 429, "headers": {"Retry-After": str(WAIT_S)}, "times": many},
        {"channel": "pagerduty", "status": 503, "times": min(many, 20)},
    ]


SOONEST_S = 0.5
SLACK_S = 0.1


def _early(tally: Tally, reset_at: float) -> list[Key]:
    """Deliveries that were tried again before the vendor, or the backoff, said so."""
    early = []
    for key, found in tally.arrived.items():
        times = sorted(each.at for each in found)
        least = {"hipchat": reset_at - times[0], "webhook": WAIT_S, "pagerduty": SOONEST_S}[key[0]]
        if any(later - sooner < least - SLACK_S for sooner, later in pairwise(times)):
            early.append(key)
    return early


def _span(tally: Tally) -> float:
    return max(max(each.at for each in found) - min(each.at for each in found) for found in tally.arrived.values())
