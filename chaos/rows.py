"""The table's rows, a list kept by hand, in the order in which they run."""

from __future__ import annotations

from typing import Final

from chaos import burst, choking, clocks, deaths, order, outages, vendors
from chaos.row import Row

ROWS: Final = (
    Row(
        "kill-workers",
        "50 x SIGKILL of a random worker, whole process tree",
        "10,000 events x 3",
        "0 lost; duplicates <= in flight at the kills, each marked; under way again <= 20 s",
        deaths.kill_workers,
    ),
    Row(
        "rolling-deploy",
        "20 x SIGTERM and start",
        "10,000 events x 3",
        "0 lost, 0 duplicates, each exits with 0",
        deaths.rolling_deploy,
    ),
    Row(
        "kill-redis",
        "Redis SIGKILL and restart, AOF always",
        "10,000 events x 3",
        "0 of the acknowledged events lost",
        outages.kill_redis,
    ),
    Row(
        "stop-redis",
        "Redis stopped for 60 s",
        "100 events/s x 3",
        "goes on <= 5 s after its return, no worker restart",
        outages.stop_redis,
    ),
    Row(
        "purge-queues",
        "celery purge",
        "10,000 events x 3",
        "0 lost: the ledger publishes them again",
        outages.purge_queues,
    ),
    Row(
        "lose-group",
        "consumer group deleted; SCRIPT FLUSH",
        "1,000 events x 3",
        "0 lost",
        outages.lose_group,
    ),
    Row(
        "vendor-down",
        "vendor refuses, then 503, then hangs, and is back",
        "5,000 owed",
        "all delivered; first probe <= the breaker's interval; no burst above the limit",
        vendors.vendor_down,
    ),
    Row(
        "over-limits",
        "429 with and without headers",
        "1,000 to one room",
        "0 lost; <= 1 % of requests answered 429 after the first minute",
        vendors.over_limits,
    ),
    Row(
        "order",
        "firing and resolved back to back, faults and kills",
        "2,000 pairs x 2",
        "no resolved before its firing; nothing left open; superseded ones say so",
        order.firing_and_resolved,
    ),
    Row(
        "stall-worker",
        "a worker SIGSTOPped for 60 s in mid-send, then continued",
        "1,000 events x 3",
        "0 lost; what it settles late is refused; duplicates <= its in-flight",
        deaths.stall_worker,
    ),
    Row(
        "choke-redis",
        "garbage in Celery's queues; maxmemory reached and lifted",
        "1,000 events x 3",
        "0 lost; workers back by themselves",
        choking.choke_redis,
    ),
    Row(
        "due-at-once",
        "20,000 deliveries come due at once",
        "20,000",
        ">= 0.7 x the normal rate; none published twice",
        burst.due_at_once,
    ),
    Row(
        "wrong-clock",
        "workers' clocks 1 h ahead and 1 h behind",
        "1,000 events x 3",
        "no early or doubled retry",
        clocks.wrong_clock,
    ),
    Row(
        "drop-replies",
        "20 % of replies dropped after the request was read",
        "5,000",
        "ambiguous ones marked; the policy kept: no room sees one more than twice",
        vendors.drop_replies,
    ),
)
NAMES: Final = tuple(row.name for row in ROWS)
