"""Mutated replies of vendors: as `judge` gets them, over every channel, and as bytes on the wire before that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final

import msgspec
import orjson

from security.hostile_json import REPLIES
from security.mutator import as_json, in_pieces, mutated_bytes, mutated_value, odd
from security.sampled import as_read
from worker.channels import CHANNELS
from worker.messages import Reply
from worker.models import Verdict
from worker.retry import RetryPolicy, decide
from worker.transports.http import FAULTS, receive
from worker.transports.http_answer import Answer
from worker.transports.http_connection import BoundedConnection

NOW: Final = 1_795_442_700.0  # 2026-11-23 14:05:00 UTC
STATUSES: Final = (200, 201, 202, 204, 250, 301, 400, 401, 403, 404, 408, 410, 421, 429, 450, 500, 503, 550, 0, 999)
HEADERS: Final = {
    "content-type": "application/json",
    "date": "Mon, 23 Nov 2026 14:05:00 GMT",
    "retry-after": "30",
    "x-ratelimit-limit": "500",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1795442800",
    "x-floodcontrol-reset": "1795442800",
}
BODIES: Final = (
    b"ok",
    b'{"ok":false,"error":"missing_scope","needed":"chat:write"}',
    b'{"ok":true,"channel":"C024BE91L","ts":"1401383885.000061"}',
    b'{"status":"success","message":"Event processed","dedup_key":"app-0:1"}',
    b'{"status":"invalid event","message":"Event object is invalid","errors":["\'payload.source\' is missing"]}',
    b'{"error":{"code":404,"message":"Room not found","type":"Not Found","field":"room"}}',
    b'{"result":{"status":0,"message":"OK","meta":{"output":"1 checks processed."}}}',
    b'{"result":{"status":-1,"message":"BAD TOKEN"}}',
    b"2.0.0 Ok: queued as 4XYZ",
    *REPLIES.values(),
)
CHUNKS: Final = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: x\r\n\r\n"
GZIP: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\xcf\x06\x00\x47\xdd\xdc\x79\x02\x00\x00\x00"
WIRE: Final = (
    b"HTTP/1.1 204 No Content\r\nDate: Mon, 23 Nov 2026 14:05:00 GMT\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n" + b"until the end " * 50,
    b"HTTP/1.1 429 Slow down\r\nRetry-After: 30\r\nX-Ratelimit-Reset: 1795442800\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + GZIP,
    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05hello",
)
LONGEST_DETAIL, LONGEST_REFERENCE = 1200, 600
POLICY: Final = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Input:
    """What came back from one of the channels' vendors: a reply, or where there are any, the pieces on the wire."""

    variant: int
    reply: Reply
    wire: tuple[bytes, ...] = ()


def make(random: Random) -> Input:
    """A third of them are bytes on the wire."""
    variant = random.randrange(len(as_read()))
    if random.randrange(3) == 0:
        return Input(variant, Reply(), tuple(in_pieces(random, mutated_bytes(random, random.choice(WIRE), WIRE))))
    headers = dict(HEADERS) if random.choice((True, False)) else {}
    for _ in range(random.randrange(3)):
        headers[random.choice(list(HEADERS))] = str(odd(random))[:8190]
    return Input(variant, Reply(status=random.choice(STATUSES), body=_body(random), headers=headers))


def _body(random: Random) -> bytes:
    body = random.choice(BODIES)
    if random.choice((True, False)):
        try:
            return as_json(mutated_value(random, orjson.loads(body), 0.05))[:65_536]
        except orjson.JSONDecodeError:
            pass
    return mutated_bytes(random, body, BODIES)[:65_536]


def run(given: Input) -> bool:
    """Whether it counts as delivered. Anything but a verdict in words that can be kept and shown is a crash."""
    name, settings = as_read()[given.variant]
    reply = from_the_wire(given.wire) if given.wire else given.reply
    verdict = CHANNELS[name].judge(reply, settings)
    _check(verdict)
    decide(POLICY, attempt=1, ambiguous=0, verdict=verdict, now=NOW, deadline=NOW + 3600, jitter=0.5)
    return verdict.kind == "delivered"


def _check(verdict: Verdict) -> None:
    reference = verdict.provider_ref or ""
    if not verdict.detail.isprintable() or len(verdict.detail) > LONGEST_DETAIL:
        raise AssertionError(f"a detail of {len(verdict.detail)} characters: {verdict.detail[:200]!r}")
    if not reference.isprintable() or len(reference) > LONGEST_REFERENCE:
        raise AssertionError(f"a reference of {len(reference)} characters: {reference[:200]!r}")
    msgspec.json.encode(verdict)


def from_the_wire(pieces: tuple[bytes, ...]) -> Reply:
    """What the HTTP transport makes of an answer that comes in these pieces, after which the connection is closed."""
    answer = Answer(sent=True)
    wire = _Wire(pieces)
    try:
        wire.drive(receive(wire.protocol, answer))
    except FAULTS as fault:
        return answer.reply_after(fault)
    return answer.reply(time.perf_counter())


class _Wire(asyncio.Transport):
    """A server's side of a connection, without a network."""

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        super().__init__()
        self._pieces = list(reversed(pieces))
        self._paused = False
        self._closing = False
        self._open = True
        self.protocol = BoundedConnection(_loop())
        self.protocol.connection_made(self)
        self.protocol.expect(body=True)

    def drive(self, reading: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine to its end, a piece of the answer whenever it waits for one."""
        try:
            while True:
                waiting = reading.send(None)
                while not waiting.done():
                    self._go_on()
        except StopIteration:
            return
        finally:
            reading.close()
            self._end()

    def _go_on(self) -> None:
        if not self._open:
            raise AssertionError("it waits, although the connection is closed")
        if self._closing or not (self._pieces or self._paused):
            self._end()
        elif self._paused:
            raise AssertionError("it waits, although it wants nothing to come")
        else:
            self.protocol.data_received(self._pieces.pop())

    def _end(self) -> None:
        if self._open:
            self._open = False
            self.protocol.eof_received()
            self.protocol.connection_lost(None)

    def pause_reading(self) -> None:
        """Too much came."""
        self._paused = True

    def resume_reading(self) -> None:
        """There is room again."""
        self._paused = False

    def is_closing(self) -> bool:
        """Whether it is over, or soon will be."""
        return self._closing

    def close(self) -> None:
        """The client has had enough; the protocol is told a moment later."""
        self._closing = True

    def abort(self) -> None:
        """The same at once."""
        self._closing = True


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One that never runs: whoever waits on it is woken by hand."""
    return asyncio.new_event_loop()
