"""What BELLHOP_REDIS_URL says, read once for our own clients, Celery and Flower, so that they all verify alike.

Left to themselves they would not: kombu takes `rediss://` without options for "verify nobody" and stumbles over
options that redis-py has (https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html), and
Flower reads none at all.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from worker.errors import InvalidSettings
from worker.near_hosts import is_near

SETTING: Final = "BELLHOP_REDIS_URL"
FORM: Final = (
    f"{SETTING}: must be redis://[[user]:password@]host[:port][/number], rediss:// or unix://, "
    "with special characters of the password as %23, %2F and so on"
)
SOCKET_FORM: Final = f"{SETTING}: of a socket must be unix://[[user]:password@]/path[?db=number]"
FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
OPTIONS: Final = (*FILES, "ssl_password", "ssl_check_hostname", "ssl_cert_reqs")
"""As redis-py names them: https://redis.readthedocs.io/en/stable/examples/ssl_connection_examples.html"""
_YES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_REQUIRED: Final = {"required": True, "cert_required": True, "none": False, "cert_none": False}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, as whom, and how its certificate is verified."""

    url: str = field(repr=False)
    """Without TLS options, with the password: not for showing."""
    broker_url: str = field(repr=False)
    """The same as kombu spells it."""
    tls: Mapping[str, Any] = field(repr=False)
    """Options of redis-py's and kombu's TLS connections; empty where there is no TLS."""
    shown: str
    """Without user and password: `rediss://db.example:6379`."""
    warnings: tuple[str, ...] = ()
    """What works, and lets others read along, as sentences."""


def redis_address(text: str) -> RedisAddress:
    """What the setting says; InvalidSettings, which shows nothing of it but options' names and files."""
    try:
        parts = urlsplit(text)
        if parts.scheme == "unix":
            return _socket(parts)
        return _network(parts)
    except ValueError:  # its text may quote a password that holds a `#` or `/` as the port
        raise InvalidSettings([FORM]) from None


def shown_address(text: str) -> str:
    """Where an address leads, without user, password and options: `redis://db.example:6379`."""
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{_bracketed(parts.hostname) or parts.path}{port}"


def _network(parts: SplitResult) -> RedisAddress:
    host, port, number = parts.hostname, parts.port or 6379, parts.path.strip("/")
    if parts.scheme not in {"redis", "rediss"} or not host or parts.port == 0 or parts.fragment:
        raise ValueError("not an address of Redis")
    if not re.fullmatch(r"[0-9]{0,5}", number) or "," in host:
        raise ValueError("not the number of a database")
    url = f"{parts.scheme}://{_credentials(parts)}{_bracketed(host)}:{port}/{number or 0}"
    options = _options(parts.query)
    if parts.scheme == "rediss":
        tls = _tls(options)
        return RedisAddress(url, url, MappingProxyType(tls), shown_address(url), tuple(_unverified(tls)))
    if options:
        raise InvalidSettings([f"{SETTING}: {next(iter(options))} is for rediss://, which is Redis over TLS"])
    return RedisAddress(url, url, MappingProxyType({}), shown_address(url), tuple(_in_clear(host)))


def _socket(parts: SplitResult) -> RedisAddress:
    options = dict(parse_qsl(parts.query))
    number = options.pop("db", "0")
    if options or parts.hostname or not parts.path or not re.fullmatch(r"[0-9]{1,5}", number):
        raise InvalidSettings([SOCKET_FORM])
    place = f"{_credentials(parts)}{parts.path}"
    broker_url = f"redis+socket://{place}?virtual_host={number}"
    return RedisAddress(f"unix://{place}?db={number}", broker_url, MappingProxyType({}), f"unix://{parts.path}")


def _credentials(parts: SplitResult) -> str:
    """Written so that every library reads the same: kombu takes a bare `;` for the begin of another address."""
    user, password = (quote(unquote(each or ""), safe="") for each in (parts.username, parts.password))
    return f"{user}:{password}@" if password else f"{user}@" if user else ""


def _bracketed(host: str | None) -> str:
    return f"[{host}]" if host and ":" in host else host or ""


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    for name in options:
        if name not in OPTIONS:
            raise InvalidSettings([f"{SETTING}: {name[:40]!r} is not known here (known: {', '.join(OPTIONS)})"])
    return options


def _tls(options: Mapping[str, str]) -> dict[str, Any]:
    """Verified, host name and all, and TLS 1.2 at the least, unless somebody said otherwise."""
    verified = _one_of(_REQUIRED, options, "ssl_cert_reqs", "required or none")
    checked = _one_of(_YES, options, "ssl_check_hostname", "true or false")
    tls: dict[str, Any] = {name: options[name] for name in FILES if options.get(name)}
    tls |= {
        "ssl_cert_reqs": ssl.CERT_REQUIRED if verified else ssl.CERT_NONE,
        "ssl_check_hostname": verified and checked,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        # Without one OpenSSL would ask for it at the terminal, and wait.
        "ssl_password": options.get("ssl_password", ""),
    }
    _check_files(tls)
    return tls


def _one_of(words: Mapping[str, bool], options: Mapping[str, str], name: str, known: str) -> bool:
    word = options.get(name)
    if word is None:
        return True
    if word.lower() not in words:
        raise InvalidSettings([f"{SETTING}: {name} must be {known}"])
    return words[word.lower()]


def _check_files(tls: Mapping[str, Any]) -> None:
    """Told when the process starts, and not with each connection that fails for it."""
    for name in FILES:
        try:
            if name in tls:
                Path(tls[name]).open("rb").close()
        except OSError as error:
            raise InvalidSettings([f"{SETTING}: {name}: cannot read {tls[name]}: {error.strerror}"]) from None
    if "ssl_keyfile" in tls and "ssl_certfile" not in tls:
        raise InvalidSettings([f"{SETTING}: ssl_keyfile goes with ssl_certfile: set both"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if "ssl_ca_certs" in tls:
            context.load_verify_locations(tls["ssl_ca_certs"])
    except ssl.SSLError:
        raise InvalidSettings([f"{SETTING}: ssl_ca_certs: {tls['ssl_ca_certs']} holds no PEM certificate"]) from None
    try:
        if "ssl_certfile" in tls:
            context.load_cert_chain(tls["ssl_certfile"], tls.get("ssl_keyfile"), tls["ssl_password"])
    except (ssl.SSLError, ValueError):
        what = "must be a PEM certificate and its key, which ssl_password opens where it is encrypted"
        raise InvalidSettings([f"{SETTING}: ssl_certfile and ssl_keyfile {what}"]) from None


def _unverified(tls: Mapping[str, Any]) -> list[str]:
    if tls["ssl_cert_reqs"] is ssl.CERT_NONE:
        return [f"{SETTING} has ssl_cert_reqs=none: anybody in between can take the place of Redis, and learns all"]
    if not tls["ssl_check_hostname"]:
        return [f"{SETTING} has ssl_check_hostname=false: any certificate of that authority will do"]
    return []


def _in_clear(host: str) -> list[str]:
    if is_near(host):
        return []
    return [f"{SETTING} is redis://: its password and all alerts travel in clear; rediss:// is Redis over TLS"]
