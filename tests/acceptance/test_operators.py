"""What operators and newcomers start: `bellhop demo`, `bellhop up` and `bellhop worker`, from start to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from fakes.processes import Process, descendants, free_port, lives, until

from worker.embedded_redis import find_running

pytestmark = pytest.mark.slow

BELLHOP = Path(sys.executable).with_name("bellhop")


@pytest.fixture
def env(tmp_path):
    """An environment without settings but a state folder of the test's own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELLHOP_", "FLOWER_"))}
    return clean | {"BELLHOP_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "160"}


@pytest.fixture
def start(tmp_path, env):
    """Starts commands; what is left of them and of their children is killed in the end."""
    running = []

    def run(*command):
        log = tmp_path / f"{len(running)}.log"
        running.append(Process([BELLHOP, *command], env=env, cwd=tmp_path, log=log))
        return running[-1]

    yield run
    for process in running:
        left = descendants(process.pid)
        process.kill()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_demo_once_delivers_everything_and_exits_with_0(tmp_path, env):
    """`bellhop demo --once --json` is what a script runs: 36 results, each delivered, and exit code 0."""
    done = subprocess.run(
        [BELLHOP, "demo", "--json"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    results = json.loads(done.stdout)
    assert done.returncode == 0
    assert [each["outcome"] for each in results] == ["delivered"] * 36
    assert {each["channel"] for each in results} == {"hipchat", "slack", "email", "pagerduty", "nagios", "webhook"}


def test_a_demo_that_is_told_to_stop_while_it_starts_leaves_nothing_behind(start):
    """SIGTERM in the middle of setting up ends it with 0, and every process that it had started by then."""
    demo = start("demo")
    children = until(lambda: len(descendants(demo.pid)) >= 2 and descendants(demo.pid), 60, "worker and Redis started")
    assert demo.terminate(40) == 0
    until(lambda: not any(map(lives, children)), 10, "its children are gone")


def test_up_runs_redis_workers_and_flower_and_brings_back_what_dies(start, env, tmp_path):
    """`bellhop up` is a whole deployment: a worker that is killed comes back, and SIGTERM ends everything."""
    port = free_port()
    up = start("up", "--processes", "2", "--flower-port", str(free_port()), "--web-port", str(port))
    until(lambda: find_running(tmp_path / "state"), 30, "the embedded Redis is found")

    def workers():
        shown = subprocess.run(
            [BELLHOP, "status", "--json"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return {row["name"] for row in json.loads(shown.stdout)["workers"]} if shown.returncode == 0 else set()

    before = until(lambda: len(workers()) == 2 and workers(), 60, "two workers read the stream")
    victim = next(int(name.split("-")[-2]) for name in before)
    os.kill(victim, signal.SIGKILL)
    up.wait_for("starting it again", 30)
    until(lambda: len(workers() - before) == 1, 60, "another worker reads the stream")
    until(lambda: _answers(port), 30, "the console answers")
    children = descendants(up.pid)
    assert up.terminate(60) == 0
    until(lambda: not any(map(lives, children)), 10, "its children are gone")


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.read() == b"ok\n"
    except OSError:
        return False


def test_a_worker_without_redis_says_so_in_one_sentence(start):
    """No Redis is exit code 3 and a sentence that names the setting, not a traceback."""
    worker = start("worker")
    assert worker.wait(30) == 3
    assert worker.output().strip() == "no Redis: set BELLHOP_REDIS_URL or run `bellhop up`"
