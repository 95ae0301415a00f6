"""CA files, whose paths app owners type in: read as what they must be, and nothing is told of what else lies there.

A path may lead anywhere on the worker's disk. So only a regular file of at most 1 MiB is opened (a FIFO would hang, a
device may act on it), only the certificates in it go on to OpenSSL, and all that is wrong has one and the same text:
whether a file is missing, forbidden or something else is not theirs to learn. Where app owners are not to be trusted
with a path at all, `BELLHOP_CA_DIR` names the one folder that they may choose from.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 1_048_576
"""All authorities that browsers trust come to a quarter of it."""
_BEGIN: Final = b"-----BEGIN "
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")

Stamp = tuple[int, int, int, int]


class UnusableCaFile(ValueError):
    """A `ca_file` that is none, or not for an app owner to name."""


class CaFiles:
    """Reads CA files, from `folder` alone where there is one."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def stamp(self, name: str) -> Stamp:
        """What changes when the file does; UnusableCaFile where it cannot be looked at."""
        try:
            found = self._path(name).stat()
        except (OSError, ValueError):  # a NUL in the name is a ValueError
            raise self.unusable() from None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def read(self, name: str) -> str:
        """The certificates in it, as PEM without anything around them; UnusableCaFile where there are none."""
        try:
            return _certificates(_content(self._permitted(name))).decode("ascii")
        except (OSError, ValueError):
            raise self.unusable() from None

    def unusable(self) -> UnusableCaFile:
        """The one thing to say, whatever is wrong."""
        where = ", in the folder that BELLHOP_CA_DIR names" if self._folder else ""
        return UnusableCaFile(
            f"ca_file cannot be used: it must name a file of PEM certificates, of 1 MiB at the most and readable by "
            f"the worker{where}"
        )

    def _path(self, name: str) -> Path:
        """Within the folder a bare name will do."""
        return self._folder / name if self._folder else Path(name)

    def _permitted(self, name: str) -> Path:
        found = Path(os.path.realpath(self._path(name), strict=True))
        if self._folder and not found.is_relative_to(os.path.realpath(self._folder)):
            raise ValueError("outside of the folder")
        return found


def _content(path: Path) -> bytes:
    """What a regular file holds; ValueError where it is none, empty as those of /proc, or too long."""
    _check(path.stat())
    # It may have been exchanged meanwhile: O_NONBLOCK opens a FIFO without waiting for who writes into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor))
        return file.read(MAX_BYTES)


def _check(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= MAX_BYTES:
        raise ValueError("not a regular file, empty or too long")


def _certificates(content: bytes) -> bytes:
    """Comments may stand between them, as bundles have it; a private key or anything else may not."""
    found: list[bytes] = _CERTIFICATE.findall(content)
    if not found or len(found) != content.count(_BEGIN):
        raise ValueError("not certificates alone")
    return b"\n".join(found)
