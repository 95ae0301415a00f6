"""The master key that Bellhop makes for itself where none is set: once, in the state folder, for its owner alone."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from worker.errors import InvalidSettings
from worker.keys import MAKE_ONE, SETTING, new_key, read_key

NAME: Final = "master-key"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def key_path(folder: Path) -> Path:
    """Where the generated key of a state folder is."""
    return folder / NAME


def kept_key(folder: Path) -> bytes | None:
    """The key that was generated in this state folder; None where none was.

    Raises:
        InvalidSettings: where it cannot be read, holds no key, or others than its owner may read it. A mode that is too
            wide is not put right in silence: somebody may have read the key by then, and only a person can judge that.
    """
    path = key_path(folder)
    try:
        with path.open("rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(1024)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidSettings([f"{path}: the generated master key cannot be read: {error.strerror}"]) from None
    if mode & OTHERS:
        problem = f"{path}: others than its owner may read this master key: `chmod 600 {path}`"
        raise InvalidSettings([f"{problem}; where somebody may have read it, change it, too (docs/security.md)"])
    try:
        return read_key(text.decode("ascii").strip())
    except ValueError:
        problem = f"{path}: holds no master key any more; restore it, or set {SETTING}"
        raise InvalidSettings([problem]) from None


def kept_or_new_key(folder: Path) -> bytes:
    """The key of this state folder, generated where there is none; processes that start together get the same one."""
    while (key := kept_key(folder)) is None:
        try:
            _make(folder)
        except OSError as error:
            problem = f"{SETTING}: is not set, and no key can be generated in {folder}: {error.strerror}; {MAKE_ONE}"
            raise InvalidSettings([problem]) from None
    return key


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folder / f"{NAME}.{os.getpid()}.tmp"
    with suppress(FileNotFoundError):
        fresh.unlink()  # of a process that was killed in the middle, and had our number
    try:
        _write(fresh, new_key())
        with suppress(FileExistsError):
            os.link(fresh, key_path(folder))  # unlike a rename it leaves the key of somebody who was faster
    finally:
        fresh.unlink()
    _keep(folder)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        # Before anything is sealed with it: what is sealed with a key that a power cut took is lost.
        os.fsync(descriptor)


def _keep(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
