"""A channel with every defect that could show a secret: it quotes its own in whatever it raises."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, Field, SecretStr

from worker.channels.channel import Channel, ChannelSettings, Shows
from worker.messages import CommandLine, HttpPost, Message, Reply
from worker.models import Notice, Verdict

NAME: Final = "crashing"


class Where(StrEnum):
    """Where it fails."""

    COMPOSE = "compose"
    REFUSAL = "refusal"
    CARRY = "carry"
    JUDGE = "judge"
    SHOWS = "shows"


class Inner(BaseModel):
    """Secrets deeper down."""

    key: SecretStr = Field(title="Key", description="One.")


class CrashingSettings(ChannelSettings):
    """Where to fail, and secrets in every depth."""

    where: Where = Field(title="Where", description="Where to fail.")
    url: str = Field(default="http://127.0.0.1:9/", title="URL", description="Where nobody listens.")
    token: SecretStr = Field(title="Token", description="A secret.")
    keys: dict[str, list[Inner]] = Field(default_factory=dict, title="Keys", description="More of them.")

    @property
    def secrets(self) -> str:
        """All of them, as no exception should hold them."""
        keys = [inner.key.get_secret_value() for inners in self.keys.values() for inner in inners]
        return " ".join([self.token.get_secret_value(), *keys])


def compose(_notice: Notice, settings: CrashingSettings) -> Message:
    """A message that cannot be carried, or none."""
    match settings.where:
        case Where.COMPOSE:
            raise RuntimeError(f"cannot compose with {settings.secrets}")
        case Where.REFUSAL:
            raise ValueError(f"these settings cannot be used: {settings.secrets}")
        case Where.CARRY:
            unfit: Any = settings.secrets  # no header that can be sent, nor even text
            return HttpPost(url=settings.url, label="POST", headers={"X-Key": unfit.encode()}, body=unfit)
        case Where.JUDGE | Where.SHOWS:
            return CommandLine(path="/nowhere", line="x")


def judge(_reply: Reply, settings: CrashingSettings) -> Verdict:
    """Whatever came back."""
    nothing: dict[str, Verdict] = {}
    try:
        return nothing[settings.secrets]
    except KeyError as error:
        raise RuntimeError(f"no verdict with {settings!r}") from error


def shows(settings: CrashingSettings) -> Shows:
    """Nothing, if it does not fail."""
    if settings.where is Where.SHOWS:
        raise RuntimeError(f"no picture with {settings.secrets}")
    return Shows.NOTHING


CHANNEL: Final = Channel(
    name=NAME, label="Crashing", settings=CrashingSettings, compose=compose, judge=judge, shows=shows
)
SAMPLE: Final = {"where": "compose", "token": "canary", "keys": {"a": [{"key": "canary"}]}}
