"""Redis dies, comes back or is emptied: the worker goes on without a restart, and what was acknowledged is there."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack

import pytest
import redis
from acceptance.deployment import READY, Deployment
from acceptance.destinations import hipchat, webhook
from fakes.processes import until

from worker.embedded_redis import EmbeddedRedis

pytestmark = pytest.mark.slow

MANY = 30
DOWN_S = 2.0


@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    """A deployment with a worker on a Redis of its own; `start` starts that Redis, again where it was killed."""
    folder = tmp_path_factory.mktemp("mortal")
    with ExitStack() as stack:

        def start():
            return stack.enter_context(EmbeddedRedis(folder))

        server = start()
        deployment = Deployment(server.url, folder)
        stack.callback(deployment.close)
        worker = stack.enter_context(deployment.worker("mortal")).wait_for(READY)
        yield deployment, worker, server, start
        assert worker.terminate() == 0


def events(app):
    """Events of as many conditions."""
    return [{"app": app, "title": f"{app} {i}", "dedup_key": f"{i}"} for i in range(MANY)]


def ended(pid):
    """Whether that child has ended."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def written(client):
    """Whether the append-only file has all that was acknowledged."""
    told = client.info("persistence")
    return told["aof_buffer_length"] == 0 and told["aof_last_write_status"] == "ok"


def test_a_worker_outlives_its_redis(mortal, vendors):
    """SIGKILL of Redis with deliveries on their way, owed and unread: each is delivered once when it is back."""
    deployment, worker, server, start = mortal
    apps = {name: {"hook": webhook(vendors, name)} for name in ("under-way", "owed", "unread")}
    deployment.apply(apps)
    # Given: answers that come while Redis is away, and retries that become due then
    vendors.break_down("webhook", "under-way", latency_s=1.0, times=MANY)
    vendors.break_down("webhook", "owed", status=429, headers={"Retry-After": "2"}, times=1)
    deployment.send(*events("owed"))
    vendors.wait_for(1, "owed", "webhook")
    deployment.send(*events("under-way"))
    vendors.wait_for(MANY, "under-way", "webhook")
    deployment.send(*events("unread"))
    until(lambda: written(deployment.redis), 5, "everything in the append-only file")
    # When
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: ended(server.pid), 5, "the end of Redis")
    with pytest.raises(redis.ConnectionError):
        deployment.redis.ping()
    time.sleep(DOWN_S)
    assert start().url == deployment.url, "the same port and password"
    # Then
    for app in apps:
        results = deployment.wait_for(MANY, app, within_s=40)
        assert {result["outcome"] for result in results} == {"delivered"}, results
        accepted = vendors.accepted("webhook", app)
        assert len(accepted) == len({arrival.delivery_id for arrival in accepted}) == MANY, app
    assert worker.running
    deployment.send({"app": "owed", "title": "Afterwards", "dedup_key": "afterwards"})
    deployment.wait_for(MANY + 1, "owed", within_s=10)


def test_a_worker_outlives_an_emptied_redis(mortal, vendors):
    """FLUSHALL and SCRIPT FLUSH take consumer group, settings and scripts; applied again, the next event arrives."""
    deployment, worker, *_ = mortal
    deployment.redis.flushall()
    deployment.redis.script_flush()
    deployment.apply({"emptied": {"room": hipchat(vendors, "emptied")}})
    deployment.send({"app": "emptied", "title": "As if new"})
    (result,) = deployment.wait_for(1, "emptied", within_s=15)
    assert result["outcome"] == "delivered"
    assert worker.running
