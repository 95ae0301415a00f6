"""What a channel composes, and what comes back. Nothing here shows its address, headers or body in a repr."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class HttpPost(Struct, frozen=True, gc=False):
    """One HTTP request. `label` is what logs may show: no path, no query, no token."""

    url: str
    label: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    verify_tls: bool = True
    ca_file: str | None = None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What may be shown of it: a struct's own would have all of it, and rich asks for this one."""
        return [(name, getattr(self, name)) for name in ("label", "method", "verify_tls", "ca_file")]

    def __repr__(self) -> str:
        """The same as text."""
        return f"HttpPost({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class MailSecurity(StrEnum):
    """How the SMTP connection is protected."""

    STARTTLS = "starttls"  # required: where the server does not offer it, nothing is sent
    TLS = "tls"  # from the first byte (port 465)
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Mail:
    """One message for an SMTP server. `data` is the whole RFC 5322 message, CRLF line ends."""

    host: str
    port: int
    security: MailSecurity
    sender: str
    recipients: tuple[str, ...]
    data: bytes = dataclasses.field(repr=False)
    username: str | None = dataclasses.field(default=None, repr=False)
    password: str | None = dataclasses.field(default=None, repr=False)
    verify_tls: bool = True
    ca_file: str | None = None

    @property
    def label(self) -> str:
        """What logs may show."""
        return f"smtp {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PassiveCheck:
    """One Nagios passive check result for an NSCA daemon. An empty `service` makes it a host check."""

    host: str
    port: int
    method: int
    """NSCA's number: 0 none, 1 XOR, 3 3DES, 14 AES (RIJNDAEL-128)."""
    packet_bytes: int
    """4304 (since 2.9) or 720 (before)."""
    hostname: str
    service: str
    state: int
    output: str
    password: str = dataclasses.field(default="", repr=False)

    @property
    def label(self) -> str:
        """What logs may show."""
        return f"nsca {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One line for Nagios' external command file, without its `[epoch] ` and without its line end."""

    path: str
    line: str

    @property
    def label(self) -> str:
        """What logs may show."""
        return f"command file {self.path}"


Message = HttpPost | Mail | PassiveCheck | CommandLine


class Failure(StrEnum):
    """Why nothing came back. The first two mean that nothing was delivered; the third that it may have been."""

    CONNECT = "connect"
    TIMEOUT = "timeout"  # before the message was sent whole
    NO_ANSWER = "no_answer"  # after it was sent whole
    TLS = "tls"
    ADDRESS = "address"  # an address, a file or a scheme that cannot be used
    NOT_ALLOWED = "not_allowed"  # the guard's: no host, or an address that is not public and that nobody allowed


class Reply(Struct, frozen=True, gc=False):
    """What came back from a vendor: a status, or the failure that stood in its way.

    `status` is an HTTP status or an SMTP code; NSCA and command files have none and no failure when they went well.
    """

    status: int | None = None
    body: bytes = b""
    """At most 64 KiB of it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    failure: Failure | None = None
    detail: str = ""
    """Words on the failure, without secrets."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """SMTP: recipients that were refused while others were taken, with the server's words."""
    elapsed_ms: float = 0.0

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What may be shown of it: vendors repeat secrets in what they answer."""
        return [(name, getattr(self, name)) for name in ("status", "failure", "elapsed_ms")]

    def __repr__(self) -> str:
        """The same as text."""
        return f"Reply({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"
