"""A destination as the HTTP API takes and gives it."""

from __future__ import annotations

from typing import Any

from pydantic import Field, GetJsonSchemaHandler, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from worker.allow_list import AllowList
from worker.channels import CHANNELS
from worker.channels.channel import Channel
from worker.given_settings import STARS, shown_settings
from worker.models import Destination, OnAmbiguous
from worker.rates import VENDOR
from worker.settings_fields import secret_fields
from worker.stores.troubles import Trouble
from worker.web.api import Answer, Body
from worker.web.api_values import Next
from worker.web.destination_rows import address_of, warnings

RATE = "^(vendor|off|[1-9][0-9]{0,6}/([1-9][0-9]{0,4})?(s|sec|second|m|min|minute|h|hour|d|day))$"
SECRETS = (
    f"Of a secret field that is left out, what is stored stays; null takes it away; `{STARS}`, as it is shown, stands "
    "for what is stored. Where messages would go to another address than before, secrets have to be sent again."
)


class DestinationBody(Body):
    """What a destination shall be."""

    channel: str = Field(description="The kind of place.")
    enabled: bool = Field(default=True, description="Whether alerts are delivered to it.")
    rate_limit: str = Field(
        default=VENDOR,
        pattern=RATE,
        description="`vendor` (the limits that it publishes), `off`, or a rate such as `30/min`.",
    )
    on_ambiguous: OnAmbiguous = Field(
        default=OnAmbiguous.RETRY, description="What to do with a message that went out and drew no answer."
    )
    settings: dict[str, Any] = Field(default_factory=dict, description=f"The channel's settings. {SECRETS}")

    @field_validator("channel")
    @classmethod
    def _a_channel(cls, name: str) -> str:
        if name not in CHANNELS:
            raise ValueError(f"must be one of {', '.join(CHANNELS)}")
        return name

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """One form of it for each channel, with that channel's settings."""
        plain = handler.resolve_ref_schema(handler(core_schema))
        return {"description": cls.__doc__, "oneOf": [_for_channel(plain, each, handler) for each in CHANNELS.values()]}


class SwitchBody(Body):
    """On or off."""

    enabled: bool


class DestinationAnswer(Answer):
    """A destination as it is stored."""

    app: str
    name: str
    channel: str
    enabled: bool
    rate_limit: str
    on_ambiguous: OnAmbiguous
    settings: dict[str, Any] | None = Field(
        description=f"The channel's settings that were given, each secret as `{STARS}`; null where they cannot be read."
    )
    revision: str = Field(description="What the `ETag` says: changes with every change.")
    problem: str = Field(description="Why its settings cannot be read; empty where they can.")
    warnings: list[str] = Field(description="What gives cause for doubt.")
    address: str = Field(description="Where messages go, without path and token.")
    paused: bool = Field(description="Whether nothing is delivered until it is resumed or a Test succeeds.")
    trouble: str = Field(description="How it is held back or paused, and why; empty where it is not.")


class DestinationsAnswer(Answer):
    """A page of destinations, by name."""

    items: list[DestinationAnswer]
    next: Next


def destination_answer(
    stored: Destination, revision: str, trouble: Trouble | None, allowed: AllowList
) -> DestinationAnswer:
    """What may be shown of it: no secret."""
    return DestinationAnswer(
        app=stored.app,
        name=stored.name,
        channel=stored.channel,
        enabled=stored.enabled,
        rate_limit=stored.rate_limit,
        on_ambiguous=stored.on_ambiguous,
        settings=None if stored.settings is None else shown_settings(stored.settings),
        revision=revision,
        problem=stored.problem,
        warnings=warnings(stored, allowed),
        address=address_of(stored),
        paused=trouble is not None and trouble.paused_at > 0,
        trouble=trouble.words if trouble is not None else "",
    )


def _for_channel(plain: dict[str, Any], channel: Channel, handler: GetJsonSchemaHandler) -> dict[str, Any]:
    settings = dict(handler.resolve_ref_schema(handler(channel.settings.__pydantic_core_schema__)))
    # Required is also a secret, but one that is stored need not be sent again.
    required = [name for name in settings.pop("required", []) if name not in secret_fields(channel)]
    settings |= {"description": plain["properties"]["settings"]["description"]} | (
        {"required": required} if required else {}
    )
    properties = {**plain["properties"], "channel": {"const": channel.name, "type": "string"}, "settings": settings}
    needed = ["channel", *(["settings"] if required else [])]
    return {**plain, "title": f"{channel.label} destination", "properties": properties, "required": needed}
