"""The keys of pictures' addresses: worked out from the master keys, else one of their own in the state folder."""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from config.settings import Settings
from worker.errors import InvalidSettings

NAME: Final = "picture-key"
KEY_BYTES: Final = 32
PURPOSE: Final = b"bellhop picture keys"


def link_keys(settings: Settings) -> tuple[bytes, ...]:
    """The keys, newest first. Workers and console agree where they have the same master keys, or the same folder."""
    if settings.master_keys:
        return tuple(hmac.digest(key.get_secret_value().encode(), PURPOSE, "sha256") for key in settings.master_keys)
    return (kept_or_new_key(settings.state_dir),)


def kept_or_new_key(folder: Path) -> bytes:
    """The key in this folder, made where there is none; processes that start together get the same one."""
    path = folder / NAME
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        problem = f"{path}: the key of pictures' addresses cannot be kept: {error.strerror}"
        raise InvalidSettings([f"{problem}; set BELLHOP_MASTER_KEYS, or BELLHOP_PICTURES=false"]) from None
    if len(key) != KEY_BYTES:
        raise InvalidSettings([f"{path}: holds no key any more; delete it, and a new one is made"])
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{NAME}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        with suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename it leaves the key of somebody who was faster
    finally:
        fresh.unlink()
