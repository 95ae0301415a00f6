"""Master keys: what wraps the data keys of apps, and the one cipher of everything that is sealed.

AES-256-GCM with a random 96-bit nonce for each text: good for 2**32 texts under one key (NIST SP 800-38D, 8.3), and a
master key wraps one data key per save of an app. https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from worker.errors import Altered, InvalidSettings, KeyMissing

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
ID_CHARS: Final = 12
SETTING: Final = "BELLHOP_MASTER_KEYS"
MAKE_ONE: Final = "`bellhop keys generate` makes a good one"


class Cipher:
    """Seals with one key, and unseals what was sealed with it for the same place."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, text: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext and tag; `place` is bound to it and not in it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, text, place)

    def unseal(self, sealed: bytes, place: bytes) -> bytes:
        """The text; Altered where this is not what was sealed with this key for this place."""
        if len(sealed) < NONCE_BYTES:
            raise Altered
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except InvalidTag:
            raise Altered from None


class MasterKeys:
    """An operator's keys, newest first. Their ids may be shown; the keys never are."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._ciphers = {key_id(key): Cipher(key) for key in keys}
        self.ids: tuple[str, ...] = tuple(self._ciphers)

    def __repr__(self) -> str:
        return f"MasterKeys{self.ids}"

    @property
    def newest(self) -> str:
        """The id of the key under which is wrapped; InvalidSettings where there is none."""
        if not self.ids:
            raise InvalidSettings([f"{SETTING}: nothing can be sealed without a master key; {MAKE_ONE}"])
        return self.ids[0]

    def wrap(self, data_key: bytes, app: str) -> bytes:
        """An app's data key under the newest master key."""
        newest = self.newest
        return self._ciphers[newest].seal(data_key, _place(app, newest))

    def derived(self, purpose: bytes) -> tuple[bytes, ...]:
        """A key for a purpose of its own from each of these, newest first; no way leads back from it (RFC 5869)."""
        return tuple(hmac.digest(key, b"bellhop derived key\0" + purpose, "sha256") for key in self._keys)

    def unwrap(self, wrapped: bytes, master: str, app: str) -> bytes:
        """The data key of an app from under the master key with this id.

        Raises:
            KeyMissing: where that key is not among these.
            Altered: where this is not what was wrapped for this app.
        """
        cipher = self._ciphers.get(master)
        if cipher is None:
            raise KeyMissing(master[:ID_CHARS])
        return cipher.unseal(wrapped, _place(app, master))


NO_KEYS: Final = MasterKeys(())
"""For those who ask for apps' names only: whatever is sealed stays so."""


def _place(app: str, master: str) -> bytes:
    # Neither a name nor an id can hold a slash.
    return f"bellhop data key/{app}/{master}".encode()


def key_id(key: bytes) -> str:
    """A name for a master key that can be shown: no way leads back from it to the key."""
    return hashlib.sha256(b"bellhop master key\0" + key).hexdigest()[:ID_CHARS]


def new_key() -> str:
    """A new master key, as it is written."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def read_key(text: str) -> bytes:
    """The key that is written so; ValueError, which shows nothing of it, where it is none.

    Base64 in either alphabet, with or without padding.
    """
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise ValueError("is not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"has {len(key)} bytes, not {KEY_BYTES}")
    return key


def read_keys(texts: Sequence[SecretStr]) -> list[bytes]:
    """The keys of BELLHOP_MASTER_KEYS; InvalidSettings says which are wrong by their number, and shows none."""
    keys: list[bytes] = []
    problems: list[str] = []
    for number, text in enumerate(texts, 1):
        where = f"{SETTING}: key {number} of {len(texts)}"
        try:
            key = read_key(text.get_secret_value())
        except ValueError as problem:
            problems.append(f"{where} {problem}; {MAKE_ONE}")
            continue
        if key in keys:
            problems.append(f"{where} is there twice; write each key once")
        keys.append(key)
    if problems:
        raise InvalidSettings(problems)
    return keys
