"""Bellhop as an operator starts it, and as producers and consumers see it: commands and streams, nothing inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis
from acceptance.destinations import SECRETS, Settings
from fakes.processes import Process, until

BIN = Path(sys.executable).parent
READY = " ready."
Result = dict[str, Any]


class Deployment:
    """One Redis database with Bellhop on it."""

    def __init__(self, url: str, folder: Path, **settings: str) -> None:
        self.url = url
        self._folder = folder
        self._settings = settings
        self._started = 0
        self._seen = {"results": "0", "rejected": "0"}
        self._entries: dict[str, list[Any]] = {"results": [], "rejected": []}
        self.redis = redis.Redis.from_url(url)

    def environment(self, **more: str) -> dict[str, str]:
        """What its processes are told; what this machine sets for itself is kept out."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELLHOP_", "FLOWER_"))}
        own = {
            "BELLHOP_REDIS_URL": self.url,
            "BELLHOP_ALLOWED_ADDRESSES": "127.0.0.0/8",
            "BELLHOP_STATE_DIR": str(self._folder / "state"),
            "BELLHOP_LOG_LEVEL": "debug",
        }
        return clean | own | SECRETS | self._settings | more

    def start(self, name: str, *command: str, **more: str) -> Process:
        """Start a command of this environment's; its output goes to `<name>.<n>.log`."""
        self._started += 1
        log = self._folder / f"{name}.{self._started}.log"
        return Process([BIN / command[0], *command[1:]], env=self.environment(**more), cwd=self._folder, log=log)

    def worker(self, name: str, pool: str = "threads", **more: str) -> Process:
        """Start a worker; `wait_for(READY)` waits until it works."""
        command = ("celery", "-A", "worker", "worker", "-P", pool, "--hostname", f"{name}@acceptance")
        return self.start(name, *command, **more)

    def bellhop(self, *arguments: str) -> str:
        """Run `bellhop …`; what it printed. AssertionError where it fails."""
        done = subprocess.run(
            [BIN / "bellhop", *arguments],
            env=self.environment(),
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def apply(self, apps: Mapping[str, Mapping[str, Settings]]) -> None:
        """`bellhop apps apply` these destinations by app and name."""
        file = self._folder / "apps.yaml"
        file.write_text(json.dumps({"apps": {app: {"destinations": mine} for app, mine in apps.items()}}))
        self.bellhop("apps", "apply", str(file))

    def send(self, *events: Mapping[str, Any]) -> list[str]:
        """`XADD bellhop:events * event '<json>'` for each, all in one step; the entries' ids."""
        return self.add(*({"event": json.dumps(event)} for event in events))

    def add(self, *entries: Mapping[str, Any]) -> list[str]:
        """XADD whatever this is, all in one step; the entries' ids."""
        pipe = self.redis.pipeline(transaction=True)
        for fields in entries:
            pipe.xadd("bellhop:events", dict(fields))
        return [entry.decode() for entry in pipe.execute()]

    def results(self, app: str) -> list[Result]:
        """The results of this app so far, in the order in which they came."""
        return [result for result in self._read("results", _result) if result["app"] == app]

    def wait_for(self, count: int, app: str, within_s: float = 30) -> list[Result]:
        """This app's results, as soon as they are `count`; no more may come with them."""
        found = until(
            lambda: len(self.results(app)) >= count and self.results(app),
            within_s,
            lambda: f"{count} results of {app}; there are {self.results(app)} and rejected {self.rejected()}",
        )
        assert len(found) == count, found
        return found

    def rejected(self) -> list[dict[str, bytes]]:
        """What could not be read so far: `event`, `error`, `entry`."""
        return list(self._read("rejected", dict))

    def close(self) -> None:
        """Leave Redis."""
        self.redis.close()

    def _read(self, stream: str, parsed: Callable[[dict[str, bytes]], Any]) -> list[Any]:
        """XREAD what is new, as a consumer does; everything so far."""
        found = self.redis.xread({f"bellhop:{stream}": self._seen[stream]})
        rows = found[f"bellhop:{stream}".encode()][0] if isinstance(found, dict) and found else []
        rows = rows or (found[0][1] if isinstance(found, list) and found else [])
        for entry, fields in rows:
            self._seen[stream] = entry.decode()
            self._entries[stream].append(parsed({name.decode(): value for name, value in fields.items()}))
        return self._entries[stream]


def _result(fields: dict[str, bytes]) -> Result:
    (text,) = fields.values()
    return json.loads(text)
