"""Child processes that end with their parent, even where that is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# The child asks to die with its parent and only then becomes the program: unlike a preexec_fn, safe with threads.
_LAUNCHER = """
import ctypes, os, signal, sys
parent, argv = int(sys.argv[1]), sys.argv[2:]
if parent and sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("its parent is gone")
os.execv(argv[0], argv)
"""


def ending_with_us(argv: Sequence[str], *, bound: bool = True) -> list[str]:
    """The command that runs `argv` (its first part a path), and on Linux gets a SIGTERM when this process ends.

    Where not `bound` it just runs it. Start it on the main thread: Linux watches the thread.
    """
    return [sys.executable, "-ISc", _LAUNCHER, str(os.getpid() if bound else 0), *argv]
