"""How the stand-ins behave, where a person may choose."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.sandbox.arrivals import RING, RING_BYTES
from worker.sandbox.limits import Rate

REQUESTS = Rate(500, 300)
MESSAGES = Rate(30, 60)
"""https://developer.atlassian.com/server/hipchat/hipchat-rest-api-rate-limits ."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the vendors are strict about. The defaults are what HipChat published; the other limits are off."""

    rooms: frozenset[str] | None = None
    """HipChat rooms that exist, names or ids; None: all, except those whose names begin with `missing`."""
    hipchat_requests: Rate | None = REQUESTS
    """Per token. None: off, and without headers."""
    hipchat_messages: Rate | None = MESSAGES
    """Per room. None: off, and without headers."""
    slack_burst: int | None = None
    """Messages that a Slack channel takes at once, before one a second holds. None: off."""
    pagerduty_events: Rate | None = None
    """Per routing key. PagerDuty's own is about 120/min. None: off."""
    nsca_method: int = 1
    """0 none, 1 XOR, 3 3DES, 14 AES (RIJNDAEL-128)."""
    nsca_password: str = field(default="", repr=False)
    mail_bytes: int = 10 * 1024 * 1024
    """A larger mail is refused."""
    ring: int = RING
    """How many arrivals are kept."""
    ring_bytes: int = RING_BYTES
    """How many bytes of headers and bodies are kept."""
