"""Master keys as an operator changes them: workers with the old, with both, with the new, and alerts all the while."""

from __future__ import annotations

import json

import pytest
from acceptance.deployment import READY, Deployment
from acceptance.destinations import everywhere, webhook
from fakes.master_keys import name, text
from fakes.processes import until

pytestmark = pytest.mark.slow


def delivered(deployment, count, app="moving"):
    """Whether all of this app's results are deliveries, once there are so many."""
    return {each["outcome"] for each in deployment.wait_for(count, app)} == {"delivered"}


def test_the_key_is_changed_while_workers_deliver(another, vendors, certificate):
    """Old, both, new alone: every alert arrives, through every channel, and nobody applies settings."""
    deployment = another(BELLHOP_MASTER_KEYS=text(1))
    kinds = everywhere(vendors, "moving", certificate)
    deployment.apply({"moving": kinds, "waiting": kinds})
    for stage, keys in enumerate([text(1), text(2, 1), text(2)], 1):
        with deployment.worker("moving", BELLHOP_MASTER_KEYS=keys) as worker:
            worker.wait_for(READY)
            deployment.send({"app": "moving", "title": f"Stage {stage}", "dedup_key": f"{stage}"})
            assert delivered(deployment, stage * len(kinds))
            if keys == text(2, 1):
                rotating = deployment.start("rotating", "bellhop", "keys", "rotate", "--json", BELLHOP_MASTER_KEYS=keys)
                assert rotating.wait() == 0
                told = json.loads(rotating.output())
                assert (told["destinations"], told["removable"]) == (2 * len(kinds), [name(1)])
            assert worker.terminate() == 0
    assert deployment.redis.smembers("bellhop:master-keys") == {name(2).encode()}
    assert deployment.redis.zcard("bellhop:key-holders") == 0


def test_a_worker_with_another_key_does_not_start_and_says_why(another, vendors):
    """One sentence that names the setting, the key in use and what to do; however it is started."""
    deployment = another(BELLHOP_MASTER_KEYS=text(1))
    deployment.apply({"refused": {"hook": {"channel": "webhook", "settings": {"url": f"{vendors.url}/hook/refused"}}}})
    wrong = deployment.worker("refused", BELLHOP_MASTER_KEYS=text(2))
    assert wrong.wait() == 1
    assert "Traceback" not in wrong.output()
    said = wrong.output().splitlines()[-1]  # Celery may warn of root before
    assert said.startswith(f"bellhop: BELLHOP_MASTER_KEYS: these keys are {name(2)}, but the secrets in this Redis")
    assert name(1) in said
    unset = deployment.start("unset", "bellhop", "worker", "--processes", "2", BELLHOP_MASTER_KEYS="")
    assert unset.wait() == 2
    assert unset.output().startswith("BELLHOP_MASTER_KEYS: is not set, there is no ")
    malformed = deployment.worker("refused", BELLHOP_MASTER_KEYS="hunter2")
    assert malformed.wait() == 1
    assert "BELLHOP_MASTER_KEYS: key 1 of 1 " in malformed.output()
    assert "hunter2" not in malformed.output()


def test_what_one_worker_cannot_read_another_delivers(another, vendors, tmp_path):
    """A rolling deploy: what the worker without the key finds locked waits for one that has it."""
    before = another(BELLHOP_MASTER_KEYS=text(1), BELLHOP_RESULTS="attempts")
    after = Deployment(before.url, tmp_path, BELLHOP_MASTER_KEYS=text(2, 1))
    hook = {"hook": webhook(vendors, "rolling")}
    before.apply({"others": hook})
    after.apply({"rolling": hook})
    with before.worker("old") as old:
        old.wait_for(READY)
        before.send({"app": "rolling", "title": "In between"})
        first = until(lambda: before.results("rolling"), 20, "an attempt")[0]
        assert (first["outcome"], first["reason"]) == ("attempted", "bad_settings")
        assert name(2) in first["detail"]
        assert "BELLHOP_MASTER_KEYS" in first["detail"]
        with after.worker("new") as new:
            new.wait_for(READY)
            assert old.terminate() == 0
            until(lambda: before.results("rolling")[-1]["outcome"] == "delivered", 60, "the delivery")
    after.close()
