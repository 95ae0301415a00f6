"""NSCA, protocol version 3: one passive check result over TCP. The daemon never says whether it took it.

https://github.com/NagiosEnterprises/nsca/blob/master/include/common.h
"""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB8
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from worker.messages import Failure, PassiveCheck, Reply
from worker.transports.addresses import Guard
from worker.transports.faults import Sending, no_answer, unsent

IV_BYTES = 128
GREETING = struct.Struct(f">{IV_BYTES}sI")
"""What the daemon sends first: the initialisation vector, and its time in epoch seconds."""
CLOCK_SLACK_S = 30 * 86_400
"""Further apart than this no two hosts' clocks are: what greets with such a time is something else."""
VERSION = 3
PACKETS = {
    4304: struct.Struct(">hxxIIh64s128s4096sxx"),
    720: struct.Struct(">hxxIIh64s128s512sxx"),
}
"""By size in bytes: version, CRC-32, timestamp, state, host, service, output; aligned as C does it."""


def packet(check: PassiveCheck, iv: bytes, timestamp: int) -> bytes:
    """The encrypted packet, `check.packet_bytes` long; texts that are too long are cut inside, not refused.

    Args:
        check: what to report; KeyError where its method or packet size is none of ours.
        iv: the 128 bytes of the daemon's greeting.
        timestamp: the epoch seconds of the daemon's greeting; it refuses what is older than `max_packet_age`.
    """
    shape = PACKETS[check.packet_bytes]
    texts = [
        _text(check.hostname, 64),
        _text(check.service, 128),
        _text(check.output, 4096 if check.packet_bytes == 4304 else 512),
    ]
    bare = shape.pack(VERSION, 0, timestamp, check.state, *texts)
    whole = shape.pack(VERSION, zlib.crc32(bare), timestamp, check.state, *texts)
    return ENCRYPT[check.method](whole, iv, check.password.encode())


def _text(text: str, size: int) -> bytes:
    # The last byte is C's NUL, and no character is cut in half.
    return text.encode("utf-8", "replace")[: size - 1].decode("utf-8", "ignore").encode()


def _none(data: bytes, _iv: bytes, _password: bytes) -> bytes:
    return data


def _xor(data: bytes, iv: bytes, password: bytes) -> bytes:
    mixed = bytes(a ^ b for a, b in zip(data, cycle(iv), strict=False))
    return bytes(a ^ b for a, b in zip(mixed, cycle(password), strict=False)) if password else mixed


def _triple_des(data: bytes, iv: bytes, password: bytes) -> bytes:
    return Cipher(TripleDES(_key(password, 24)), CFB8(iv[:8])).encryptor().update(data)


def _aes(data: bytes, iv: bytes, password: bytes) -> bytes:
    return Cipher(AES(_key(password, 32)), CFB8(iv[:16])).encryptor().update(data)


def _key(password: bytes, size: int) -> bytes:
    return password[:size].ljust(size, b"\0")


ENCRYPT: dict[int, Callable[[bytes, bytes, bytes], bytes]] = {0: _none, 1: _xor, 3: _triple_des, 14: _aes}
"""By NSCA's `encryption_method`; the ciphers run in libmcrypt's 8-bit CFB with the largest key of the cipher."""


class _NotNsca(Exception):
    """The greeting is not a daemon's."""


class Nsca:
    """Carries passive check results to NSCA daemons."""

    def __init__(self, guard: Guard, *, connect_s: float, total_s: float) -> None:
        self._guard = guard
        self._connect_s = connect_s
        self._total_s = total_s

    async def carry(self, check: PassiveCheck) -> Reply:
        """Report it; no status and no failure means that the daemon read the packet, not that it liked it."""
        sending = Sending()
        try:
            async with asyncio.timeout(self._total_s):
                await self._report(check, sending)
        except asyncio.IncompleteReadError:
            # What the daemon does with hosts that its tcp wrappers do not know, too.
            return Reply(failure=Failure.CONNECT, detail="the NSCA daemon closed the connection before its greeting")
        except _NotNsca:
            return Reply(failure=Failure.CONNECT, detail="what answers there is no NSCA daemon")
        except OSError as fault:
            return no_answer("the connection broke off after the packet") if sending.whole else unsent(fault)
        return Reply()

    async def _report(self, check: PassiveCheck, sending: Sending) -> None:
        sock = await self._guard.connect(check.host, check.port, self._connect_s)
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            iv, timestamp = GREETING.unpack(await reader.readexactly(GREETING.size))
            if abs(time.time() - timestamp) > CLOCK_SLACK_S:
                raise _NotNsca
            writer.write(packet(check, iv, timestamp))
            await writer.drain()
            sending.whole = True
            # The daemon closes once it has read our end of file: then the packet was read, too.
            writer.write_eof()
            await reader.read(1)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
