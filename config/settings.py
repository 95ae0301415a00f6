"""Every setting of Bellhop's, from environment variables that begin with `BELLHOP_`, or a `.env` file.

A secret may instead be named by a file: `BELLHOP_REDIS_URL_FILE=/run/secrets/redis` (as Docker and
Kubernetes hand them over). The README's table is made from the descriptions below.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.proxy import proxy_address
from config.web_types import Networks, Site, WebPlace
from worker.allow_list import Allowed, parsed
from worker.errors import InvalidSettings

PREFIX = "BELLHOP_"


class ResultsDetail(StrEnum):
    """What is written to the results stream."""

    SETTLED = "settled"
    ATTEMPTS = "attempts"


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


def _usable_proxy(url: SecretStr) -> SecretStr:
    proxy_address(url)
    return url


class Settings(BaseSettings):
    """What an operator can set. Frozen: a process reads it once."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        # `BELLHOP_REDIS_URL=` with nothing behind it, as compose files pass on what is unset, means unset.
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey for events, ledger, results and Celery: `redis://`, or over TLS `rediss://`, with "
        "`?ssl_ca_certs=FILE` for an authority of your own. Unset: an embedded one in the state folder.",
    )
    prefix: str = Field(
        default="bellhop",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="What the names of Bellhop's keys begin with.",
    )
    state_dir: Path = Field(
        default=Path(".bellhop"), description="Where the embedded Redis keeps its data and generated keys lie."
    )
    master_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Keys that encrypt destinations' secrets, newest first, separated by commas; "
        "`bellhop keys generate` makes one. Unset: one is generated in the state folder.",
    )
    allowed_addresses: Annotated[tuple[Allowed, ...], NoDecode] = Field(
        default=(),
        description="Networks, addresses and hosts, separated by commas, that destinations may reach although they are "
        "not public, each for all ports or for one: `10.1.0.0/16,[fd12::/16]:443,smtp.internal,hipchat.corp:443`.",
    )
    http_proxy: Annotated[SecretStr, AfterValidator(_usable_proxy)] | None = Field(
        default=None,
        description="Through which proxy HTTP requests go, `http://user:password@proxy.example:3128`: it is asked to "
        "CONNECT to the address that was checked. Unset: none; HTTP_PROXY and the like are ignored.",
    )
    ca_dir: Path | None = Field(
        default=None,
        description="A folder: where it is set, destinations' `ca_file` must lie in it. "
        "Unset: anywhere on the worker's disk.",
    )
    results: ResultsDetail = Field(
        default=ResultsDetail.SETTLED,
        description="`settled`: one result per delivery; `attempts`: one per attempt as well.",
    )
    results_kept: int = Field(default=100_000, ge=100, description="About how many results the stream keeps.")
    rejected_kept: int = Field(default=10_000, ge=100, description="About how many rejected events the stream keeps.")
    events_kept: int = Field(
        default=1_000_000, ge=100, description="Of how many events a record is kept at the most, once they are settled."
    )
    retention_hours: float = Field(
        default=72, ge=24, description="How long the record of an event and its deliveries is kept."
    )
    max_event_bytes: int = Field(default=262_144, ge=1024, le=4_194_304, description="A larger event is rejected.")
    firing_deadline_s: float = Field(
        default=3600, ge=1, description="After how many seconds an alert is not worth delivering any more."
    )
    batch: int = Field(default=400, ge=1, le=1000, description="How many events or deliveries a task carries.")
    concurrency: int = Field(
        default=4, ge=1, le=64, description="Threads of a worker process that run tasks (not deliveries)."
    )
    in_flight: int = Field(
        default=1000, ge=1, le=20_000, description="Deliveries that one worker process has in flight at the most."
    )
    in_flight_each: int = Field(
        default=50, ge=1, le=1000, description="The same per destination, over all workers; the others queue there."
    )
    lease_s: float = Field(
        default=15, ge=1, le=600, description="After how many seconds without a sign of life others take over."
    )
    connect_timeout_s: float = Field(default=5, gt=0, le=60, description="Time to reach a vendor, in seconds.")
    total_timeout_s: float = Field(default=20, gt=0, le=300, description="Time for one attempt in all, in seconds.")
    shutdown_s: float = Field(
        default=15, ge=0, le=300, description="How long a stopping worker waits for what is in flight."
    )
    web_host: str = Field(
        default="127.0.0.1",
        description="The address that the console listens on. Any but a loopback one needs somebody who can log in.",
    )
    web_port: int = Field(default=8080, ge=0, le=65535, description="The console's port; 0 takes a free one.")
    web_password: SecretStr | None = Field(
        default=None,
        description="The password of the console's user `admin`. Unset, on the loopback and without other users: "
        "whoever is on this machine may do everything.",
    )
    web_public_url: Site | None = Field(
        default=None,
        description="Where people reach the console, such as `https://alerts.example.com`: for the links in "
        "notifications, and the only name besides addresses that it answers to.",
    )
    web_trusted_proxies: Networks = Field(
        default=(),
        description="CIDRs, separated by commas, of the reverse proxies whose `X-Forwarded-For` the console believes.",
    )
    web_session_hours: float = Field(
        default=12, gt=0, le=720, description="After how many hours the console asks for the password again."
    )
    web_audit_kept: int = Field(default=100_000, ge=1000, description="About how many entries the audit log keeps.")
    flower_url: WebPlace | None = Field(
        default=None,
        description="Where people reach Flower, such as `https://flower.example.com`: the console links to it. "
        "`bellhop up` and `demo` tell their own.",
    )
    pictures: bool = Field(
        default=True,
        description="Whether notifications hold a picture of the metric, where `bellhop[pictures]` is installed.",
    )
    picture_wait_s: float = Field(
        default=0.3, ge=0, le=30, description="How long a delivery waits for its picture at the most, in seconds."
    )
    log_level: str = Field(
        default="info", pattern=r"(?i)^(debug|info|warning|error)$", description="debug, info, warning or error."
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO, description="`console`, `json`, or `auto`: console on a terminal, JSON elsewhere."
    )

    @field_validator("allowed_addresses", mode="before")
    @classmethod
    def _allowed(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(
            part if isinstance(part, Allowed) else parsed(str(part).strip()) for part in parts if str(part).strip()
        )

    @field_validator("master_keys", mode="before")
    @classmethod
    def _keys(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        keys = tuple(SecretStr(part) for part in re.split(r"[,\s]+", value) if part)
        if not keys:
            # Taken for unset it would have a key generated.
            raise ValueError("holds no key; `bellhop keys generate` makes one")
        return keys

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`NAME_FILE` stands behind `NAME` itself, and before `.env`."""
        del file_secret_settings  # a folder of secrets; `NAME_FILE` names each file instead
        named_by_file = NamedByFile(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, named_by_file, dotenv_settings


SECRETS = ("redis_url", "master_keys", "http_proxy", "web_password")


class NamedByFile(PydanticBaseSettingsSource):
    """Reads `BELLHOP_X_FILE` for each secret X: the file's content is the value."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._sources = sources

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all fields are read at once."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The values that files hold; InvalidSettings where such a file cannot be read."""
        return {name: _content(name, path) for name in SECRETS if (path := self._path(name))}

    def _path(self, name: str) -> str | None:
        variable = f"{PREFIX}{name}_FILE".lower()
        for source in self._sources:
            if isinstance(source, EnvSettingsSource | DotEnvSettingsSource):
                path = {key.lower(): value for key, value in source.env_vars.items()}.get(variable)
                if path:
                    return path
        return None


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        # Without quoting it: it may be the secret, for which the name is mistaken.
        raise InvalidSettings([f"{PREFIX}{name.upper()}_FILE: cannot read that file: {reason}"]) from None


@cache
def settings() -> Settings:
    """This process's settings, read once; InvalidSettings names every variable that is wrong."""
    return read_settings()


def read_settings(**overrides: Any) -> Settings:
    """Read them afresh, with `overrides` in front of the environment."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise InvalidSettings(
            [
                f"{PREFIX}{'_'.join(str(p) for p in e['loc'][:1]).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ]
        ) from None


def misspelt() -> list[str]:
    """`BELLHOP_` variables that name no setting: likely spelling mistakes."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    known |= {f"{PREFIX}{name}_FILE".upper() for name in SECRETS}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
