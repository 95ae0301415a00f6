"""Everything that Bellhop has, on a Redis that gives each user no more than config/redis.acl.example says."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import redis
from acceptance.deployment import READY
from acceptance.destinations import everywhere
from celery import Celery
from fakes import redis_servers
from fakes.processes import free_port, until
from fakes.redis_users import EXAMPLE, url_of
from redis.exceptions import NoPermissionError

from worker.stores.redis_address import redis_address

pytestmark = pytest.mark.slow

DOCTOR_ASKED = {"bellhop: command config|get (toplevel)"}
"""What is denied on purpose: it would show Redis' own passwords. `doctor` says that it may not be read."""


@contextmanager
def client_of(server, who):
    """A client of one of these users, as a program of any make connects."""
    with closing(redis.Redis.from_url(url_of(server, who), decode_responses=True)) as client:
        yield client


def celery_producer(server):
    """A producer's own Celery app."""
    address = redis_address(url_of(server, "celery"))
    return Celery(broker=address.broker_url, broker_use_ssl=dict(address.tls) or False, set_as_current=False)


def produce(server, **event):
    """XADD, as a producer does."""
    with client_of(server, "producer") as client:
        client.xadd("bellhop:events", {"event": json.dumps(event)})


def consume(server, count, app, within_s=30):
    """XREAD until an app has so many results, as a consumer does."""
    found = []
    with client_of(server, "consumer") as client:
        last = "0"

        def enough():
            nonlocal last
            for _, entries in client.xread({"bellhop:results": last}, block=100) or []:
                last = entries[-1][0]
                found.extend(result for _, fields in entries if (result := json.loads(fields["result"]))["app"] == app)
            return len(found) >= count

        until(enough, within_s, lambda: f"{count} results; there are {found}")
    return found


COMMANDS = [
    "apps apply apps.yaml",
    "apps apply apps.yaml --prune",
    "apps diff apps.yaml",
    "apps list",
    "apps export",
    "destinations list",
    "destinations show all room",
    "destinations test all room",
    "destinations disable all hook",
    "destinations enable all hook",
    "deliveries list",
    "deliveries show all/first",
    "explain all/first",
    "send --app all --title again --id sent --wait 20",
    "replay --since 1h",
    "replay --dry-run",
    "keys list",
    "keys rotate",
    "status",
    "doctor",
]
"""Each a command line of its own; what each is given is there when its turn comes."""


def test_the_example_s_users_can_do_all_that_they_need(redis_of_users, as_worker, vendors, certificate):
    """A worker, all channels, a retry, a dead letter, every command, Flower and producers: nothing is denied."""
    kinds = everywhere(vendors, "all", certificate)
    as_worker.apply({"all": kinds})
    vendors.break_down("hipchat", "all", status=503, times=1)
    with as_worker.worker("acl") as worker, flower(redis_of_users, as_worker) as address:
        worker.wait_for(READY)
        # When: producers of both kinds, and a dead letter
        produce(redis_of_users, app="all", id="first", title="By XADD")
        assert {each["outcome"] for each in consume(redis_of_users, len(kinds), "all", 60)} == {"delivered"}
        with celery_producer(redis_of_users) as app:
            app.send_task("bellhop.dispatch", args=[[{"app": "all", "id": "second", "title": "By Celery"}]])
        consume(redis_of_users, 2 * len(kinds), "all", 60)
        vendors.break_down("webhook", "all", status=400, times=1)
        produce(redis_of_users, app="all", id="third", title="One is refused")
        produce(redis_of_users, app="all", title="")
        assert "failed" in {each["outcome"] for each in consume(redis_of_users, 3 * len(kinds), "all", 60)}
        said = {command: as_worker.bellhop(*command.split()) for command in COMMANDS}
        assert "fsync may not be read" in said["doctor"]
        consume(redis_of_users, 4 * len(kinds) + 1, "all", 60)
        look_around(address)
        assert worker.running
        # Kombu looks for forgotten messages with every tenth poll, a second each.
        until(lambda: _looked_for_forgotten_ones(redis_of_users), 30, "it looks")
        assert worker.terminate() == 0
    # Then
    assert redis_servers.denied(redis_of_users) == DOCTOR_ASKED


