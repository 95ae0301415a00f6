"""The row about order: what fires is told before it is over, and nothing stays open."""

from __future__ import annotations

import time

from chaos.cluster import Cluster
from chaos.load import apps, pairs
from chaos.referee import Key, Tally
from chaos.row import Check, Measured, Trial
from chaos.verdict import finished, measured, none

KILL_EVERY_S = 3.0
FAULTS = (
    {"status": 503, "share": 0.1},
    {"drop": "after", "share": 0.05},
    {"latency_s": 0.1},
)


def firing_and_resolved(trial: Trial) -> Measured:
    """Pairs of firing and resolved, back to back, with faults and kills."""
    many, kills = trial.count(2000, least=80), trial.count(10)
    with Cluster(trial, apps=lambda url: apps(url, ("hipchat", "pagerduty"))) as cluster:
        cluster.vendor.break_down(*FAULTS)
        producer = cluster.produce(pairs(many, cluster.names), 2 * many / (kills * KILL_EVERY_S))
        for number in range(kills):
            trial.say(f"kill {number + 1} of {kills}")
            time.sleep(KILL_EVERY_S / 2)
            victim = cluster.a_worker()
            cluster.workers.remove(victim)
            victim.kill()
            cluster.start_worker()
            time.sleep(KILL_EVERY_S / 2)
        tally, drained = finished(cluster, producer, within_s=300)
        still_open = cluster.vendor.open_incidents()
        return measured(
            tally,
            drained,
            none("no resolved before its firing", overtaken(tally)),
            Check("nothing left open at PagerDuty", still_open == 0, f"{still_open} open"),
            none("what did not arrive says that it was superseded", silent(tally)),
            none("every resolved arrived", [key for key in tally.undelivered if key[1].endswith("r")]),
            kills=kills,
            pairs=many,
        )


def overtaken(tally: Tally) -> list[Key]:
    """Firing alerts that the vendor took after their resolved one."""
    found = []
    for channel, event in tally.owed:
        if event.endswith("f"):
            firing = [each.at for each in tally.taken((channel, event))]
            over = [each.at for each in tally.taken((channel, f"{event[:-1]}r"))]
            if firing and over and max(firing) > min(over):
                found.append((channel, event))
    return found


def silent(tally: Tally) -> list[Key]:
    """Firing alerts that never arrived and whose result gives another reason, or none."""
    missing = [key for key in tally.undelivered if key[1].endswith("f")]
    return [key for key in missing if {"superseded"} != {each["reason"] for each in tally.results.get(key, ())}]
