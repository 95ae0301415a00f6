"""Files that commands are given: read within a bound, whatever the path leads to."""

from __future__ import annotations

import sys
from pathlib import Path


def content(file: str, most: int) -> bytes:
    """What `file` holds, or standard input where it is `-`: one byte more than `most` tells that it is too much.

    Raises:
        OSError: it cannot be read.
    """
    if file == "-":
        return sys.stdin.buffer.read(most + 1)
    with Path(file).open("rb") as opened:
        return opened.read(most + 1)