def _looked_for_forgotten_ones(server):
    with server.admin() as admin:
        return "cmdstat_zrange" in admin.info("commandstats")


@contextmanager
def flower(server, bellhop):
    """Flower as its own user; its address, once it hears the worker."""
    port = free_port()
    command = ("celery", "-A", "worker", "flower", "--address=127.0.0.1", f"--port={port}", "--logging=debug")
    more = {"FLOWER_UNAUTHENTICATED_API": "true", "BELLHOP_REDIS_URL": url_of(server, "flower")}
    with bellhop.start("flower", *command, **more) as running:
        url = f"http://127.0.0.1:{port}"
        until(lambda: any(ask(f"{url}/api/workers?status=1").values()), 40, lambda: f"a worker: {running.output()}")
        yield url
        assert running.running, running.output()


def ask(url, **options):
    """Flower's JSON; nothing where it is not up yet."""
    try:
        with urlopen(Request(url, **options), timeout=10) as answer:  # noqa: S310 - our own address
            return json.load(answer)
    except (URLError, ValueError):
        return {}


def look_around(address):
    """What people do in Flower: look at workers, tasks and queues, and send a worker a command."""
    (worker,) = ask(f"{address}/api/workers?refresh=1")
    assert "bellhop.deliver.hipchat" in str(ask(f"{address}/api/workers?refresh=1&workername={worker}"))
    assert "By XADD" not in str(ask(f"{address}/api/tasks"))
    assert until(lambda: ask(f"{address}/api/tasks"), 10, "tasks")
    assert ask(f"{address}/api/queues/length")["active_queues"]
    limit = f"workername={worker}&ratelimit=1000/s"
    assert "message" in ask(f"{address}/api/task/rate-limit/bellhop.deliver.slack", data=limit.encode(), method="POST")
    with urlopen(f"{address}/broker", timeout=10) as page:  # noqa: S310 - our own address
        assert "bellhop.deliver" in page.read().decode()


REFUSED = {
    "worker": [
        "GET other",
        "KEYS *",
        "SCAN 0",
        "CONFIG GET *",
        "FLUSHALL",
        "SUBSCRIBE others",
        "ACL LIST",
        "CLIENT LIST",
    ],
    "producer": ["XRANGE bellhop:events - +", "XREAD STREAMS bellhop:results 0", "XADD bellhop:results * result x"],
    "celery": ["LPUSH bellhop.deliver x", "RPOP celery", "HGETALL bellhop:app:all", "XADD bellhop:events * event x"],
    "consumer": ["XADD bellhop:events * event x", "XREAD STREAMS bellhop:events 0", "DEL bellhop:results", "INFO"],
    "flower": ["HGETALL bellhop:app:all", "XREAD STREAMS bellhop:results 0", "GET bellhop:x", "CONFIG GET *"],
}


@pytest.mark.parametrize("who", REFUSED)
def test_and_nothing_more(redis_of_users, who):
    """Others' keys, other programs' parts and all that administrates Redis are refused."""
    for command in [*REFUSED[who], "CLIENT TRACKING ON BCAST", "SHUTDOWN", "SCRIPT FLUSH", "FUNCTION LIST"]:
        with client_of(redis_of_users, who) as client, pytest.raises(NoPermissionError):
            client.execute_command(*command.split())


def test_the_file_as_it_is_starts_no_server(tmp_path):
    """Nobody runs with the passwords of an example: without real ones the server ends and names the line."""
    with (
        pytest.raises(AssertionError, match="change-me-worker"),
        redis_servers.plain(tmp_path, EXAMPLE.read_text("utf-8")),
    ):
        pass
