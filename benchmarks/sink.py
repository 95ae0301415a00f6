"""A counting HTTP sink: answers 204 to every POST and remembers when each path was posted to last.

`python -m benchmarks.sink` listens on a free port of the loopback and prints it. GET `/stats` tells the count and the
first and last arrival, `/arrivals` the last arrival by path, `/reset` forgets all. After `/keep` bodies are kept too,
unread, and `/events` looks into them: the first arrival of each event by its number. Times are the machine's monotonic
seconds, which all processes of a Linux machine share.

What is posted below `/hang/` is counted apart and answered only after 20 s. After `/refuse` everything is told to come
back in 50 minutes. The paths of Slack's web hooks, PagerDuty and NRDP are answered as those would.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Any

import orjson
import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
NUMBER = re.compile(rb"host-(\d+)")
"""What benchmarks/load.py puts into every event's title, and so into its message."""
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
LATER = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n"
VENDORS = {
    b"/services/": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"/v2/enqueue": b'HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{"status":"success"}',
    b"/nrdp/": b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"result":{"status":0}}',
}
"""What those say to a message that they take; a HipChat room says 204."""
HANG = b"/hang/"
HANG_S = 20.0


class Tally:
    """What has arrived."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self.count, self.first, self.last = 0, 0.0, 0.0
        self.by_path: dict[str, float] = {}
        self.bodies: list[tuple[float, bytes]] | None = None
        self.hung = 0
        self.refusing = False

    def keep(self) -> None:
        """Forget all, and keep bodies from now on."""
        self.reset()
        self.bodies = []

    def add(self, path: str, body: bytes = b"") -> None:
        """Count one arrival, now."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.count += 1
        self.by_path[path] = self.last
        if self.bodies is not None:
            self.bodies.append((self.last, body))

    def by_number(self) -> dict[str, float]:
        """When each event arrived first, by its number; of the bodies that were kept."""
        found: dict[str, float] = {}
        for at, body in self.bodies or ():
            if number := NUMBER.search(body):
                found.setdefault(number[1].decode(), at)
        return found

    def answer(self, path: str) -> Any:
        """What a GET is told."""
        if path == "/reset":
            self.reset()
        if path == "/keep":
            self.keep()
        if path == "/refuse":
            self.refusing = True
        if path == "/arrivals":
            return self.by_path
        if path == "/events":
            return self.by_number()
        return {"count": self.count, "first": self.first, "last": self.last, "hung": self.hung}


class Connection(asyncio.Protocol):
    """One client's connection; as little of HTTP as keeps the sink from being what is measured."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer every request that is there whole."""
        self._buffer += data
        while (end := self._buffer.find(HEAD_END)) >= 0:
            head = self._buffer[:end]
            start = end + len(HEAD_END)
            whole = start + content_length(head)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[start:whole], self._buffer[whole:]
            self._take(head, body)

    def _take(self, head: bytes, sent: bytes) -> None:
        method, path, _ = head.split(b" ", 2)
        if method == b"POST" and path.startswith(HANG):
            self._tally.hung += 1
            asyncio.get_running_loop().call_later(HANG_S, self._transport.write, NO_CONTENT)
        else:
            self._transport.write(self._answer(method, path, sent))

    def _answer(self, method: bytes, path: bytes, sent: bytes) -> bytes:
        if method == b"POST":
            self._tally.add(path.decode(), sent)
            return LATER if self._tally.refusing else accepted(path)
        body = orjson.dumps(self._tally.answer(path.decode()))
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def accepted(path: bytes) -> bytes:
    """What is answered to a message that is taken, by the vendor whose path it is."""
    return next((answer for start, answer in VENDORS.items() if path.startswith(start)), NO_CONTENT)


def content_length(head: bytes) -> int:
    """How many bytes follow a request's head."""
    lower = head.lower()
    at = lower.find(LENGTH)
    return int(lower[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve() -> None:
    """Listen, say where, and answer until the process is ended."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
