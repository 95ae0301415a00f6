"""Nagios' command file: a FIFO with and without a reader, files, and everything else that a path can name."""

from __future__ import annotations

import os
import re
import time

import pytest

from worker.messages import CommandLine, Failure

LINE = "PROCESS_SERVICE_CHECK_RESULT;db-1;disk;2;disk is full"


@pytest.fixture
def fifo(tmp_path):
    """A FIFO, and a reader that does not wait."""
    path = tmp_path / "nagios.cmd"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


async def test_fifo_gets_one_stamped_line(carrier, fifo):
    """What Nagios reads is one line with the time in front, and the reply has no status and no failure."""
    path, reader = fifo
    before = int(time.time())
    reply = await carrier.carry(CommandLine(path=str(path), line=LINE))

    stamp, line = re.fullmatch(r"\[(\d+)\] (.*)\n", os.read(reader, 8192).decode()).groups()
    assert line == LINE
    assert before <= int(stamp) <= time.time()
    assert (reply.status, reply.failure) == (None, None)


async def test_regular_file_is_left_alone(carrier, tmp_path):
    """App owners name the path, so nothing but a FIFO is ever written to."""
    file = tmp_path / "nagios.cmd"
    file.write_text("[1] first\n")
    reply = await carrier.carry(CommandLine(path=str(file), line=LINE))

    assert reply.failure is Failure.ADDRESS
    assert file.read_text() == "[1] first\n"


async def test_line_ends_cannot_smuggle_a_second_command(carrier, fifo):
    """A line end inside the line becomes a space."""
    path, reader = fifo
    await carrier.carry(CommandLine(path=str(path), line=f"{LINE}\n[1] SHUTDOWN_PROGRAM"))

    assert os.read(reader, 8192).count(b"\n") == 1


async def test_no_reader_is_retryable(carrier, tmp_path):
    """A FIFO that nobody reads (Nagios is down) does not block: CONNECT."""
    path = tmp_path / "nagios.cmd"
    os.mkfifo(path)
    reply = await carrier.carry(CommandLine(path=str(path), line=LINE))

    assert reply.failure is Failure.CONNECT
    assert "is Nagios running?" in reply.detail


async def test_full_fifo_is_retryable(carrier, fifo):
    """A FIFO that is full does not block, and takes no half line: CONNECT."""
    path, reader = fifo
    replies = [await carrier.carry(CommandLine(path=str(path), line=LINE)) for _ in range(2000)]

    full = [reply for reply in replies if reply.failure]
    assert {reply.failure for reply in full} == {Failure.CONNECT}
    assert os.read(reader, 1 << 20).count(b"\n") == len(replies) - len(full)


@pytest.mark.parametrize("name", ["missing", "folder", "file/below", "a\0b", "x" * 300])
async def test_what_is_no_command_file(carrier, tmp_path, name):
    """Nothing there, a folder, a path that cannot be: ADDRESS, and nothing is created."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    reply = await carrier.carry(CommandLine(path=f"{tmp_path}/{name}", line=LINE))

    assert reply.failure is Failure.ADDRESS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


async def test_device_is_refused(carrier):
    """A device is no FIFO: ADDRESS, and it is not opened."""
    reply = await carrier.carry(CommandLine(path="/dev/null", line=LINE))

    assert reply.failure is Failure.ADDRESS
    assert reply.detail == "the command file is not a FIFO; Nagios makes it when check_external_commands is on"


async def test_line_that_is_too_long_is_refused(carrier, fifo):
    """More than a FIFO takes in one piece is not written at all."""
    path, reader = fifo
    reply = await carrier.carry(CommandLine(path=str(path), line="x" * 4096))

    assert reply.failure is Failure.ADDRESS
    assert os.read(reader, 1) == b""
