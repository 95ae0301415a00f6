"""What can be set for Nagios: which of the three ways a result takes, and what Nagios calls hosts and service."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from worker.channels.channel import CaFile, ChannelSettings, Host, HttpUrl, VerifyTls


class Via(StrEnum):
    """How the result reaches Nagios."""

    NSCA = "nsca"
    NRDP = "nrdp"
    COMMAND_FILE = "command_file"


class Check(StrEnum):
    """What the result is about."""

    SERVICE = "service"
    HOST = "host"


class Encryption(IntEnum):
    """NSCA's numbers, as in `nsca.cfg`."""

    NONE = 0
    XOR = 1
    TRIPLE_DES = 3
    AES_256 = 14


class PacketBytes(IntEnum):
    """NSCA's packets: since 2.9, and before."""

    CURRENT = 4304
    OLD = 720


def _split_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _check_name(text: str) -> str:
    if ";" in text or not text.isprintable():
        raise ValueError("must not hold semicolons or control characters: Nagios' commands are split at them")
    return text


def _check_path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable():
        raise ValueError("must be an absolute path")
    return text


Name = Annotated[str, Field(max_length=128), AfterValidator(_check_name)]


class NagiosSettings(ChannelSettings):
    """Where Nagios listens, and what it calls the hosts and the service."""

    via: Via = Field(
        default=Via.NSCA,
        title="Via",
        description="`nsca` (the NSCA daemon), `nrdp` (Nagios over HTTP), or `command_file` (Nagios on this host).",
    )
    host: Host | None = Field(default=None, title="Host", description="NSCA: the daemon's host.")
    port: int = Field(default=5667, title="Port", ge=1, le=65535, description="NSCA: the daemon's port.")
    password: SecretStr | None = Field(default=None, title="Password", description="NSCA: as in its `nsca.cfg`.")
    encryption_method: Encryption = Field(
        default=Encryption.XOR,
        title="Encryption method",
        description="NSCA: `decryption_method` of its `nsca.cfg`: 0 none, 1 XOR, 3 3DES, 14 AES-256.",
    )
    packet_bytes: PacketBytes = Field(
        default=PacketBytes.CURRENT, title="Packet size", description="NSCA: 4304, or 720 for daemons before 2.9."
    )
    url: HttpUrl | None = Field(default=None, title="URL", description="NRDP: `https://nagios.example.com/nrdp/`.")
    token: SecretStr | None = Field(default=None, title="Token", description="NRDP: one of its authorized tokens.")
    verify_tls: VerifyTls = True
    ca_file: CaFile = None
    path: Annotated[str, AfterValidator(_check_path)] | None = Field(
        default=None, title="Path", description="Command file: `/usr/local/nagios/var/rw/nagios.cmd`."
    )
    check: Check = Field(
        default=Check.SERVICE, title="Check", description="Whether the result is about a `service` or the `host`."
    )
    service_name: Name = Field(
        default="Bellhop alerts",
        title="Service name",
        min_length=1,
        description="The service's name in Nagios; `$rule` and `$app` become the event's.",
    )
    host_tag: str = Field(
        default="host", title="Host tag", min_length=1, description="The event's tag that names the Nagios host."
    )
    unknown_host: Name = Field(
        default="", title="Unknown notification host", description="The Nagios host for events that name none."
    )
    known_hosts: Annotated[tuple[Name, ...], BeforeValidator(_split_list)] = Field(
        default=(),
        title="Known hosts",
        description="The hosts that Nagios knows, as a list or separated by commas. Empty: the event is believed.",
    )
    catch_all_host: Name = Field(
        default="",
        title="Catch-all notification host",
        description="The Nagios host for events whose host is not among the known ones.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        missing = [name for name in NEEDED[self.via] if not getattr(self, name)]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be set with via: {self.via.value}")
        foreign = [name for via, names in OWN.items() if via is not self.via for name in names if self._given(name)]
        if foreign:
            raise ValueError(f"{' and '.join(foreign)} cannot be set with via: {self.via.value}")
        if self.known_hosts and not self.catch_all_host:
            raise ValueError("catch_all_host must be set with known_hosts: Nagios drops results for other hosts")
        return self

    def _given(self, name: str) -> bool:
        return name in self.model_fields_set and getattr(self, name) != type(self).model_fields[name].default


OWN = {
    Via.NSCA: ("host", "port", "password", "encryption_method", "packet_bytes"),
    Via.NRDP: ("url", "token", "verify_tls", "ca_file"),
    Via.COMMAND_FILE: ("path",),
}
"""What belongs to one of the three ways."""
NEEDED = {Via.NSCA: ("host",), Via.NRDP: ("url", "token"), Via.COMMAND_FILE: ("path",)}
