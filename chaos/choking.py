"""The row about what makes Celery's workers exit: garbage in their queues, and a Redis without memory."""

from __future__ import annotations

import time
from contextlib import suppress

import redis

from chaos.cluster import Cluster
from chaos.load import Producer, events
from chaos.processes import NotInTime, Process, until
from chaos.row import Check, Measured, Trial
from chaos.verdict import finished, measured, none
from worker.publisher import QUEUES

GARBAGE = ("garbage", "{}", '{"body": "bm90IGpzb24=", "headers": {}, "properties": {}}')
FULL_S = 3.0
BOTH = 2
IDLE_MS = 2500
"""A worker reads the stream once a second."""


def choke_redis(trial: Trial) -> Measured:
    """Garbage in Celery's queues, then `maxmemory` reached and lifted; the workers' supervisor starts them again."""
    many = trial.count(1000, least=200)
    with Cluster(trial, workers=0) as cluster:
        runner = cluster.start_runner(BOTH)
        until(lambda: len(cluster.consumers()) >= BOTH, 60, "two workers")
        producer = cluster.produce(events(many, cluster.names), many / (6 if trial.short else 20))
        resumed = []
        for word in GARBAGE[: 1 if trial.short else None]:
            trial.say(f"garbage: {word[:20]}")
            for queue in QUEUES:
                cluster.client.lpush(queue, word)
            resumed.append(_alive_again(cluster, producer))
        until(lambda: len(producer.acknowledged) >= many * 0.6, 60, "load")
        trial.say("maxmemory is reached")
        _full(cluster.client, trial.seconds(10, least=FULL_S))
        resumed.append(_alive_again(cluster, producer))
        tally, drained = finished(cluster, producer)
        return measured(
            tally,
            drained,
            none("all delivered", tally.undelivered),
            _both_back(cluster, runner),
            resumed_s=max(resumed),
            producer_waited=producer.refused,
            workers_started_again=runner.log.read_text(errors="replace").count("starting it again"),
        )


def _full(client: redis.Redis, for_s: float) -> None:
    """No write that needs memory is taken for so long."""
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    time.sleep(for_s)
    client.config_set("maxmemory", 0)


def _alive_again(cluster: Cluster, producer: Producer) -> float:
    """After how many seconds something that is sent from now on arrives."""
    began, taken = time.monotonic(), cluster.vendor.count()
    until(lambda: cluster.vendor.count() > taken or not producer.busy, 90, "a message after the fault")
    return time.monotonic() - began


def _both_back(cluster: Cluster, runner: Process) -> Check:
    """The two workers read the stream, under the runner that was started."""

    def idle() -> list[int]:
        rows = cluster.client.xinfo_consumers("bellhop:events", "bellhop")
        return [row["idle"] for row in rows if row["idle"] < IDLE_MS]

    with suppress(NotInTime):
        until(lambda: len(idle()) >= BOTH, 60, "two workers")
    found = len(idle())
    return Check("both workers are back by themselves", runner.running and found == BOTH, f"{found} at work")
