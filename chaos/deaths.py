"""Rows about workers: killed, deployed anew, stalled, and with a wrong clock."""

from __future__ import annotations

import signal
import time

from chaos.cluster import Cluster
from chaos.load import events
from chaos.processes import Process, until
from chaos.referee import Key, Tally
from chaos.row import Check, Measured, Trial
from chaos.verdict import at_most, finished, measured, none

LATENCY_S = 0.2
"""What the vendor takes for an answer, so that something is on its way at any moment."""
KILL_EVERY_S, DEPLOY_EVERY_S = 1.6, 2.5
STALL_LATENCY_S = 0.4
RECOVERY_S = 5.0
"""What recovery may take beyond the lease."""
EARLY_S, LATE_S = 0.05, 0.8
"""When leases are looked at after a kill: what stands at both times was the dead worker's."""


def kill_workers(trial: Trial) -> Measured:
    """SIGKILL of a random worker's whole process tree, again and again, under load."""
    kills, many = trial.count(50, least=3), trial.count(10_000, least=400)
    with Cluster(trial, workers=2 if trial.short else 3) as cluster:
        cluster.vendor.break_down({"latency_s": LATENCY_S})
        producer = cluster.produce(events(many, cluster.names), many / (kills * KILL_EVERY_S))
        orphans: dict[str, float] = {}
        last = 0.0
        for number in range(kills):
            began = time.monotonic()
            trial.say(f"kill {number + 1} of {kills}")
            last, found = _kill_one(cluster)
            orphans |= dict.fromkeys(found - orphans.keys(), last)
            time.sleep(max(0.0, began + KILL_EVERY_S - time.monotonic()))
        tally, drained = finished(cluster, producer)
        duplicates = sum(tally.duplicates.values())
        doubted = {_key(member) for member in orphans}
        return measured(
            tally,
            drained,
            at_most("duplicates (in flight at the kills)", duplicates, len(orphans)),
            none("only what was in flight came twice", [key for key in tally.duplicates if key not in doubted]),
            at_most("what was in flight is under way again", _again(tally, orphans), trial.lease_s + RECOVERY_S, " s"),
            at_most("what else waited is under way", _late(tally, last), 20.0, " s"),
            resumed_s=_again(tally, orphans),
            kills=kills,
            in_flight_at_kills=len(orphans),
        )


def _kill_one(cluster: Cluster) -> tuple[float, set[str]]:
    """Kill a worker and start another: when, and the leases that it left behind."""
    victim = cluster.a_worker()
    cluster.workers.remove(victim)
    victim.kill()
    at = time.time()
    cluster.start_worker()
    time.sleep(EARLY_S)
    early = cluster.leased()
    time.sleep(LATE_S - EARLY_S)
    return at, early & cluster.leased()


def _key(member: str) -> Key:
    channel, _, _, event = member.partition("|")[2].split("/", 3)
    return channel, event


def _again(tally: Tally, orphans: dict[str, float]) -> float | None:
    """After how many seconds the last of what dead workers left was sent again; what was given up does not count."""
    waits = [0.0]
    for member, at in orphans.items():
        key = _key(member)
        after = tally.first_after(key, at + EARLY_S)
        if after is None and not tally.taken(key):
            return None
        waits.append((after or at) - at)
    return max(waits)


def _late(tally: Tally, last: float) -> float | None:
    """After how many seconds from `last` everything that was sent before had arrived for the first time."""
    firsts = [tally.first_after(key, 0) for key, at in tally.owed.items() if at <= last]
    return None if None in firsts else max(0.0, max((at for at in firsts if at), default=last) - last)


def rolling_deploy(trial: Trial) -> Measured:
    """SIGTERM and start, worker after worker, under load."""
    rounds, many = trial.count(20, least=2), trial.count(10_000, least=300)
    with Cluster(trial, workers=2) as cluster:
        cluster.vendor.break_down({"latency_s": LATENCY_S})
        producer = cluster.produce(events(many, cluster.names), many / (rounds * DEPLOY_EVERY_S))
        codes = []
        for number in range(rounds):
            trial.say(f"deploy {number + 1} of {rounds}")
            codes.append(_replace_one(cluster))
        tally, drained = finished(cluster, producer)
        return measured(
            tally,
            drained,
            none("0 duplicates", list(tally.duplicates)),
            Check("each exits with 0", not any(codes), str(sorted(set(codes), key=str))),
            none("all delivered", tally.undelivered),
            deploys=rounds,
        )


def _replace_one(cluster: Cluster) -> int | None:
    """As a process manager deploys: start the new one, then end the old one."""
    began = time.monotonic()
    old = cluster.workers.pop(0)
    cluster.wait_ready(cluster.start_worker())
    old.terminate()
    code = old.wait(30)
    time.sleep(max(0.0, began + DEPLOY_EVERY_S - time.monotonic()))
    return code


def stall_worker(trial: Trial) -> Measured:
    """SIGSTOP in mid-send for longer than the lease, then SIGCONT: what it settles late is refused."""
    many, stalled_s = trial.count(1000, least=150), trial.seconds(60, least=trial.lease_s + 3)
    lasts_s = 4 if trial.short else 12
    with Cluster(trial, workers=2, BELLHOP_LOG_LEVEL="info") as cluster:
        victim, other = cluster.workers
        cluster.vendor.break_down({"latency_s": STALL_LATENCY_S})
        producer = cluster.produce(events(many, cluster.names), many / lasts_s)
        until(lambda: len(producer.acknowledged) >= many / 3 and cluster.leased(), 30, "deliveries under way")
        victim.signal(signal.SIGSTOP)
        began = time.monotonic()
        trial.say(f"one worker is stalled for {stalled_s:.0f} s")
        time.sleep(EARLY_S)
        held = cluster.leased()
        time.sleep(STALL_LATENCY_S + 0.5)  # the other one has settled by now what it had under way
        held &= cluster.leased()
        time.sleep(max(0.0, began + stalled_s - time.monotonic()))
        victim.signal(signal.SIGCONT)
        tally, drained = finished(cluster, producer)
        refused = _refused(victim)
        doubles = sum(tally.duplicates.values())
        return measured(
            tally,
            drained,
            Check("something was in mid-send", bool(held), f"{len(held)} deliveries"),
            at_most("duplicates (its in-flight)", doubles, len(held)),
            Check("what it settles late is refused", refused > 0, f"{refused} refused"),
            Check("both go on", victim.running and other.running, "they run"),
            stalled_s=stalled_s,
        )


def _refused(worker: Process) -> int:
    return worker.log.read_text(errors="replace").count('"fate":"lost"')
