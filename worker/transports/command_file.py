"""Nagios' external command file: one line into its FIFO.

https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/extcommands.html
"""

from __future__ import annotations

import errno
import os
import stat
import time
from select import PIPE_BUF

from worker.messages import CommandLine, Failure, Reply
from worker.transports.faults import bad_address

_RETRYABLE = {
    errno.ENXIO: "nobody reads the command file; is Nagios running?",
    errno.EPIPE: "nobody reads the command file any more; is Nagios running?",
    errno.EAGAIN: "the command file is full; Nagios does not read it fast enough",
}


async def carry(message: CommandLine) -> Reply:
    """Write the line; nothing here blocks, so no thread is needed. No status and no failure: it is written."""
    line = f"[{int(time.time())}] {message.line}".replace("\n", " ").encode() + b"\n"
    if len(line) > PIPE_BUF:
        # Up to PIPE_BUF bytes are written in one piece or not at all (POSIX, write()).
        return bad_address(f"the line is longer than {PIPE_BUF} bytes")
    try:
        return _write(message.path, line)
    except (OSError, ValueError) as error:
        return _failed(error)


def _write(path: str, line: bytes) -> Reply:
    mode = os.stat(path).st_mode  # noqa: PTH116 - one call, and a look before a device is opened
    if not stat.S_ISFIFO(mode):
        # App owners name the path: a regular file could be anything that this process may write to.
        return bad_address("the command file is not a FIFO; Nagios makes it when check_external_commands is on")
    file = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CLOEXEC)
    try:
        os.write(file, line)
    finally:
        os.close(file)
    return Reply()


def _failed(error: OSError | ValueError) -> Reply:
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, None}:
        return bad_address(f"the command file cannot be opened: {_reason(number)}")
    return Reply(failure=Failure.CONNECT, detail=_RETRYABLE.get(number or 0, f"not written: {_reason(number)}"))


def _reason(number: int | None) -> str:
    return os.strerror(number).lower() if number else "not a path"
