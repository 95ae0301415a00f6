"""An NSCA daemon: it takes passive checks, and as the real one it never says whether it did."""

from __future__ import annotations

import asyncio
import secrets
import struct
from contextlib import suppress

import orjson

from worker.sandbox.arrivals import Arrivals
from worker.sandbox.exchange import JSON, Fate
from worker.sandbox.faults import Fault, Faults
from worker.sandbox.limits import Clock
from worker.sandbox.nsca_packet import (
    IV_BYTES,
    METHODS,
    OLD_PACKET_BYTES,
    PACKET_BYTES,
    Check,
    Decipher,
    intact,
    read_check,
)
from worker.sandbox.options import Options

CHANNEL = "nsca"
IDLE_S = 30.0


class NscaServer:
    """Serves one connection at a time through `serve`; several packets may come on each."""

    def __init__(self, options: Options, arrivals: Arrivals, faults: Faults, clock: Clock) -> None:
        if options.nsca_method not in METHODS:
            raise ValueError(f"NSCA method {options.nsca_method} is not served; use one of {METHODS}")
        self._method, self._password = options.nsca_method, options.nsca_password
        self._arrivals, self._faults, self._clock = arrivals, faults, clock

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet, and record each packet until the client leaves. Faults are met on connecting, so by channel only."""
        fault = self._faults.match(CHANNEL, "", self._clock())
        if fault is not None and await self._never_greets(fault, reader, writer):
            return
        iv = secrets.token_bytes(IV_BYTES)
        writer.write(iv + struct.pack(">I", int(self._clock())))
        decipher = Decipher(self._method, self._password, iv)
        with suppress(EOFError):
            while True:
                async with asyncio.timeout(IDLE_S):
                    packet = await _packet(reader, decipher)
                self._take(packet, fault)
                if fault is not None and fault.rule.drop:
                    return

    async def _never_greets(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if fault.rule.latency_s:
            await asyncio.sleep(fault.rule.latency_s)
        if not (fault.rule.drop == "before" or fault.rule.hang):
            return False
        self._record("", Fate.UNANSWERED, b"", fault.words, b"")
        if fault.rule.hang:
            await reader.read()
        writer.transport.abort()
        return True

    def _take(self, packet: bytes, fault: Fault | None) -> None:
        line = b"%d bytes, method %d" % (len(packet), self._method)
        try:
            check = read_check(packet, self._clock())
        except ValueError as problem:
            self._record("", Fate.REFUSED, b"", str(problem), line)
            return
        # The protocol has no status to answer, so a fault with one drops the packet as a wrong password would.
        fate = Fate.REFUSED if fault is not None and fault.status else Fate.ACCEPTED
        to = f"{check.host}/{check.service}" if check.service else check.host
        self._record(to, fate, _body(check), fault.words if fault else "", line)

    def _record(self, to: str, fate: Fate, body: bytes, note: str, line: bytes) -> None:
        self._arrivals.record(
            at=self._clock(),
            channel=CHANNEL,
            to=to,
            fate=fate,
            status=None,
            note=note,
            line=line.decode(),
            content_type=JSON if body else "",
            body=body,
        )


async def _packet(reader: asyncio.StreamReader, decipher: Decipher) -> bytes:
    """The next packet in plain, of either size; it may not be intact. EOFError where the client left."""
    decipher.new_packet()
    packet = b""
    try:
        packet = decipher.open(await reader.readexactly(OLD_PACKET_BYTES))
        # Senders before 2.9 send 720 bytes, and only the checksum tells: 4304 would not have it right by then.
        if intact(packet):
            return packet
        return packet + decipher.open(await reader.readexactly(PACKET_BYTES - OLD_PACKET_BYTES))
    except asyncio.IncompleteReadError as cut:
        if not packet and not cut.partial:
            raise
        return packet + decipher.open(cut.partial)


def _body(check: Check) -> bytes:
    return orjson.dumps({"host": check.host, "service": check.service, "state": check.state, "output": check.output})
