"""One Redis, the sandbox as vendor, and several real workers: what every row breaks in its own way."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import redis

from chaos.load import Event, Producer
from chaos.load import apps as usual_apps
from chaos.processes import Process, until
from chaos.referee import Tally, read_results, tally
from chaos.row import Trial
from chaos.server import Server
from chaos.vendor import UNLIMITED, Vendor
from worker.sandbox.options import Options

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SETS = ("owed", "woken", "leased", "waiting")
READY_S = 60.0
DRAIN_S = 150.0
APPLY_S = 60.0
RUNNER_ENDS_S = 45.0


class Cluster:
    """A deployment between `__enter__` and `__exit__`; `workers` are those that run.

    `apps` makes the apps of the vendor's address.
    """

    def __init__(
        self,
        trial: Trial,
        *,
        workers: int = 2,
        apps: Callable[[str], Mapping[str, Any]] = usual_apps,
        options: Options = UNLIMITED,
        fsync: str = "everysec",
        **environment: str,
    ) -> None:
        self.trial = trial
        self._wanted = workers
        self._stack = ExitStack()
        self._started = 0
        self._apps = apps
        self._environment = {"BELLHOP_LEASE_S": f"{trial.lease_s:g}", "BELLHOP_LOG_LEVEL": "warning", **environment}
        self.vendor = Vendor(options)
        self.redis = Server(trial.folder / "redis", fsync)
        self.workers: list[Process] = []
        self.channels: dict[str, list[str]] = {}

    @property
    def client(self) -> Any:
        """Of the Redis that runs now; bytes in, bytes out."""
        return self.redis.client

    @property
    def names(self) -> list[str]:
        """The apps'."""
        return list(self.channels)

    def __enter__(self) -> Self:
        try:
            self.trial.say("starting")
            self.redis.start()
            self._stack.callback(self.redis.stop)
            self.vendor.start()
            self._stack.callback(self.vendor.stop)
            for _ in range(self._wanted):
                self.start_worker()
            self.apply(self._apps(self.vendor.url))
            self.wait_ready(*self.workers)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def environment(self, **more: str) -> dict[str, str]:
        """A child's: without what this machine sets for Bellhop, and with this very source tree to import from."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
        own = {
            "PYTHONPATH": str(ROOT),
            "BELLHOP_REDIS_URL": self.redis.url,
            "BELLHOP_ALLOWED_ADDRESSES": "127.0.0.0/8",
            "BELLHOP_STATE_DIR": str(self.trial.folder / "state"),
            "BELLHOP_LOG_FORMAT": "json",
        }
        return clean | own | self._environment | more

    def start(self, *command: str, **environment: str) -> Process:
        """Start a command of this installation; it ends with the cluster."""
        self._started += 1
        log = self.trial.folder / f"{command[0]}-{self._started}.log"
        process = Process([str(BIN / command[0]), *command[1:]], env=self.environment(**environment), log=log)
        return self._stack.enter_context(process)

    def start_worker(self, **environment: str) -> Process:
        """Start one more worker; `wait_ready` waits until it works."""
        name = f"chaos-{self._started + 1}@chaos"
        worker = self.start(
            *("celery", "-A", "worker", "worker", "-P", "threads", "--hostname", name),
            *("--without-mingle", "--without-gossip"),
            **environment,
        )
        self.workers.append(worker)
        return worker

    def start_runner(self, processes: int) -> Process:
        """Start workers under `bellhop worker`, which ends them: each has a session of its own."""
        runner = self.start("bellhop", "worker", "--processes", str(processes))
        self._stack.callback(runner.wait, RUNNER_ENDS_S)
        self._stack.callback(runner.terminate)
        return runner

    def wait_ready(self, *workers: Process) -> None:
        """Wait until these read the stream."""
        for worker in workers:
            until(lambda w=worker: self.ready(w) or not w.running, READY_S, "a worker that reads the stream")  # type: ignore[misc]
            if not worker.running:
                raise AssertionError(f"a worker ended:\n{worker.last_words()}")

    def ready(self, worker: Process) -> bool:
        """Whether it reads the stream: a consumer's name holds its process id."""
        return any(f"-{worker.pid}-" in name for name in self.consumers())

    def consumers(self) -> list[str]:
        """Who reads the stream, or did."""
        try:
            return [row["name"].decode() for row in self.client.xinfo_consumers("bellhop:events", "bellhop")]
        except redis.ResponseError:
            return []

    def a_worker(self) -> Process:
        """One of those that work, at random."""
        return random.choice(until(lambda: [w for w in self.workers if self.ready(w)], READY_S, "a worker"))  # noqa: S311

    def apply(self, apps: Mapping[str, Any]) -> None:
        """`bellhop apps apply` these."""
        file = self.trial.folder / "apps.yaml"
        file.write_bytes(orjson.dumps({"apps": {app: {"destinations": mine} for app, mine in apps.items()}}))
        self.run("bellhop", "apps", "apply", str(file))
        self.channels = {app: [each["channel"] for each in mine.values()] for app, mine in apps.items()}

    def run(self, *command: str) -> str:
        """Run a command of this installation to its end; what it printed."""
        done = subprocess.run(  # noqa: S603 - our own commands
            [str(BIN / command[0]), *command[1:]],
            env=self.environment(),
            cwd=self.trial.folder,
            capture_output=True,
            text=True,
            timeout=APPLY_S,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def produce(self, load: Iterable[Event], per_s: float | None = None) -> Producer:
        """Begin to put events on the stream; stopped with the cluster."""
        producer = Producer(self.redis.url, load, per_s).start()
        self._stack.callback(producer.stop)
        return producer

    def standing(self) -> dict[str, int]:
        """How many events wait on the stream, and how many deliveries stand where."""
        pipe = self.client.pipeline(transaction=False)
        pipe.xlen("bellhop:events")
        for name in SETS:
            pipe.zcard(f"bellhop:{name}")
        return dict(zip(("events", *SETS), pipe.execute(), strict=True))

    def leased(self) -> set[str]:
        """What is under way or was when its worker died: `token|reference`."""
        return {member.decode() for member in self.client.zrange("bellhop:leased", 0, -1)}

    def drain(self, within_s: float = DRAIN_S) -> float | None:
        """Wait until nothing is owed any more: after how many seconds; None where it is never so."""
        began = time.monotonic()
        while time.monotonic() < began + within_s:
            standing = self.standing()
            if not any(standing.values()):
                return time.monotonic() - began
            self.trial.say("draining: " + ", ".join(f"{count} {name}" for name, count in standing.items() if count))
            time.sleep(0.1)
        return None

    def tally(self, producers: Sequence[Producer]) -> Tally:
        """What became of everything that these producers sent."""
        self.trial.say("counting")
        acknowledged = [each for producer in producers for each in producer.acknowledged]
        return tally(acknowledged, self.channels, self.vendor.arrived(), read_results(self.client))
