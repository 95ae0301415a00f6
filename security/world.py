"""A whole Bellhop to be looked into: Redis, workers, Flower, the sandbox and vendors that repeat what they are told."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import redis

from chaos.processes import Process, until
from chaos.server import Server
from chaos.vendor import Vendor
from security.canary import Canary, fresh
from security.places import Monitor, beneath, read_page
from security.shell import Shell
from security.vendors import Parrots, Place
from worker.sandbox.options import Options
from worker.stores.connection import sync_redis

ROOT = Path(__file__).resolve().parents[1]
READY, READY_S = b" ready.", 90.0
NSCA_METHOD = 14


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things go: `logs` and `said` are searched, `typed` is what the tester wrote."""

    logs: Path
    said: Path
    typed: Path
    redis: Path

    @classmethod
    def within(cls, folder: Path) -> Folders:
        """New ones."""
        made = cls(*(folder / name for name in ("logs", "said", "typed", "redis")))
        for each in (made.logs, made.said, made.typed):
            each.mkdir()
        return made


def new_key() -> str:
    """A master key, without characters that are written differently elsewhere."""
    while not (key := base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()).rstrip("=").isalnum():
        pass
    return key


class World:
    """A deployment between `__enter__` and `__exit__`.

    Args:
        folder: where its files go.
        nsca_password: what the sandbox' daemon takes.
    """

    def __init__(self, folder: Path, nsca_password: str) -> None:
        options = Options(
            hipchat_requests=None, hipchat_messages=None, nsca_method=NSCA_METHOD, nsca_password=nsca_password
        )
        self.folders = Folders.within(folder)
        self.monitor = self.folders.logs / "monitor"
        self.proxy = Canary("operator/HTTPS_PROXY", fresh())
        self.web_password = Canary("operator/web_password", fresh())
        self.keys = [new_key(), new_key()]
        self.redis = Server(self.folders.redis)
        self.good, self.bad = Vendor(options), Vendor(options)
        self.parrots = Parrots()
        self.flower = ""
        self.processes: list[int] = []
        self._stack = ExitStack()
        self._started = 0

    def __enter__(self) -> Self:
        try:
            self._enter()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _enter(self) -> None:
        self.redis.start()
        self._stack.callback(self.redis.stop)
        # What is compressed cannot be searched.
        self.redis.client.config_set("rdbcompression", "no")
        self._stack.enter_context(Monitor(self.redis.url, self.monitor))
        for vendor in (self.good, self.bad):
            self._stack.callback(vendor.start().stop)
        self._stack.enter_context(self.parrots)
        self.shell = self._stack.enter_context(Shell(self.folders.said, self.environment()))
        self._ca_file = self.folders.typed / "sandbox.pem"
        self._ca_file.write_bytes(self.good.certificate_pem + self.bad.certificate_pem)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def places(self) -> dict[str, Place]:
        """Where destinations lead, by the name of the app."""
        ca_file = self._ca_file
        return {
            "good": Place(self.good.url, self.good.smtp_port, self.good.nsca_port, ca_file),
            "bad": Place(self.bad.url, self.bad.smtp_port, self.bad.nsca_port, ca_file),
            "parroted": self.parrots.place,
        }

    @property
    def canaries(self) -> list[Canary]:
        """The operator's secrets."""
        password = urlsplit(self.redis.url).password or ""
        keys = [Canary(f"operator/master_keys.{number}", key.rstrip("=")) for number, key in enumerate(self.keys)]
        return [Canary("operator/redis_url", password), *keys, self.proxy, self.web_password]

    def environment(self, **more: str) -> dict[str, str]:
        """A child's: without what this machine sets for Bellhop, and with this very source tree to import from."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELLHOP_", "FLOWER_"))}
        proxy = f"http://bellhop:{self.proxy.text}@127.0.0.1:1"
        own = {
            "HTTP_PROXY": proxy,
            "HTTPS_PROXY": proxy,
            "PYTHONPATH": str(ROOT),
            "BELLHOP_REDIS_URL": self.redis.url,
            "BELLHOP_MASTER_KEYS": ",".join(self.keys),
            "BELLHOP_ALLOWED_ADDRESSES": "127.0.0.0/8",
            "BELLHOP_WEB_PASSWORD": self.web_password.text,
            "BELLHOP_STATE_DIR": str(self.folders.typed / "state"),
            "BELLHOP_LOG_LEVEL": "debug",
            "BELLHOP_LOG_FORMAT": "json",
            "BELLHOP_RESULTS": "attempts",
            "BELLHOP_TOTAL_TIMEOUT_S": "2",
            "BELLHOP_LEASE_S": "2",
            "FLOWER_UNAUTHENTICATED_API": "true",
        }
        return clean | own | more

    def start(self, name: str, *module: str, **environment: str) -> Process:
        """Start `python -m …`; it ends with the world."""
        self._started += 1
        command = [sys.executable, "-m", *module]
        log = self.folders.logs / f"{name}-{self._started}.log"
        process = Process(command, env=self.environment(**environment), log=log)
        self.processes.append(process.pid)
        return self._stack.enter_context(process)

    def start_up(self) -> int:
        """`bellhop up`: a worker, the console and Flower, kept running; its process id."""
        flower_port = free_port()
        pid = self.shell.start("up", "--flower-port", str(flower_port), "--web-port", str(free_port()))
        self._stack.callback(self.shell.end, pid)
        self.processes.append(pid)
        self.flower = f"http://127.0.0.1:{flower_port}"
        return pid

    def client(self, database: int = 0) -> redis.Redis:
        """A client of that database; it is closed with the world."""
        client = sync_redis(self.url(database))
        self._stack.callback(client.close)
        return client

    def url(self, database: int = 0) -> str:
        """That database's address."""
        return f"{self.redis.url.rpartition('/')[0]}/{database}"

    def wait_ready(self, *logs: Path) -> None:
        """Wait until the workers that write these logs work."""
        for log in logs:
            until(lambda log=log: READY in log.read_bytes(), READY_S, lambda log=log: log.read_text())  # type: ignore[misc]

    def wait_for_flower(self) -> None:
        """Wait until Flower hears a worker."""
        until(lambda: b"true" in read_page(f"{self.flower}/api/workers?status=1&refresh=1"), READY_S, "Flower")

    def kill_worker(self, up: int) -> None:
        """SIGKILL to the worker beneath `bellhop up`, with all that it has under way."""
        for pid in beneath(up):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--hostname" in command:
                os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
