"""TLS contexts, made once for each way to verify and then shared: making one reads a few hundred certificates."""

from __future__ import annotations

import ssl
from typing import Final

from worker.transports.ca_files import CaFiles, Stamp, UnusableCaFile

__all__ = ["Contexts", "UnusableCaFile"]

KEPT: Final = 256
"""Some 100 KB each: app owners may name many files, and files are renewed."""


class Contexts:
    """Client contexts by (verify, ca_file): TLS 1.2 at the least, verified unless somebody said otherwise."""

    def __init__(self, ca_files: CaFiles | None = None) -> None:
        self._ca_files = ca_files or CaFiles()
        self._made: dict[tuple[bool, str | None, Stamp | None], ssl.SSLContext] = {}

    def get(self, *, verify: bool, ca_file: str | None) -> ssl.SSLContext:
        """The context for these; UnusableCaFile with a sentence where the file is of no use."""
        # A renewed file is taken up without a restart.
        key = (verify, ca_file, self._ca_files.stamp(ca_file) if ca_file else None)
        found = self._made.get(key)
        if found is None:
            self._make_room()
            found = self._made[key] = self._new(verify=verify, ca_file=ca_file)
        return found

    def _new(self, *, verify: bool, ca_file: str | None) -> ssl.SSLContext:
        authorities = self._ca_files.read(ca_file) if ca_file else None
        try:
            return _make(verify=verify, authorities=authorities)
        except ssl.SSLError:  # what stands between BEGIN and END is no certificate
            raise self._ca_files.unusable() from None

    def _make_room(self) -> None:
        """The oldest file's goes; those that verify by the system's authorities stay."""
        of_files = [key for key in self._made if key[1]]
        if len(of_files) >= KEPT:
            del self._made[of_files[0]]


def _make(*, verify: bool, authorities: str | None) -> ssl.SSLContext:
    """`authorities` are PEM certificates to verify by; None stands for those that the system trusts."""
    context = ssl.create_default_context(cadata=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
