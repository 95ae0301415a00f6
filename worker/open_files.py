"""How many files and connections this process may have open."""

from __future__ import annotations

import resource


def may_open(files: int) -> None:
    """Let this process have so many files and connections open, as far as the system allows it.

    Many systems begin with 1,024, which a busy worker's connections exceed, and allow far more to whoever asks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
