"""NSCA: the packet as a pure function, the wire against a server of our own, and the real daemon."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time
import zlib

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB8
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from worker.messages import Failure, PassiveCheck, Reply
from worker.transports.nsca import packet

SIZES = {4304: 4096, 720: 512}


def check(**overrides) -> PassiveCheck:
    """A check result to report."""
    chosen = {
        "host": "127.0.0.1",
        "port": 5667,
        "method": 1,
        "packet_bytes": 4304,
        "hostname": "db-1",
        "service": "disk",
        "state": 2,
        "output": "disk is full",
        "password": "hunter2",
    }
    return PassiveCheck(**chosen | overrides)


def decrypted(data: bytes, method: int, iv: bytes, password: bytes) -> bytes:
    """What the daemon makes of a packet, written down independently of the encoder."""
    if method == 0:
        return data
    if method == 1:
        key = itertools.cycle(password) if password else itertools.repeat(0)
        return bytes(byte ^ next(key) ^ iv[i % 128] for i, byte in enumerate(data))
    if method == 3:
        cipher = Cipher(TripleDES(password[:24].ljust(24, b"\0")), CFB8(iv[:8]))
    else:
        cipher = Cipher(AES(password[:32].ljust(32, b"\0")), CFB8(iv[:16]))
    return cipher.decryptor().update(data)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=600)


CHECKS = st.builds(
    check,
    method=st.sampled_from([0, 1, 3, 14]),
    packet_bytes=st.sampled_from(sorted(SIZES)),
    state=st.integers(0, 3),
    password=st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=40),
    hostname=TEXT,
    service=TEXT,
    output=TEXT,
)


@given(asked=CHECKS, iv=st.binary(min_size=128, max_size=128), timestamp=st.integers(0, 2**32 - 1))
def test_packet_gives_back_its_fields(asked, iv, timestamp):
    """Whatever goes in, the daemon's way of reading gives the same fields, cut to their room, and the CRC holds."""
    data = packet(asked, iv, timestamp)

    bare = decrypted(data, asked.method, iv, asked.password.encode())
    room = SIZES[asked.packet_bytes]
    fields = struct.unpack(f">hxxIIh64s128s{room}sxx", bare)
    assert len(data) == asked.packet_bytes
    assert fields[0] == 3
    assert fields[1] == zlib.crc32(bare[:4] + bytes(4) + bare[8:])
    assert fields[2:4] == (timestamp, asked.state)
    texts = (asked.hostname, asked.service, asked.output)
    for written, text, space in zip(fields[4:], texts, (64, 128, room), strict=True):
        assert written.endswith(b"\0"), "C needs its NUL"
        kept = written.rstrip(b"\0").decode()  # strict: no character is cut in half
        assert text.startswith(kept)
        assert kept == text or len(kept.encode()) > space - 5


def test_packet_has_the_published_layout():
    """Each field stands at the offset that a C compiler gives it."""
    data = packet(check(method=0), bytes(128), 1_700_000_000)

    assert data[0:2] == b"\x00\x03"
    assert struct.unpack_from(">I", data, 8) == (1_700_000_000,)
    assert struct.unpack_from(">h", data, 12) == (2,)
    assert data[14:19] == b"db-1\0"
    assert data[78:83] == b"disk\0"
    assert data[206:219] == b"disk is full\0"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", [0, 1, 3, 14])
async def test_the_real_daemon_takes_the_packet(carrier, nsca_daemon, method, size):
    """The real NSCA daemon writes the very result into its command file, for every method and both sizes."""
    async with nsca_daemon(method=method, password="hunter2") as daemon:
        reply = await carrier.carry(check(port=daemon.port, method=method, packet_bytes=size))
        line = await line_in(daemon.command_file)

    assert (reply.failure, reply.status) == (None, None)
    assert line.partition("] ")[2] == "PROCESS_SERVICE_CHECK_RESULT;db-1;disk;2;disk is full"


async def test_the_real_daemon_takes_a_host_check(carrier, nsca_daemon):
    """Without a service the daemon makes a host check of it."""
    async with nsca_daemon(method=14, password="hunter2") as daemon:
        await carrier.carry(check(port=daemon.port, method=14, service="", state=1))
        line = await line_in(daemon.command_file)

    assert line.partition("] ")[2] == "PROCESS_HOST_CHECK_RESULT;db-1;1;disk is full"


async def test_a_wrong_password_looks_like_success(carrier, nsca_daemon):
    """With a wrong password the reply is the same and nothing is written: the reason why it is called unconfirmed."""
    async with nsca_daemon(method=14, password="hunter2") as daemon:
        wrong = await carrier.carry(check(port=daemon.port, method=14, password="other", hostname="wrong"))
        right = await carrier.carry(check(port=daemon.port, method=14, hostname="right"))
        await line_in(daemon.command_file)
        lines = daemon.command_file.read_text().splitlines()

    assert (wrong.failure, right.failure) == (None, None)
    assert [line.split(";")[1] for line in lines] == ["right"]


async def line_in(file) -> str:
    """The first whole line of a file that another process writes."""
    async with asyncio.timeout(10):
        while not (text := file.read_text()).endswith("\n"):
            await asyncio.sleep(0.01)
    return text.splitlines()[0]


async def test_greeting_cut_short_is_retryable(carrier, listen):
    """A daemon that closes before its greeting is whole got nothing: CONNECT."""

    async def handler(_reader, writer):
        writer.write(bytes(100))

    async with listen(handler) as port:
        reply = await carrier.carry(check(port=port))

    assert reply.failure is Failure.CONNECT
    assert "before its greeting" in reply.detail


async def test_no_greeting_is_a_time_out(new_carrier, listen):
    """A server that says nothing costs the total time-out and got nothing: TIMEOUT."""

    async def handler(reader, _writer):
        await reader.read()

    async with listen(handler) as port, new_carrier(total_timeout_s=0.3) as carrier:
        reply = await carrier.carry(check(port=port))

    assert reply.failure is Failure.TIMEOUT


async def test_connection_lost_after_the_packet_is_no_answer(carrier, listen):
    """A reset after the packet leaves it unknown whether the daemon read it: NO_ANSWER."""

    async def handler(reader, writer):
        writer.write(bytes(128) + struct.pack(">I", int(time.time())))
        await reader.readexactly(4304)
        reset(writer)

    async with listen(handler) as port:
        reply = await carrier.carry(check(port=port))

    assert reply.failure is Failure.NO_ANSWER


def reset(writer) -> None:
    """Close with a RST instead of a FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_refused_connection_and_refused_address(carrier, new_carrier, unused_tcp_port):
    """Nobody listens: CONNECT. An address that is not allowed: NOT_ALLOWED, with the sentence for the operator."""
    refused = await carrier.carry(check(port=unused_tcp_port))
    async with new_carrier(allowed_addresses=()) as guarded:
        inside = await guarded.carry(check(port=unused_tcp_port))

    assert refused == Reply(
        failure=Failure.CONNECT, detail="no connection: connection refused", elapsed_ms=refused.elapsed_ms
    )
    assert inside.failure is Failure.NOT_ALLOWED
    assert "BELLHOP_ALLOWED_ADDRESSES" in inside.detail
