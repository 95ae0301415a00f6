"""Whatever dies, no alert is lost, and none is seen more than twice."""

from __future__ import annotations

import subprocess
import time
from collections import Counter

import pytest
from acceptance.deployment import BIN, READY
from acceptance.destinations import hipchat, webhook
from acceptance.vendors import body
from fakes.processes import until

pytestmark = pytest.mark.slow

LEASE_S = 2
MANY = 20
ABANDONED_S = 30
"""After how long an event that a dead worker had read is read by another, at the latest."""


def events(app):
    """Events of as many conditions."""
    return [{"app": app, "id": f"{app}-{i}", "title": f"{app} {i}.", "dedup_key": f"{i}"} for i in range(MANY)]


@pytest.fixture(scope="module")
def deployment(another):
    """Workers whose deliveries are taken over two seconds after their death."""
    return another(BELLHOP_LEASE_S=str(LEASE_S))


@pytest.fixture(scope="module")
def orphaned_at(deployment, vendors):
    """When a worker was killed that had read events off the stream, and its queue lost them as well."""
    deployment.apply({"orphans": {"room": hipchat(vendors, "orphans")}})
    with deployment.worker("reader") as reader:
        reader.wait_for(READY)
        # It reads on, and dispatches no more.
        celery(deployment, "control", "cancel_consumer", "celery")
        deployment.send(*events("orphans"))
        until(lambda: deployment.redis.llen("celery"), 10, "a dispatch task in the queue")
        reader.kill()
    celery(deployment, "purge", "-f", "-Q", "celery")
    assert not deployment.results("orphans")
    return time.monotonic()


def celery(deployment, *arguments):
    """Run `celery -A worker …` to its end."""
    command = [BIN / "celery", "-A", "worker", *arguments]
    subprocess.run(command, env=deployment.environment(), cwd="/", capture_output=True, check=True, timeout=60)


def test_what_a_killed_worker_had_on_its_way_is_delivered_by_another(deployment, vendors):
    """SIGKILL in the midst of forty deliveries: the other worker delivers all of them, each marked ambiguous."""
    deployment.apply({"killed": {"room": hipchat(vendors, "killed"), "hook": webhook(vendors, "killed")}})
    for channel in ("hipchat", "webhook"):
        vendors.break_down(channel, "killed", latency_s=15, times=MANY)
    with deployment.worker("victim") as victim:
        victim.wait_for(READY)
        deployment.send(*events("killed"))
        vendors.wait_for(2 * MANY, "killed")
        with deployment.worker("heir") as heir:
            heir.wait_for(READY)
            assert not deployment.results("killed"), "all of them are on their way"
            # When
            victim.kill()
            killed_at = time.monotonic()
            results = deployment.wait_for(2 * MANY, "killed")
            took_s = time.monotonic() - killed_at
            assert heir.terminate() == 0
    # Then
    assert took_s < LEASE_S + 5
    assert {(result["outcome"], result["attempts"], result["ambiguous"]) for result in results} == {
        ("delivered", 2, True)
    }
    by_id = Counter(arrival.delivery_id for arrival in vendors.arrivals("webhook", "killed"))
    assert sorted(by_id.values()) == [2] * MANY
    said = Counter(body(arrival)["message"] for arrival in vendors.arrivals("hipchat", "killed"))
    assert sorted(said.values()) == [2] * MANY


@pytest.mark.usefixtures("orphaned_at")
def test_a_worker_that_is_told_to_stop_finishes_what_is_on_its_way(deployment, vendors):
    """SIGTERM in the midst of twenty deliveries: all are delivered once, and the exit code is 0."""
    deployment.apply({"stopped": {"room": hipchat(vendors, "stopped")}})
    vendors.break_down("hipchat", "stopped", latency_s=2)
    with deployment.worker("stopped") as worker:
        worker.wait_for(READY)
        deployment.send(*events("stopped"))
        vendors.wait_for(MANY, "stopped", "hipchat")
        # When
        assert worker.terminate() == 0
    # Then
    results = deployment.wait_for(MANY, "stopped", within_s=1)
    assert {(result["outcome"], result["attempts"], result["ambiguous"]) for result in results} == {
        ("delivered", 1, False)
    }
    assert len(vendors.arrivals("hipchat", "stopped")) == MANY


def test_what_a_killed_worker_had_read_and_not_dispatched_is_read_again(deployment, vendors, orphaned_at):
    """Events whose reader was killed and whose queue was purged are taken over from the stream, and delivered once."""
    with deployment.worker("finder") as finder:
        finder.wait_for(READY)
        left_s = orphaned_at + ABANDONED_S - time.monotonic()
        results = deployment.wait_for(MANY, "orphans", within_s=max(left_s, 5))
        assert {(result["outcome"], result["attempts"]) for result in results} == {("delivered", 1)}
        assert len(vendors.arrivals("hipchat", "orphans")) == MANY
        until(lambda: not deployment.redis.xlen("bellhop:events"), 5, "an empty events stream")
        assert finder.terminate() == 0
