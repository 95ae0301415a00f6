"""The NSCA stand-in, by packets made by hand."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB8
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.nsca_packet import intact, read_check

PASSWORD = "s3cret"
SIZES = {4304: 4096, 720: 512}


def packet(stamp, size=4304, *, host="db-1", service="disk", state=2, output="97 % full", version=3):
    """A packet in plain, its checksum right."""
    fields = (host.encode(), service.encode(), output.encode())
    raw = bytearray(struct.pack(f">hxxIIh64s128s{SIZES[size]}sxx", version, 0, stamp, state, *fields))
    raw[4:8] = zlib.crc32(raw).to_bytes(4, "big")
    assert len(raw) == size
    return bytes(raw)


class Encrypt:
    """What send_nsca does with a packet."""

    def __init__(self, method, password, iv) -> None:
        key = password.encode()
        self.method, self.key, self.iv = method, key, iv
        if method == 3:
            self.stream = Cipher(TripleDES(key.ljust(24, b"\0")), CFB8(iv[:8])).encryptor()
        if method == 14:
            self.stream = Cipher(AES(key.ljust(32, b"\0")), CFB8(iv[:16])).encryptor()

    def __call__(self, raw) -> bytes:
        if self.method == 0:
            return raw
        if self.method == 1:
            mixed = bytes(byte ^ self.iv[at % 128] for at, byte in enumerate(raw))
            return bytes(byte ^ self.key[at % len(self.key)] for at, byte in enumerate(mixed))
        return self.stream.update(raw)


async def submit(box, method, *packets: Callable[[int], bytes], password=PASSWORD):
    """Send packets made by (stamp) -> bytes on one connection, and wait until the server closed it or took them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", box.nsca_port)
    try:
        init = await reader.readexactly(132)
        encrypt = Encrypt(method, password, init[:128])
        for make in packets:
            writer.write(encrypt(make(int.from_bytes(init[128:], "big"))))
        writer.write_eof()
        assert await reader.read() == b""
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("size", [4304, 720])
@pytest.mark.parametrize("method", [0, 1, 3, 14])
async def test_each_method_and_size(start, method, size):
    """A check arrives whole in every method and both packet sizes, also the second one on a connection."""
    client = await start(nsca_method=method, nsca_password=PASSWORD)
    await submit(
        client.box,
        method,
        lambda stamp: packet(stamp, size),
        lambda stamp: packet(stamp, size, service="", state=1, output="grün"),
    )

    first, second = await client.arrivals("channel=nsca")
    assert first["body"] == {"host": "db-1", "service": "disk", "state": 2, "output": "97 % full"}
    assert (first["to"], first["status"], first["accepted"]) == ("db-1/disk", None, True)
    assert (second["to"], second["body"]["output"]) == ("db-1", "grün")


@pytest.mark.parametrize("method", [1, 3, 14])
async def test_a_wrong_password_is_dropped_silently(start, method):
    """The client sees the same clean end; the arrivals say why it was refused."""
    client = await start(nsca_method=method, nsca_password="other")
    await submit(client.box, method, packet)
    [arrival] = client.box.arrivals
    assert (arrival.accepted, "wrong password" in arrival.note) == (False, True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda stamp: packet(stamp - 31), "30 s old"),
        (lambda stamp: packet(stamp, state=7), "state 7"),
        (lambda stamp: packet(stamp, version=2), "version 2"),
        (lambda stamp: packet(stamp, host=""), "no host"),
        (lambda stamp: packet(stamp)[:100], "cut short"),
        (lambda stamp: packet(stamp)[:1000], "cut short"),
    ],
)
async def test_bad_packets_are_refused(start, make, words):
    """Old, foreign, nameless and cut packets are refused, with the reason for the page."""
    client = await start(nsca_method=0)
    await submit(client.box, 0, make)
    [arrival] = client.box.arrivals
    assert arrival.fate == "refused"
    assert words in arrival.note


async def test_drops_and_statuses(start):
    """Before: closed without the greeting. After: taken, and closed. A status: dropped like a wrong password."""
    client = await start(nsca_method=0)
    rules = [{"channel": "nsca", "drop": "before", "times": 1}, {"drop": "after", "times": 1}, {"status": 503}]
    await client.ask("PUT", "/api/faults", json=rules)

    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await submit(client.box, 0, packet)
    await submit(client.box, 0, packet)
    await submit(client.box, 0, packet)

    assert [each.fate for each in client.box.arrivals] == ["unanswered", "accepted", "refused"]


async def test_a_hang_sends_no_greeting(start):
    """A hanging daemon accepts the connection and says nothing."""
    client = await start()
    await client.ask("PUT", "/api/faults", json=[{"hang": True}])
    reader, writer = await asyncio.open_connection("127.0.0.1", client.box.nsca_port)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await reader.read(1)
    writer.close()
    await writer.wait_closed()


@given(st.binary(max_size=800))
def test_any_bytes_are_read_or_refused(raw):
    """Whatever comes is a check or a ValueError, and random bytes have no right checksum."""
    assert not intact(raw) or raw[4:8] == zlib.crc32(raw[:4] + bytes(4) + raw[8:]).to_bytes(4, "big")
    with pytest.raises(ValueError, match="checksum"):
        read_check(raw, 0)
