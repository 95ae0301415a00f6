"""NSCA's packets, protocol 3: deciphered, checked and read.

https://github.com/NagiosEnterprises/nsca/blob/master/include/common.h and src/utils.c
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB8
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

IV_BYTES = 128
PACKET_BYTES = 4304
OLD_PACKET_BYTES = 720
VERSION = 3
MAX_AGE_S = 30
METHODS = (0, 1, 3, 14)

_HEAD = struct.Struct(">hxxIIh64s128s")
_STATES = range(4)


@dataclass(frozen=True, slots=True)
class Check:
    """One passive check result. An empty `service` makes it a host check."""

    host: str
    service: str
    state: int
    output: str


class Decipher:
    """Undoes one connection's encryption. XOR starts anew with each packet; the ciphers' state goes on."""

    def __init__(self, method: int, password: str, iv: bytes) -> None:
        if method not in METHODS:
            raise ValueError(f"NSCA method {method} is not served; use one of {METHODS}")
        self._pad = _pad(iv, password.encode()) if method == 1 else None
        self._stream = _stream(method, password.encode(), iv)
        self._at = 0

    def new_packet(self) -> None:
        """The next chunk is the beginning of a packet."""
        self._at = 0

    def open(self, chunk: bytes) -> bytes:
        """The plain text of a packet's next bytes."""
        if self._stream is not None:
            return bytes(self._stream.update(chunk))
        if self._pad is None:
            return chunk
        pad = self._pad[self._at : self._at + len(chunk)]
        self._at += len(chunk)
        return _xor(chunk, pad)


def intact(packet: bytes) -> bool:
    """Whether its checksum holds, which a wrong password or method would break."""
    given = packet[4:8]
    return zlib.crc32(packet[:4] + bytes(4) + packet[8:]).to_bytes(4, "big") == given


def read_check(packet: bytes, now: float) -> Check:
    """What a packet says; ValueError with a sentence where the daemon would drop it."""
    if not intact(packet):
        raise ValueError("checksum does not hold: wrong password or method, or cut short")
    version, _crc, stamp, state, host, service = _HEAD.unpack_from(packet)
    if version != VERSION:
        raise ValueError(f"packet of version {version}, not {VERSION}")
    if abs(now - stamp) > MAX_AGE_S:
        raise ValueError(f"packet is more than {MAX_AGE_S} s old, or from the future")
    if state not in _STATES:
        raise ValueError(f"state {state} is not 0 to 3")
    check = Check(_text(host), _text(service), state, _text(packet[_HEAD.size : -2]))
    if not check.host:
        raise ValueError("no host name")
    return check


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _stream(method: int, password: bytes, iv: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202 - theirs is private
    """Mcrypt's 8-bit CFB: the key is the password, cut or padded with zeros to the cipher's longest."""
    if method == 3:
        return Cipher(TripleDES(_key(password, 24)), CFB8(iv[:8])).decryptor()
    if method == 14:
        return Cipher(AES(_key(password, 32)), CFB8(iv[:16])).decryptor()
    return None


def _key(password: bytes, size: int) -> bytes:
    return password[:size].ljust(size, b"\0")


def _pad(iv: bytes, password: bytes) -> bytes:
    return _xor(_cycled(iv), _cycled(password or b"\0"))


def _cycled(text: bytes) -> bytes:
    return (text * (PACKET_BYTES // len(text) + 1))[:PACKET_BYTES]


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
