"""What the console's settings are made of: address ranges, and the site that people know it by."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

Network = IPv4Network | IPv6Network


def networks(value: Any) -> Any:
    """The ranges in a text that separates them by commas; what is no text as it is."""
    if not isinstance(value, str):
        return value
    return tuple(_network(part.strip()) for part in value.split(",") if part.strip())


def site(text: str) -> str:
    """`scheme://host[:port]`, without the slash at its end; ValueError where it is more or less than that."""
    parts = _parts(text)
    if parts is None or parts.path not in {"", "/"}:
        raise ValueError("write it as https://alerts.example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def place(text: str) -> str:
    """`scheme://host[:port][/path]`, without the slash at its end; ValueError where it is more or less than that."""
    parts = _parts(text)
    if parts is None:
        raise ValueError("write it as https://flower.example.com, with http or https, and without a password")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _parts(text: str) -> SplitResult | None:
    """An HTTP address without user, password, query and fragment; None for anything else."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        return None
    more = parts.query or parts.fragment or "@" in parts.netloc
    return parts if known and not more and text.isascii() and text.isprintable() and " " not in text else None


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not an address range; write 10.1.0.0/16 or 192.0.2.7/32") from None


Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(networks)]
Site = Annotated[str, AfterValidator(site)]
WebPlace = Annotated[str, AfterValidator(place)]
