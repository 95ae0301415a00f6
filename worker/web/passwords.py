"""Passwords as Argon2id in PHC form, which holds the salt and the costs: hashes made with other costs stay good.

By `cryptography`, which is here anyway: RFC 9106's second choice, 64 MiB, three passes, and a single lane, since it
runs in one thread. https://www.rfc-editor.org/rfc/rfc9106.html#section-4
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

LEAST: Final = 10
"""Characters."""
MOST: Final = 1024
AT_ONCE: Final = 2
"""Each takes its memory and a core: who tries many at once waits in line, not the machine."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess costs: memory in KiB, and passes over it."""

    memory_kib: int = 64 * 1024
    passes: int = 3


class Passwords:
    """Makes and checks hashes, off the event loop."""

    def __init__(self, cost: Cost | None = None, verify: Callable[[str, str], bool] | None = None) -> None:
        self._cost = cost or Cost()
        self._verify = verify or verify_password
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobodys = ""

    async def hashed(self, password: str) -> str:
        """What to store for it."""
        async with self._turns:
            return await asyncio.to_thread(hash_password, password, self._cost)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Whether it is the one; takes as long where nothing is stored, so that nobody learns which names exist."""
        if not self._nobodys:
            self._nobodys = await self.hashed(secrets.token_urlsafe())
        async with self._turns:
            right = await asyncio.to_thread(self._verify, password, stored or self._nobodys)
        return right and stored is not None


def hash_password(password: str, cost: Cost) -> str:
    """The hash in PHC form; blocking, some 100 ms."""
    made = Argon2id(
        salt=secrets.token_bytes(16), length=32, iterations=cost.passes, lanes=1, memory_cost=cost.memory_kib
    )
    return made.derive_phc_encoded(_typed(password))


def too_weak(password: str) -> str:
    """Why it may not be one, as a sentence; empty where it may."""
    if len(password) < LEAST:
        return f"A password has at least {LEAST} characters."
    if len(password) > MOST:
        return f"A password has at most {MOST} characters."
    if len(set(password)) < LEAST // 2:
        return "That password repeats itself too much."
    return ""


def verify_password(password: str, stored: str) -> bool:
    """Whether the hash is this password's; blocking, as long as making it."""
    try:
        Argon2id.verify_phc_encoded(_typed(password), stored)
    except (InvalidKey, ValueError):
        return False
    return True


def _typed(password: str) -> bytes:
    """The same characters, whatever keyboard composed them: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
