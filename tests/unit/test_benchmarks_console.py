"""The console's benchmark: its load is what Bellhop's scripts write, and pages and questions have answers."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fakeredis import FakeAsyncRedis, FakeRedis, FakeServer
from fakes.master_keys import KEYS

from benchmarks import report, results
from benchmarks.console import QUICK, fill, measure, run, surroundings
from benchmarks.console_load import BUSIEST, PREFIX, TO, Load
from benchmarks.console_pages import FIRST_VISIT, OFTEN, PAGES, Browser, PageTiming
from benchmarks.console_queries import QUERIES, Asker, Timing, timed
from benchmarks.console_reading import Fed, Meter
from benchmarks.console_table import table
from benchmarks.memory import redis_bytes
from benchmarks.processes import process_s
from config.settings import Settings
from worker.record import load_record
from worker.stores.connection import sync_redis
from worker.stores.ledger import Ledger
from worker.stores.records import kept_of
from worker.web.console import assemble
from worker.web.history import History
from worker.web.history_feed import HistoryFeed
from worker.web.hosts import Place
from worker.web.last_results import last_results

NOW = time.time()
FED = Fed(
    events=1000, missing=2, first_page_s=0.1, all_s=2.0, held_up_ms=[0.1, 3.0, 12.0], pages_ms=[5.0], later_s=[0.3]
)


class TinyServer:
    """Answers whatever is asked with one status, from a thread."""

    def __init__(self, status):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(status)

            def log_message(self, *args):
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.handle_request)

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_):
        self._thread.join()
        self._server.server_close()


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
    last = await last_results(client, PREFIX, BUSIEST)
    assert set(last) <= {name for name, _ in TO}
    assert last, "and pages understand its results"
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
    """A page that takes too long is missed by its name, of queries the slowest, and what is not on record is lost."""
    quick, slow = Timing(1.0, 2.0, 3.0, 5), Timing(1.0, 210.0, 300.0, 5)
    pages = {"page: quick": PageTiming(quick, 1000), "page: slow": PageTiming(slow, 1000)}
    shown = table(FED, pages, {"counts": quick, "series": slow})
    verdicts = {target.what: report.verdict(target) for target in shown.targets}
    assert verdicts["p95, page: quick"] == report.HOLDS
    assert verdicts["p95, page: slow"] == report.MISSED
    assert verdicts["p95 of the slowest query (series)"] == report.MISSED
    assert verdicts[f"p95, {OFTEN}"] == report.HOLDS
    assert verdicts["p99, event loop held up while the past is read"] == report.HOLDS
    assert shown.lost == FED.missing == 2
    assert len({len(row) for row in shown.rows}) == 1


async def test_a_quick_run(tmp_path):
    """`--quick` on a Redis in memory: everything is read and followed, each page is loaded, and it can be written."""
    redis, client, load = filled(600)
    settings = Settings(_env_file=None, prefix=PREFIX)
    console = assemble(settings, client, Place("127.0.0.1"), KEYS)
    meter = Meter(lambda: 0.0, redis.dbsize)
    shown = await measure(console, meter, load, replace(QUICK, pages=1, queries=1, news=1, idle_s=0.01))
    await client.aclose()
    assert shown.lost == 0
    assert set(shown.data["queries"]) == set(QUERIES)
    assert set(shown.data["pages"]) >= {*list(PAGES)[:8], FIRST_VISIT}
    assert shown.data["pages"][FIRST_VISIT]["size"] > 1_000_000, "plotly.js is in it, packed"
    assert len(shown.data["fed"]["later_s"]) == 1
    about = {"rounds": 1, "scale": 0.006, "processors": 2, "python": "3", "redis": "none", "date": "today"}
    results.write(shown, about, tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"console.json", "console.md", "console.png"}


def test_a_page_that_fails_is_no_result():
    """A page that is answered with an error ends the run: its time would look good."""
    with TinyServer(503) as url, closing(Browser(url)) as browser, pytest.raises(RuntimeError, match="503"):
        browser.load("/apps")


@pytest.mark.slow
def test_the_command(redis_server):
    """The command's own parts on a real Redis: what it takes of processor and memory is told."""
    load = Load(500, NOW)
    with sync_redis(redis_server.url) as redis:
        redis.flushall()
        fill(redis, load)
        meter = Meter(lambda: process_s(redis_server.pid), lambda: redis_bytes(redis))
        shown = asyncio.run(run(redis_server.url, meter, load, replace(QUICK, idle_s=0.1)))
        assert surroundings(redis, 0.005)["scale"] == 0.005
    fed = shown.data["fed"]
    assert shown.lost == 0
    assert len(fed["later_s"]) == QUICK.news
    assert fed["redis_bytes"] > fed["database_bytes"] > 0
