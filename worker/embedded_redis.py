"""A Redis of our own, for trying Bellhop out and for small set-ups: found on this machine, run as our child.

It listens on the loopback only, asks for a password (`redis.json` in the state folder, mode 0600), keeps its data with
AOF under `redis/` there, and never evicts. A second process in the same folder finds the running one. Unix only.

The server ends with the process that started it. When that one is killed, Linux ends the server too, provided that
`start` was called on its main thread (PR_SET_PDEATHSIG goes by thread); elsewhere the server stays, and the next
`start` in the same folder finds it.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings
from worker.errors import Unavailable
from worker.redis_process import HOST, configuration, last_line, server_binary, spawn
from worker.stores.connection import sync_redis

READY_S = 60.0
"""A long AOF takes a while to load."""
STOP_S = 15.0


@dataclass(frozen=True, slots=True)
class Running:
    """What `redis.json` says about the server of this folder."""

    port: int
    pid: int
    run_id: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """With the password: not for showing."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


def redis_url(settings: Settings, *, start: bool = False) -> str:
    """The address of the Redis to use: the one that is set, else the folder's running one, else a started one.

    Args:
        settings: this process's.
        start: whether one may be started; it is stopped when this process ends.

    Raises:
        Unavailable: where there is none.
    """
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    running = find_running(settings.state_dir)
    if running is not None:
        return running.url
    if not start:
        raise Unavailable("no Redis: set BELLHOP_REDIS_URL or run `bellhop up`")
    server = EmbeddedRedis(settings.state_dir).start()
    atexit.register(server.stop)
    return server.url


class EmbeddedRedis:
    """A Redis server in `state_dir`: started, or found running there. A context manager.

    Only who started it stops it.
    """

    def __init__(self, state_dir: Path, *, port: int | None = None, search_path: str | None = None) -> None:
        self._state_dir = state_dir.absolute()
        self._port = port
        self._search_path = search_path
        self._running: Running | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_by = 0

    @property
    def url(self) -> str:
        """Its address, with the password: not for showing."""
        if self._running is None:
            raise Unavailable("the embedded Redis is not running")
        return self._running.url

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._running is None:
            raise Unavailable("the embedded Redis is not running")
        return self._running.pid

    @property
    def started(self) -> bool:
        """Whether this object started the server, rather than finding it."""
        return self._process is not None

    def start(self) -> Self:
        """Start the server and wait until it answers; does nothing but look where one runs already."""
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(self._state_dir / "redis.lock"):
            self._running = self._found_or_launched()
        return self

    def stop(self) -> None:
        """End the server that this object started: SIGTERM, and SIGKILL where that is not enough."""
        process, self._process, self._running = self._process, None, None
        if process is None or os.getpid() != self._started_by:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _found_or_launched(self) -> Running:
        folder = self._state_dir / "redis"
        folder.mkdir(exist_ok=True, mode=0o700)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            running = find_running(self._state_dir)
            if running is not None:
                return running
            claim = _claimed(folder / "in-use.lock")
            if claim is not None:
                try:
                    return self._launch(folder, claim)
                finally:
                    os.close(claim)
            time.sleep(0.05)  # a server that is loading, stopping or too busy to answer
        raise Unavailable(f"a Redis is using {folder} but does not answer")

    def _launch(self, folder: Path, claim: int) -> Running:
        server = server_binary(self._search_path)
        before = _noted(self._state_dir)
        # The same password and, where it is free, the same port again: who held on to the address reconnects.
        password = before.password if before else secrets.token_urlsafe(24)
        port = self._port or _free_port(before.port if before else 0)
        log = folder / "server.log"
        self._process = spawn(server, configuration(port, password), log, claim)
        self._started_by = os.getpid()
        try:
            running = _ready(self._process, port, password, log)
            _note(self._state_dir, running)
        except BaseException:
            self.stop()
            raise
        return running


def find_running(state_dir: Path) -> Running | None:
    """The server that runs for this folder, if it answers and is the very one that was noted."""
    noted = _noted(state_dir)
    # The password goes to nobody else who may have taken the port since: not unless that process lives and is ours.
    if noted is None or not _alive(noted.pid):
        return None
    try:
        return noted if _run_id(noted.url) == noted.run_id else None
    except redis.RedisError:
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _run_id(url: str) -> str:
    with sync_redis(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1, socket_timeout=3) as client:
        client.ping()
        return str(client.info("server")["run_id"])


def _noted(state_dir: Path) -> Running | None:
    try:
        return Running(**orjson.loads((state_dir / "redis.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _note(state_dir: Path, running: Running) -> None:
    target = state_dir / "redis.json"
    fresh = target.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(asdict(running)))
    fresh.replace(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Held while one process looks and starts, so that two do not both start one."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _claimed(path: Path) -> int | None:
    """A descriptor that holds the data folder; the server inherits it, and holds it as long as it lives."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("no free port on the loopback address for the embedded Redis")


def _ready(process: subprocess.Popen[bytes], port: int, password: str, log: Path) -> Running:
    deadline = time.monotonic() + READY_S
    candidate = Running(port, process.pid, "", password)
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"the embedded Redis ended at once: {last_line(log)}")
        try:
            return Running(port, process.pid, _run_id(candidate.url), password)
        except redis.RedisError:  # not listening yet, or still loading
            time.sleep(0.02)
    raise Unavailable(f"the embedded Redis does not answer after {READY_S:.0f} s: {last_line(log)}")
