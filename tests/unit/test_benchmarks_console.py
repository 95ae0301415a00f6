"""The console's benchmark: its load is what Bellhop's scripts write, and its questions have answers."""

from __future__ import annotations

import random
import time

import orjson
import pytest
from fakeredis import FakeAsyncRedis, FakeRedis, FakeServer

from benchmarks import report
from benchmarks.console import Fed, measure, table
from benchmarks.console_load import BUSIEST, PREFIX, TO, Load
from benchmarks.console_queries import QUERIES, Asker, timed
from worker.record import load_record
from worker.stores.connection import sync_redis
from worker.stores.ledger import Ledger
from worker.stores.records import kept_of
from worker.web.history import History
from worker.web.history_feed import HistoryFeed

NOW = time.time()
FED = Fed(1000, 0.1, 2.0, 1.5, 0.1, [0.1, 3.0, 12.0], 2**20, 2**19, 2**22, 0.01, 0.002, [0.3, 0.5])


def filled(count):
    """A Redis with the load, as (sync, async) clients."""
    server = FakeServer()
    redis, load = FakeRedis(server=server), Load(count, NOW)
    assert list(load.fill(redis))[-1] == count
    return redis, FakeAsyncRedis(server=server), load


async def test_the_load_is_as_the_scripts_write_it():
    """The first line and the event of what is written by hand and by dispatch are of one form."""
    redis, client, load = filled(10)
    await load.dispatch(Ledger(client, PREFIX), 10)
    dispatched, *written = (name.decode() for name in reversed(redis.zrange(f"{PREFIX}:recent", 0, -1)))
    kept = {name: kept_of(redis.get(f"{PREFIX}:event:{name}")) for name in [dispatched, *written]}
    assert all(each.to == TO for each in kept.values())
    assert all(f"{each.event.app}/{each.event.id}" == name for name, each in kept.items())
    assert abs(kept[written[0]].at - NOW) < 1
    await client.aclose()


def test_the_load_has_deliveries_in_every_state():
    """Most are delivered; some failed, some are tried again, and some have no record yet."""
    redis, *_ = filled(300)
    outcomes = [load_record(redis.get(key)).outcome for key in redis.scan_iter(f"{PREFIX}:record:*")]
    assert set(outcomes) == {"delivered", "failed", None}
    assert 0.8 < outcomes.count("delivered") / 900 < 1
    assert len(outcomes) < 900


async def test_every_question_is_answered():
    """On a history that was fed with the load: each finds something, but for what nothing can be found."""
    _, client, load = filled(600)
    history = History(now=lambda: NOW)
    feed = HistoryFeed(client, PREFIX, history, tick_s=0.05)
    while not history.feeding.complete:
        await feed.tick()
    assert history.feeding.events == 600
    assert history.apps({BUSIEST})[0].events == 120
    asker = Asker(history, load.now, random.Random(2))  # noqa: S311 - no secrets
    rows = {name: timed(asker, ask, 3).rows for name, ask in QUERIES.items()}
    assert rows.pop("search: what no event has") == 0
    assert rows["events: the latest of all apps"] == 100
    assert sum(map(bool, rows.values())) > len(rows) * 0.7
    await client.aclose()


def test_the_table_names_what_is_missed():
    """Each question has its target, and one that takes too long is missed."""
    asker = Asker(History(), NOW, random.Random(1))  # noqa: S311 - no secrets
    quick = timed(asker, QUERIES["counts of all apps"], 2)
    shown = table(FED, {"counts of all apps": quick, "slow": type(quick)(1.0, 21.0, 30.0, 5)})
    verdicts = {target.what: report.verdict(target) for target in shown.targets}
    assert verdicts["p95, counts of all apps"] == report.HOLDS
    assert verdicts["p95, slow"] == report.MISSED
    assert verdicts["p99, event loop held up while the past is read"] == report.HOLDS
    assert orjson.dumps(report.as_json(shown, {}))
    assert len({len(row) for row in shown.rows}) == 1


@pytest.mark.slow
async def test_a_short_run(redis_server):
    """On a real Redis, with a small load: everything is read, followed and asked."""
    load = Load(500, NOW)
    with sync_redis(redis_server.url) as redis:
        redis.flushall()
        for _ in load.fill(redis):
            pass
    fed, timings = await measure(redis_server.url, redis_server.pid, load, idle_s=0.1)
    assert set(timings) == set(QUERIES)
    assert len(fed.later_s) == 20
    assert fed.held_up_ms
    assert fed.redis_bytes > fed.database_bytes > 0
