"""What a mail holds: checked as it comes in, read when somebody looks."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import unquote

MAIL = "message/rfc822"
LINE_BYTES = 1000
TEXT_CHARS = 20_000
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif"})
IMAGE_BYTES = 1_000_000

_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_NAMED_IMAGE = re.compile(r"""(\bsrc=["']?)cid:([^"'\s>]+)""", re.IGNORECASE)
_TRANSIENT = {408, 425, 429}


def unstuffed(line: bytes) -> bytes:
    """A line of DATA without the dot that was put before a dot (RFC 5321 section 4.5.2)."""
    return line[1:] if line.startswith(b".") else line


def message_id(content: bytes) -> str:
    """The Message-ID as it stands in the header, or nothing."""
    found = _MESSAGE_ID.search(content.partition(b"\r\n\r\n")[0])
    return found[1].decode("utf-8", "replace").strip()[:300] if found else ""


def content_problem(content: bytes) -> str | None:
    """What a strict server refuses: lines over 998 octets, bare line ends, no From."""
    lines = content.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        return "5.6.0 Bare CR or LF in the message"
    if any(len(line) > LINE_BYTES - 2 for line in lines):
        return "5.6.0 Line longer than 998 octets"
    if not any(line[:5].lower() == b"from:" for line in lines):
        return "5.6.0 No From header"
    return None


def smtp_code(status: int, *, given: bool) -> int:
    """A fault's status as SMTP says it: its own code where a rule for e-mail names one, else 451 or 554."""
    if given:
        return status
    return 451 if status in _TRANSIENT or status >= 500 else 554


def mail_parts(content: bytes) -> dict[str, Any]:
    """Subject, addresses, text and names of attachments, for the page; whether there is HTML."""
    message = _parsed(content)
    headers = {name: _header(message, name) for name in ("Subject", "From", "To", "Date", "Message-ID")}
    text = _part(message, "plain")
    return {
        **{name.lower().replace("-", "_"): value for name, value in headers.items()},
        "text": text[:TEXT_CHARS],
        "html": bool(_part(message, "html")),
        "attachments": _attachments(message),
        "bytes": len(content),
    }


def mail_html(content: bytes) -> str:
    """The HTML part, or nothing; the images that came with it are in it, since it is shown without its mail."""
    message = _parsed(content)
    images = _images(message)
    return _NAMED_IMAGE.sub(
        lambda found: found[1] + images.get(unquote(found[2]), f"cid:{found[2]}"), _part(message, "html")
    )


def _parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)


def _attachments(message: EmailMessage) -> list[str]:
    try:
        return [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    except Exception:  # noqa: BLE001 - as below
        return ["(cannot be read)"]


def _images(message: EmailMessage) -> dict[str, str]:
    """By Content-ID: small images as `data:` addresses (RFC 2392, RFC 2397)."""
    try:
        parts = [part for part in message.walk() if part.get_content_type() in IMAGES]
        return {_header(part, "Content-ID").strip(" <>"): _data(part) for part in parts}
    except Exception:  # noqa: BLE001 - as below
        return {}


def _data(part: EmailMessage) -> str:
    image = part.get_payload(decode=True)
    whole = image if isinstance(image, bytes) and len(image) <= IMAGE_BYTES else b""
    return f"data:{part.get_content_type()};base64,{base64.b64encode(whole).decode()}"


def _header(message: EmailMessage, name: str) -> str:
    # The parser is lazy: a hostile header raises only now, and in many ways.
    try:
        return str(message.get(name, ""))
    except Exception:  # noqa: BLE001 - shown to a person, who is better off with a word than with nothing
        return "(cannot be read)"


def _part(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
    except Exception:  # noqa: BLE001 - as above
        return "(cannot be read)"
