"""The Redis of a row, which can be killed, stopped and started again with its data and on its port."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Self

import redis

from chaos.processes import until
from worker.embedded_redis import EmbeddedRedis
from worker.stores.connection import sync_redis

END_S = 10.0


class Server:
    """A real Redis or Valkey with AOF."""

    def __init__(self, folder: Path, fsync: str = "everysec") -> None:
        self._folder = folder
        self._fsync = fsync
        self._embedded = EmbeddedRedis(folder)
        self.url = ""
        self.client: redis.Redis

    def start(self) -> Self:
        """Start it, again where it was killed or stopped: with the same address, password and data."""
        self._embedded = EmbeddedRedis(self._folder).start()
        self.url = self._embedded.url
        self.client = sync_redis(self.url)
        self.client.config_set("appendfsync", self._fsync)
        return self

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        pid = self._embedded.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), END_S, "the end of Redis")
        self._forget()

    def stop(self) -> None:
        """SIGTERM: it writes everything and ends. Nothing happens where it does not run."""
        self._forget()

    def _forget(self) -> None:
        with suppress(redis.RedisError):
            self.client.close()
        self._embedded.stop()  # also reaps one that was killed
