"""Which channels there are, and what each one's settings are: enough to make forms of."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from worker.channels import CHANNELS
from worker.channels.channel import Channel
from worker.web.api import Answer, Call, Operation, Reply
from worker.web.api_values import Next
from worker.web.console import Console


class ChannelAnswer(Answer):
    """A kind of place that alerts can go to."""

    name: str = Field(description="As destinations name it: `hipchat`.")
    label: str = Field(description="As people write it: HipChat.")
    settings: dict[str, Any] = Field(description="A JSON Schema of its settings; secrets are `writeOnly` in it.")
    first: list[str] = Field(description="The settings that most people fill in; the others have their reasons.")
    advice: str = Field(description="What to do before anything is filled in; may be empty.")
    success: str = Field(description="What a Test that went well looks like.")


class ChannelsAnswer(Answer):
    """All channels."""

    items: list[ChannelAnswer]
    next: Next


async def _list(_call: Call) -> Reply:
    return Reply(ChannelsAnswer(items=[_answer(each) for each in CHANNELS.values()], next=None))


def _answer(channel: Channel) -> ChannelAnswer:
    schema = channel.settings.model_json_schema()
    first = list(channel.form.first) or schema.get("required", [])
    return ChannelAnswer(
        name=channel.name,
        label=channel.label,
        settings=schema,
        first=first,
        advice=channel.form.advice,
        success=channel.success,
    )


def operations(_console: Console) -> list[Operation]:
    """The one."""
    about = "The kinds of places that alerts can go to, with the settings of each as a JSON Schema."
    return [Operation("channels", "listChannels", "GET", "/channels", about, _list, ChannelsAnswer)]
