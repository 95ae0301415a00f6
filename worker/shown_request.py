"""What a message was, for people to see: readable, and every secret as stars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from worker.channels.addresses import address_label
from worker.channels.secrecy import HIDDEN, SHORTEST, secrets_of, without_secrets
from worker.messages import CommandLine, HttpPost, Mail, Message, PassiveCheck

BODY_CHARS: Final = 20_000
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """One message as it went out, decoded and without secrets."""

    method: str
    """`POST`, `SMTP`, `NSCA`, `command file`."""
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


def shown_request(message: Message, settings: Any) -> ShownRequest:
    """`message`, with all that is secret in `settings` as `***`."""
    mask = _Mask(settings)
    match message:
        case HttpPost():
            return _http(message, mask)
        case Mail():
            return _mail(message, mask)
        case PassiveCheck():
            return _check(message, mask)
        case CommandLine():
            return ShownRequest("command file", mask.text(message.path), {}, mask.body(message.line))


class _Mask:
    """Hides the secrets of one destination's settings. Texts are decoded before: no form of a secret slips through."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        # Elsewhere these are left alone, since every text would hold them by chance. Here nothing depends on the text.
        self._short = [secret for secret in secrets_of(settings) if 0 < len(secret) < SHORTEST]

    def text(self, text: str) -> str:
        """The text without secrets."""
        text = without_secrets(text, self._settings)
        for secret in self._short:
            text = text.replace(secret, HIDDEN)
        return text

    def body(self, text: str) -> str:
        """The same, bounded."""
        text = self.text(text)
        return text if len(text) <= BODY_CHARS else f"{text[:BODY_CHARS]}…"

    def tree(self, value: Any) -> Any:
        """A JSON value without secrets, in names and texts alike."""
        if isinstance(value, dict):
            return {self.text(name): self.tree(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def pairs(self, text: str, between: str) -> str:
        """`a=b&c=d` decoded."""
        pairs = parse_qsl(text, keep_blank_values=True)
        return between.join(f"{self.text(name)}={self.text(value)}" for name, value in pairs)


def _http(message: HttpPost, mask: _Mask) -> ShownRequest:
    parts = urlsplit(message.url)
    query = f"?{mask.pairs(parts.query, '&')}" if parts.query else ""
    address = f"{address_label(message.url)}{mask.text(unquote(parts.path))}{query}"
    headers = {name: mask.text(value) for name, value in message.headers.items()}
    return ShownRequest(message.method, address, headers, _http_body(message, mask))


def _http_body(message: HttpPost, mask: _Mask) -> str:
    text = message.body.decode("utf-8", "replace")
    if message.headers.get("Content-Type", "").partition(";")[0] == FORM:
        return mask.body(mask.pairs(text, "\n"))
    try:
        tree = mask.tree(orjson.loads(message.body))
    except ValueError:
        return mask.body(text)
    return mask.body(orjson.dumps(tree, option=orjson.OPT_INDENT_2).decode())


def _mail(message: Mail, mask: _Mask) -> ShownRequest:
    mail: Any = message_from_bytes(message.data, EmailMessage, policy=policy.default)
    headers = {"Security": message.security.value} | {name: mask.text(str(value)) for name, value in mail.items()}
    if message.username is not None:
        headers = {"User name": mask.text(message.username), "Password": HIDDEN} | headers
    plain = mail.get_body(("plain",))
    return ShownRequest("SMTP", f"{message.host}:{message.port}", headers, mask.body(plain.get_content()))


def _check(message: PassiveCheck, mask: _Mask) -> ShownRequest:
    told = {"Host": message.hostname, "Service": message.service, "State": str(message.state)}
    headers = {name: mask.text(value) for name, value in told.items() if value}
    return ShownRequest("NSCA", f"{message.host}:{message.port}", headers, mask.body(message.output))
