"""The users of config/redis.acl.example: the very file that operators are given, with passwords."""

from __future__ import annotations

import re
from pathlib import Path

from fakes.redis_servers import Server

EXAMPLE = Path(__file__).parents[2] / "config" / "redis.acl.example"
MARK = re.compile(r"#change-me-(\w+)")


def password(name: str) -> str:
    """Of `worker`, `producer`, `celery`, `consumer` or `flower`."""
    return f"Canary-redis-{name}"


def users() -> str:
    """The lines of all users, ready for a server."""
    lines = [line for line in EXAMPLE.read_text("utf-8").splitlines() if line.startswith("user ")]
    return MARK.sub(lambda found: f">{password(found[1])}", "\n".join(lines))


def names() -> dict[str, str]:
    """Each user's name by the mark of its password."""
    found = re.findall(r"^user (\S+) on #change-me-(\w+) ", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    return {mark: name for name, mark in found}


def url_of(server: Server, who: str, number: int = 0) -> str:
    """The address of one of the users, by the mark of its password."""
    return server.url(names()[who], password(who), number)
