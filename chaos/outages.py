"""Rows about Redis: killed, stopped, its queues purged, its consumer group and scripts gone."""

from __future__ import annotations

import signal
import time

from chaos.cluster import Cluster
from chaos.load import events
from chaos.processes import NotInTime, until
from chaos.row import Check, Measured, Trial
from chaos.verdict import at_most, finished, measured, none
from worker.publisher import QUEUES

LATENCY_S = 0.1
RESUME_S = 5.0
AWAY_S = 1.0


def kill_redis(trial: Trial) -> Measured:
    """SIGKILL of Redis under load, AOF `always`, and its start a second later."""
    kills, many = trial.count(5), trial.count(10_000, least=400)
    with Cluster(trial, fsync="always") as cluster:
        cluster.vendor.break_down({"latency_s": LATENCY_S})
        pids = [worker.pid for worker in cluster.workers]
        producer = cluster.produce(events(many, cluster.names), many / (kills * 4.0))
        resumed = []
        for number in range(kills):
            until(lambda n=number: len(producer.acknowledged) >= many * (n + 0.5) / kills, 60, "load")  # type: ignore[misc]
            trial.say(f"Redis killed, {number + 1} of {kills}")
            cluster.redis.kill()
            time.sleep(AWAY_S)
            resumed.append(_resumes(cluster))
        tally, drained = finished(cluster, producer)
        return measured(
            tally,
            drained,
            _same(cluster, pids),
            resumed_s=max(resumed),
            kills=kills,
            producer_waited=producer.refused,
        )


def stop_redis(trial: Trial) -> Measured:
    """Redis stopped for a minute; the producer waits and goes on."""
    per_s, away_s = 100.0, trial.seconds(60, least=4)
    many = int(per_s * (8 if trial.short else 30))
    with Cluster(trial) as cluster:
        cluster.vendor.break_down({"latency_s": LATENCY_S})
        pids = [worker.pid for worker in cluster.workers]
        producer = cluster.produce(events(many, cluster.names), per_s)
        until(lambda: len(producer.acknowledged) >= many / 4, 60, "load")
        trial.say(f"Redis is stopped for {away_s:.0f} s")
        cluster.redis.stop()
        time.sleep(away_s)
        resumed_s = _resumes(cluster)
        tally, drained = finished(cluster, producer)
        return measured(
            tally,
            drained,
            at_most("goes on after its return", resumed_s, RESUME_S, " s"),
            _same(cluster, pids),
            none("all delivered", tally.undelivered),
            resumed_s=resumed_s,
            away_s=away_s,
            producer_waited=producer.refused,
        )


def _resumes(cluster: Cluster) -> float:
    """Start Redis again: after how many seconds a message arrives at the vendor."""
    taken = cluster.vendor.count()
    cluster.redis.start()
    began = time.monotonic()
    until(lambda: cluster.vendor.count() > taken, 60, "a message after the return of Redis")
    return time.monotonic() - began


def _same(cluster: Cluster, pids: list[int]) -> Check:
    alive = [worker.pid for worker in cluster.workers if worker.running]
    return Check("no worker restarted", alive == pids, f"{len(alive)} of {len(pids)} run on")


def purge_queues(trial: Trial) -> Measured:
    """`celery purge` of both queues with deliveries owed and messages under way."""
    many, purges = trial.count(10_000, least=400), 1 if trial.short else 3
    with Cluster(trial) as cluster:
        # A slow vendor keeps the threads busy, so that messages gather in the queues.
        cluster.vendor.break_down({"latency_s": 0.7})
        producer = cluster.produce(events(many, cluster.names))
        purged = 0
        for number in range(purges):
            trial.say(f"purge {number + 1} of {purges}")
            purged += _purge(cluster)
        cluster.vendor.repair()
        tally, drained = finished(cluster, producer)
        return measured(
            tally,
            drained,
            # They stay in the queues for moments; in the short form there may be none to be met.
            Check("there were messages to purge", purged > 0, f"{purged} messages", timing=True),
            none("all delivered", tally.undelivered),
            none("0 duplicates", list(tally.duplicates)),
            purges=purges,
            messages_purged=purged,
        )


def _purge(cluster: Cluster) -> int:
    """Purge what the queues hold, the workers stopped meanwhile so that they do hold something."""
    try:
        until(lambda: _queued(cluster) > 0, 15, "messages in Celery's queues")
    except NotInTime:
        return 0
    for worker in cluster.workers:
        worker.signal(signal.SIGSTOP)
    queued = _queued(cluster)
    cluster.run("celery", "-A", "worker", "purge", "-f", "-Q", ",".join(QUEUES))
    purged = queued - _queued(cluster)
    for worker in cluster.workers:
        worker.signal(signal.SIGCONT)
    return purged


def _queued(cluster: Cluster) -> int:
    return sum(int(cluster.client.llen(name)) for name in QUEUES)


def lose_group(trial: Trial) -> Measured:
    """The consumer group is deleted and SCRIPT FLUSH called, under load."""
    many, times = trial.count(1000, least=200), 2 if trial.short else 5
    with Cluster(trial) as cluster:
        producer = cluster.produce(events(many, cluster.names), many / (times * 1.0))
        for number in range(times):
            until(lambda n=number: len(producer.acknowledged) >= many * (n + 0.5) / times, 60, "load")  # type: ignore[misc]
            cluster.client.xgroup_destroy("bellhop:events", "bellhop")
            cluster.client.script_flush()
        tally, drained = finished(cluster, producer)
        return measured(
            tally, drained, none("all delivered", tally.undelivered), none("0 duplicates", list(tally.duplicates))
        )
