"""Real Redis and Valkey servers with users, and with TLS where this machine has one that was built with it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from fakes.certificates import Authority
from fakes.processes import Process, free_port, until

from worker.redis_process import HOST, server_binary

ADMIN = "Canary-admin"
NAMES = ("valkey-server", "redis-server")
# The same program as the server, which goes by the name that it is called by:
# https://github.com/redis/redis/blob/7.0/src/Makefile (REDIS_CHECK_RDB_NAME). Debian's redis-tools has it.
TWINS = {"valkey-check-rdb": "valkey-server", "redis-check-rdb": "redis-server"}
SKIPPED = "no Redis or Valkey with TLS on this machine: apt install redis-tools"


@dataclass(frozen=True)
class Server:
    """A running server. `acl` are its users' lines, of which `admin`'s is always one."""

    port: int
    authority: Authority | None
    process: Process

    def url(self, user: str, password: str, number: int = 0, **options: str) -> str:
        """Its address for a user, as an operator sets it; over TLS with the authority that vouches for the server."""
        if self.authority is None:
            return f"redis://{user}:{password}@{HOST}:{self.port}/{number}"
        chosen = {"ssl_ca_certs": str(self.authority.file)} | options
        query = "&".join(f"{name}={value}" for name, value in chosen.items() if value)
        return f"rediss://{user}:{password}@{HOST}:{self.port}/{number}{query and '?'}{query}"

    def admin(self, number: int = 0) -> redis.Redis:
        """A client that may do everything."""
        return redis.Redis.from_url(self.url("admin", ADMIN, number), decode_responses=True)


@contextmanager
def plain(folder: Path, users: str):
    """The Valkey that comes with Bellhop, with users, without TLS."""
    with _running(folder, server_binary(str(folder)), users, None, ()) as server:
        yield server


@contextmanager
def with_tls(folder: Path, users: str, authority: Authority, *options: str, certificate=None):
    """One over TLS 1.2 and newer; skips the test where there is none."""
    shown = certificate or authority.issue()
    tls = (
        f"tls-cert-file {shown.cert_file}",
        f"tls-key-file {shown.key_file}",
        f"tls-ca-cert-file {authority.file}",
        *(options or ("tls-auth-clients no",)),
    )
    with _running(folder, _with_tls(folder), users, authority, tls) as server:
        yield server


def _with_tls(folder: Path) -> str:
    for name in (*NAMES, *TWINS):
        found = shutil.which(name)
        if found and b"libssl.so" in Path(found).read_bytes():
            if name in NAMES:
                return found
            twin = folder / TWINS[name]
            twin.symlink_to(found)
            return str(twin)
    pytest.skip(SKIPPED)


@contextmanager
def _running(folder: Path, binary: str, users: str, authority: Authority | None, more: tuple[str, ...]):
    port = free_port()
    ports = (f"port {port}",) if authority is None else ("port 0", f"tls-port {port}")
    lines = (f"bind {HOST}", *ports, "appendonly yes", 'save ""', f"dir {folder}", "user default off", *more)
    admin = f"user admin on >{ADMIN} ~* &* +@all"
    config = folder / "redis.conf"
    config.write_text("\n".join([*lines, admin, users, ""]))
    with Process([binary, str(config)], env={}, cwd=folder, log=folder / "redis.log") as process:
        process.wait_for("Ready to accept connections")
        yield Server(port, authority, process)


def denied(server: Server) -> set[str]:
    """What users were denied since the server started or its log was emptied: `user: reason object (context)`."""
    with server.admin() as client:
        rows = client.acl_log(1000)
    return {f"{row['username']}: {row['reason']} {row['object']} ({row['context']})" for row in rows}


def until_denied(server: Server, words: str) -> None:
    """Wait until a user was denied something with these words in it."""
    until(lambda: any(words in each for each in denied(server)), 20, lambda: str(denied(server)))
