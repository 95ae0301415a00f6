"""E-mail: STARTTLS with a login, TLS with a CA file of one's own, and a relay without either."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

from worker.messages import Mail, Reply

SETTINGS = {
    "to": ["ops@example.com", "oncall@example.org"],
    "from": "Bellhop <alerts@example.com>",
    "host": "mail.example.com",
    "username": "bellhop",
    "password": "canary-password",
}
VARIANTS = {
    "tls": SETTINGS
    | {"security": "tls", "subject_prefix": "[prod]", "reply_to": "noc@example.com", "ca_file": "/etc/ssl/mail.pem"},
    "relay": {"to": "root@localhost", "from": "alerts@localhost", "host": "127.0.0.1", "security": "none"},
}
SUCCESS = Reply(status=250, body=b"2.0.0 Ok: queued as 4F1A2B3C")


def check_limits(message: Mail) -> None:
    """RFC 5322 section 2.1.1: lines of at most 998 octets, and 7 bits all through."""
    assert message.data.isascii()
    assert b"\0" not in message.data
    assert all(len(line) <= 998 for line in message.data.split(b"\r\n"))
    assert message.data.count(b"\n") == message.data.count(b"\r") == message.data.count(b"\r\n")
    parsed = BytesParser(policy=policy.default).parsebytes(message.data)
    assert not parsed.defects
    text, shown = parsed.iter_parts()
    assert text.get_content_type() == "text/plain"
    if shown.get_content_type() == "multipart/related":
        assert [part.get_content_type() for part in shown.iter_parts()] == ["text/html", "image/png"]
    else:
        assert shown.get_content_type() == "text/html"
