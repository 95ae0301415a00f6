"""Bellhop runs on threads; who starts it on Celery's own default pool is served, too."""

from __future__ import annotations

import pytest
from acceptance.deployment import READY
from acceptance.destinations import hipchat

pytestmark = pytest.mark.slow


def test_prefork_delivers_and_finishes_what_it_began(another, vendors):
    """`-P prefork`, Celery's default pool, delivers, and SIGTERM waits for what is on its way."""
    pool = "prefork"
    deployment = another()
    deployment.apply({pool: {"room": hipchat(vendors, pool)}})
    with deployment.worker(pool, pool, BELLHOP_CONCURRENCY="2") as worker:
        worker.wait_for(READY)
        deployment.send({"app": pool, "id": "first", "title": "First", "dedup_key": "first"})
        deployment.wait_for(1, pool)
        # When: told to stop while an answer takes longer than a task waits for it
        vendors.break_down("hipchat", pool, latency_s=2, times=1)
        deployment.send({"app": pool, "id": "second", "title": "Second", "dedup_key": "second"})
        vendors.wait_for(2, pool, "hipchat")
        assert worker.terminate() == 0
    # Then
    results = deployment.wait_for(2, pool, within_s=1)
    assert {(result["outcome"], result["attempts"]) for result in results} == {("delivered", 1)}
    assert len(vendors.arrivals("hipchat", pool)) == 2
