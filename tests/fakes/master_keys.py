"""Master keys for tests: number 1, 2, 3 …, as bytes, as an operator writes them, and as a process has them."""

from __future__ import annotations

import base64
import hashlib

from worker.keys import MasterKeys, key_id


def key(number: int) -> bytes:
    """Master key number `number`."""
    return hashlib.sha256(f"test master key {number}".encode()).digest()


def text(*numbers: int) -> str:
    """BELLHOP_MASTER_KEYS with these."""
    return ",".join(base64.urlsafe_b64encode(key(number)).decode() for number in numbers)


def name(number: int) -> str:
    """The id of a key."""
    return key_id(key(number))


def keys(*numbers: int) -> MasterKeys:
    """These keys, the first the newest."""
    return MasterKeys([key(number) for number in numbers])


KEYS = keys(1)
