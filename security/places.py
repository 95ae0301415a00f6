"""Where a secret could be left behind, each as named bytes: Redis, files, Flower's pages, processes' arguments."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import redis

from worker.stores.connection import sync_redis

Named = tuple[str, bytes]
PAGES: Final = ("", "workers", "tasks", "broker", "metrics")
API: Final = ("api/workers?refresh=1", "api/tasks?limit=100000", "api/task/types", "api/queues/length")
END: Final = b"the monitor has seen everything"
LISTENS_S: Final = 10.0


def redis_values(url: str) -> Iterator[Named]:
    """Every key of every database, whatever its type: as Redis would hand it to another server, groups and all."""
    base = url.rpartition("/")[0]
    with sync_redis(url) as client:
        databases = [name.removeprefix("db") for name in _info(client, "keyspace")]
    for number in databases:
        with sync_redis(f"{base}/{number}") as client:
            for key in client.scan_iter(count=1000):
                yield f"database {number}, key {_text(key)}", key + b"\n" + (_answer(client.dump(key)) or b"")


def redis_logs(url: str) -> Iterator[Named]:
    """What Redis tells of its clients: slow commands, refused ones, connections."""
    with sync_redis(url) as client:
        for command in ("SLOWLOG GET 1000", "ACL LOG", "CLIENT LIST", "INFO everything"):
            with suppress(redis.ResponseError):
                yield f"Redis' {command}", repr(_answer(client.execute_command(*command.split()))).encode()


def _info(client: Any, section: str) -> dict[str, Any]:
    found: dict[str, Any] = client.info(section)
    return found


def _answer(value: Any) -> Any:
    """redis-py's types cover its asyncio client as well."""
    return value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def files(folder: Path, *patterns: str) -> Iterator[Named]:
    """Every file beneath `folder` that fits one of the patterns."""
    for path in sorted({path for pattern in patterns for path in folder.rglob(pattern)}):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


class Monitor:
    """Writes every command that Redis is sent to a file, publications to listeners among them. A context manager."""

    def __init__(self, url: str, file: Path) -> None:
        self._client, self._monitored = sync_redis(url), sync_redis(url)
        self._file = file
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(LISTENS_S):
            raise RuntimeError("Redis cannot be monitored")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(redis.RedisError):
            self._client.echo(END)
            self._thread.join(LISTENS_S)
        self._client.close()
        self._monitored.close()

    def _listen(self) -> None:
        line = b""
        monitoring: Any = self._monitored.monitor()  # type: ignore[no-untyped-call]
        with monitoring as monitor, self._file.open("wb") as log, suppress(redis.RedisError):
            self._listening.set()
            while END not in line:
                if monitor.connection.can_read(timeout=0.2):
                    line = monitor.connection.read_response()
                    log.write(line + b"\n")


def monitored(file: Path) -> Iterator[Named]:
    """What `Monitor` wrote, by command and key."""
    for line in file.read_bytes().splitlines():
        words = line.split(b'"', 4)
        name = " ".join(_text(word) for word in words[1:4:2])
        yield f"command {name[:80]}", line


def pages(url: str, tasks: int) -> Iterator[Named]:
    """Flower's pages and its API; of so many tasks their own, since the list has all of them."""
    for path in (*PAGES, *API):
        yield f"Flower's /{path}", read_page(f"{url}/{path}")
    workers = json.loads(read_page(f"{url}/api/workers") or b"{}")
    for name in workers:
        yield f"Flower's /worker/{name}", read_page(f"{url}/worker/{quote(name)}")
    for task in list(json.loads(read_page(f"{url}/api/tasks?limit=100000") or b"{}"))[:tasks]:
        for path in (f"task/{task}", f"api/task/info/{task}"):
            yield f"Flower's /{path}", read_page(f"{url}/{path}")


def read_page(url: str) -> bytes:
    """A page's content; that of its error where it is one, nothing where nobody answers."""
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
            content: bytes = answer.read()
    except URLError as error:
        return (getattr(error, "fp", None) and error.fp.read()) or b""  # type: ignore[attr-defined]
    return content


def arguments(pids: Iterable[int]) -> Iterator[Named]:
    """What everybody on the machine may see of these processes and of those beneath them."""
    for pid in pids:
        for one in (pid, *beneath(pid)):
            with suppress(OSError):
                command = Path(f"/proc/{one}/cmdline").read_bytes()
                yield f"process {one}: {_text(command)[:60]}", command


def beneath(pid: int) -> list[int]:
    """The ids of all processes beneath this one."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            for child in map(int, listed.read_text().split()):
                found += [child, *beneath(child)]
    return found
