"""Nagios: the three ways, both kinds of check, both packet sizes."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from worker.messages import CommandLine, HttpPost, PassiveCheck, Reply
from worker.models import Kind, Reason

SETTINGS = {
    "host": "nagios.example.com",
    "password": "canary-password",
    "encryption_method": 14,
    "unknown_host": "bellhop",
}
NRDP = {"via": "nrdp", "url": "https://nagios.example.com/nrdp", "token": "canary-token", "unknown_host": "bellhop"}
VARIANTS = {
    "old": SETTINGS | {"packet_bytes": 720, "service_name": "$rule of $app"},
    "host": SETTINGS | {"check": "host", "known_hosts": ["web-1"], "catch_all_host": "others"},
    "nrdp": NRDP,
    "nrdp-host": NRDP | {"check": "host"},
    "command_file": {"via": "command_file", "path": "/var/nagios/rw/nagios.cmd"},
    "command_file-host": {"via": "command_file", "path": "/var/nagios/rw/nagios.cmd", "check": "host"},
}
SUCCESS = Reply()
ANSWER = Reply(status=200, body=b'{"result":{"status":0,"message":"OK","meta":{"output":"1 checks processed"}}}')
SUCCESSES = {"nrdp": ANSWER, "nrdp-host": ANSWER}
STATUSES: dict[int, tuple[Kind, Reason]] = {}


def check_limits(message: PassiveCheck | HttpPost | CommandLine) -> None:
    """The packet's fields with their NUL, a FIFO's PIPE_BUF, and no way out of a line or a field."""
    match message:
        case PassiveCheck():
            _check_packet(message)
        case CommandLine():
            assert len(f"[1234567890] {message.line}\n".encode()) <= 4096
            assert message.line.isprintable()
            assert message.line.count(";") >= 3
        case HttpPost():
            (result,) = json.loads(parse_qs(message.body.decode())["json"][0])["checkresults"]
            assert result["state"] in {"0", "1", "2"}
            assert not any("\n" in part for part in (result["hostname"], result["output"]))


def _check_packet(message: PassiveCheck) -> None:
    assert 1 <= len(message.hostname.encode()) < 64
    assert len(message.service.encode()) < 128
    assert 1 <= len(message.output.encode()) < (4096 if message.packet_bytes == 4304 else 512)
    assert not any(c in part for part in (message.hostname, message.service) for c in ";\n\r\0")
    assert not any(c in message.output for c in "\n\r\0")
    assert message.state in {0, 1, 2}
