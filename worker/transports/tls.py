"""TLS contexts, made once for each way to verify and then shared: making one reads a few hundred certificates."""

from __future__ import annotations

import ssl
from pathlib import Path


class UnusableCaFile(ValueError):
    """A `ca_file` that cannot be read or holds no certificate."""


class Contexts:
    """Client contexts by (verify, ca_file): TLS 1.2 at the least, verified unless somebody said otherwise."""

    def __init__(self) -> None:
        self._made: dict[tuple[bool, str | None, int], ssl.SSLContext] = {}

    def get(self, *, verify: bool, ca_file: str | None) -> ssl.SSLContext:
        """The context for these; UnusableCaFile with a sentence where the file is of no use."""
        try:
            # A renewed file is taken up without a restart.
            changed = Path(ca_file).stat().st_mtime_ns if ca_file else 0
            key = (verify, ca_file, changed)
            if key not in self._made:
                self._made[key] = _make(verify=verify, ca_file=ca_file)
        except (OSError, ValueError) as error:
            reason = (
                "not a file of PEM certificates" if isinstance(error, ssl.SSLError | ValueError) else error.strerror
            )
            raise UnusableCaFile(f"the CA file cannot be used: {reason}") from None
        return self._made[key]


def _make(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError | ssl.SSLError):
        return "it is not a file of PEM certificates"
    return (error.strerror or "not readable").lower()
