"""Rows about vendors: down in every way, over their limits, and silent after they have read."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import orjson

from chaos.cluster import Cluster
from chaos.load import apps, destination, events
from chaos.referee import Tally
from chaos.row import Check, Measured, Trial
from chaos.verdict import at_most, finished, measured, none
from worker.sandbox.limits import Rate
from worker.sandbox.options import Options

PAUSE_S, PAUSE_CAP_S = 5, 60
"""How long a circuit is open at first, and at the most (worker/stores/scripts/troubles.lua)."""
PROBE_SLACK_S = 5.0
"""How much later than its circuit allows a destination's first probe may arrive."""
LATE_S = 1.0
"""So much later than it left a message may arrive: what leaves within a span arrives within a shorter one."""


def vendor_down(trial: Trial) -> Measured:
    """The vendor refuses connections, then answers 503, then hangs, then is back."""
    many, phase_s = trial.count(2500, least=60), trial.seconds(20, least=2.5)
    per_s, count = 5, 50 if trial.short else 500
    timeout_s = 2 if trial.short else 20
    names = ("webhook", "pagerduty")

    def limited(url: str) -> dict[str, Any]:
        return apps(url, names, count=1, rate_limit=f"{count}/{per_s}s")

    with Cluster(trial, apps=limited, BELLHOP_TOTAL_TIMEOUT_S=f"{timeout_s}") as cluster:
        trial.say("the vendor refuses connections")
        cluster.vendor.down()
        producer = cluster.produce(events(many, cluster.names)).join()
        time.sleep(phase_s)
        cluster.vendor.break_down({"status": 503})
        cluster.vendor.up()
        trial.say("the vendor answers 503")
        time.sleep(phase_s)
        cluster.vendor.break_down({"hang": True})
        trial.say("the vendor hangs")
        time.sleep(phase_s)
        cluster.vendor.repair()
        back_at, wait_s = time.time(), _circuits_wait_s(cluster, timeout_s)
        tally, drained = finished(cluster, producer, within_s=240)
        probed_s = max(_first_taken(tally, name, back_at) for name in names)
        return measured(
            tally,
            drained,
            none("all delivered after it returns", tally.undelivered),
            at_most("the first probe of each (the circuit's wait)", probed_s, wait_s + PROBE_SLACK_S, " s"),
            at_most("burst in the limit's span", _burst(tally, names, per_s - LATE_S), count),
            none("0 duplicates", list(tally.duplicates)),
            resumed_s=probed_s,
            requests_while_down=sum(
                each.at < back_at for found in tally.arrived.values() for each in found if not each.accepted
            ),
            down_s=3 * phase_s,
            circuit_waits_s=round(wait_s, 1),
        )


def _circuits_wait_s(cluster: Cluster, timeout_s: float) -> float:
    """How long the longest open circuit lets nobody through yet."""
    troubles = [orjson.loads(each) for each in cluster.client.hvals("bellhop:troubles")]
    return max([0.0, *(_circuit_waits_s(trouble, timeout_s) for trouble in troubles)])


def _circuit_waits_s(trouble: dict[str, Any], timeout_s: float) -> float:
    if trouble["half"]:  # its probe hangs, for all that the vendor is back; then the circuit opens once more
        return timeout_s + min(PAUSE_CAP_S, PAUSE_S * float(2 ** trouble["opened"]))
    return float(trouble["until_ms"]) / 1000 - time.time()


def _first_taken(tally: Tally, channel: str, after: float) -> float:
    times = [each.at for key, found in tally.arrived.items() for each in found if key[0] == channel and each.accepted]
    return min((at for at in times if at >= after), default=math.inf) - after


def _burst(tally: Tally, channels: Sequence[str], span_s: float) -> int:
    """The most that one destination took within any span of so many seconds."""
    most = 0
    for channel in channels:
        times = sorted(each.at for key, found in tally.arrived.items() if key[0] == channel for each in found)
        most = max([most, *(bisect_right(times, at + span_s) - number for number, at in enumerate(times))])
    return most


LIMIT = 30
WINDOW_S = 5
OURS = f"{LIMIT}/{WINDOW_S}s"
"""What the vendor publishes."""


def over_limits(trial: Trial) -> Measured:
    """429 with headers, with `Retry-After` and with nothing, a thousand messages to one room that has a limit."""
    many, fault_s = trial.count(1000, least=90), trial.seconds(60, least=4)
    options = Options(hipchat_requests=None, hipchat_messages=Rate(LIMIT, WINDOW_S))
    with Cluster(trial, options=options, apps=_room) as cluster:
        cluster.vendor.break_down(
            {"channel": "hipchat", "status": 429, "share": 0.1},
            {"channel": "hipchat", "status": 429, "share": 0.1, "headers": {"Retry-After": "1"}},
        )
        began = time.time()
        producer = cluster.produce(events(many, cluster.names)).join()
        while time.time() < began + fault_s:
            trial.say(f"429 at random; {cluster.vendor.count()} of {many} taken")
            time.sleep(0.2)
        cluster.vendor.repair()
        tally, drained = finished(cluster, producer, within_s=300)
        refused, asked = _refused(tally, began + fault_s)
        share = refused / asked if asked else 0.0
        return measured(
            tally,
            drained,
            none("all delivered", tally.undelivered),
            Check("requests after the first minute", asked > 0, f"{asked}"),
            at_most("answered 429 after the first minute", share * 100, 1.0, " %"),
            none("0 duplicates", list(tally.duplicates)),
            answered_429=_refused(tally, 0)[0],
            requests=_refused(tally, 0)[1],
        )


def _room(url: str) -> dict[str, Any]:
    return apps(url, ("hipchat",), count=1, rate_limit=OURS)


def _refused(tally: Tally, after: float) -> tuple[int, int]:
    """How many requests were answered 429, and how many there were."""
    asked = [each for found in tally.arrived.values() for each in found if each.at >= after]
    return sum(each.status == 429 for each in asked), len(asked)  # noqa: PLR2004 - the status is the row's subject


SHARE = 0.2
TWICE = 2


def _told_to_stop(url: str) -> dict[str, Any]:
    """An app with all channels, and one whose room wants nothing twice."""
    return {**apps(url, count=1), "once": {"hipchat": destination(url, "hipchat", "once", on_ambiguous="stop")}}


def drop_replies(trial: Trial) -> Measured:
    """A fifth of the replies is dropped after the request was read."""
    many = trial.count(5000, least=200) // 4
    with Cluster(trial, apps=_told_to_stop) as cluster:
        cluster.vendor.break_down({"drop": "after", "share": SHARE})
        producer = cluster.produce(events(2 * many, cluster.names))
        tally, drained = finished(cluster, producer)
        dropped = [key for key, found in tally.arrived.items() if not all(each.answered for each in found)]
        rooms = {key: len(found) for key, found in tally.arrived.items() if key[0] == "hipchat"}
        stopped = [key for key, found in tally.arrived.items() if found[0].to == "once" and len(found) > 1]
        moved = [key for key, found in tally.arrived.items() if len({each.key for each in found}) > 1]
        return measured(
            tally,
            drained,
            Check("replies were dropped", bool(dropped), f"{len(dropped)} deliveries"),
            none("each ambiguous one is marked", [key for key in dropped if not tally.marked(key)]),
            none("no room sees one more than twice", [key for key, times in rooms.items() if times > TWICE]),
            none("on_ambiguous: stop is never sent twice", stopped),
            none("what is sent again carries the same key", moved),
            none("all delivered", tally.undelivered),
            dropped=len(dropped),
        )
