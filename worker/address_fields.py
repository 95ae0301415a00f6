"""Which settings of a channel say where messages go, found by their types; and what is to be said of one that may not.

For every channel alike: a new one is covered as soon as its fields are of the types in `worker.channels.addresses`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from worker.allow_list import AllowList
from worker.channels.addresses import says_where
from worker.channels.channel import Channel
from worker.hosts import Address, literal, wire_host
from worker.messages import CommandLine, HttpPost, Message
from worker.models import Notice
from worker.settings_tree import written_name

DEFAULT_PORTS = {"http": 80, "https": 443}
# https://www.rfc-editor.org/rfc/rfc6761#section-6.3
LOCALHOST = (ip_address("127.0.0.1"), ip_address("::1"))


def address_fields(settings: BaseModel) -> Iterator[tuple[str, str]]:
    """(name as written, host in lower case) of each setting that says where messages go and is filled in."""
    yield from ((name, _host(text)) for name, text in addresses(settings) if text)


def addresses(settings: BaseModel) -> Iterator[tuple[str, str]]:
    """(name as written, the whole of it) of each setting that says where messages go; empty where it is not set.

    Such an address may hold a secret. Those of models within the settings are among them: `proxy.url`.
    """
    for name, field in type(settings).model_fields.items():
        value, written = getattr(settings, name), written_name(name, field)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(value, BaseModel):
            yield from ((f"{written}.{inner}", text) for inner, text in addresses(value))
        elif says_where(field):
            yield written, text if isinstance(text, str) else ""


def _host(text: str) -> str:
    with suppress(ValueError):
        return wire_host((urlsplit(text).hostname or "") if "://" in text else text).lower()
    return ""


def aim_of(message: Message) -> tuple[str, int] | None:
    """The host and port that a message goes to; None for a file."""
    if isinstance(message, CommandLine):
        return None
    if not isinstance(message, HttpPost):
        return message.host.lower(), message.port
    parts = urlsplit(message.url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)


def field_of(message: Message, settings: Any) -> str:
    """`settings.base_url`, the setting that sent `message` where it goes; `settings` where it is the channel's own."""
    aim = aim_of(message)
    named = (name for name, host in address_fields(settings) if aim is not None and host == aim[0])
    return ".".join(["settings", *list(named)[:1]])


def address_warning(channel: Channel, settings: Any, notice: Notice, allowed: AllowList) -> str | None:
    """What to say of settings that are saved with an address which the workers will refuse, by what they are told here.

    Without asking any name server: names are for Test, which goes the whole way.

    Args:
        channel: the channel.
        settings: its settings, valid.
        notice: anything that can be composed, to see where it goes.
        allowed: what the operator allows.
    """
    if not any(_known(host) for _, host in address_fields(settings)):
        return None
    with suppress(ValueError):
        message = channel.compose(notice, settings)
        host, port = aim_of(message) or ("", 0)
        objections = [allowed.objection(address, host, port) for address in _known(host)]
        if objections and all(objections):
            # Whoever applies may do so elsewhere than the workers run, and theirs is the setting that counts.
            return f"{field_of(message, settings)}: {objections[0]} (the workers' setting is what counts)"
    return None


def _known(host: str) -> tuple[Address, ...]:
    """The addresses of a host that is one, or whose name always means the same."""
    if host.removesuffix(".").rpartition(".")[2] == "localhost":
        return LOCALHOST
    address = literal(host)
    return () if address is None else (address,)
