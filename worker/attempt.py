"""One attempt, whoever asks for it: a delivery that is due, or somebody who pressed Test. The same path for both."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from worker.address_fields import field_of
from worker.channels.channel import Channel, excerpt
from worker.channels.secrecy import without_secrets
from worker.messages import Failure, Message, Reply
from worker.models import Kind, Notice, Reason, Verdict


class Carries(Protocol):
    """What carries a message: `worker.transports.Carrier`, or a fake in a test."""

    async def carry(self, message: Message) -> Reply:
        """Send it; whatever happens comes back as a Reply."""


class Attempted(Struct, frozen=True, gc=False):
    """What one attempt did: `reply` is None where the message could not even be composed."""

    verdict: Verdict
    label: str
    reply: Reply | None

    @property
    def elapsed_ms(self) -> float:
        """How long the vendor took, in milliseconds."""
        return self.reply.elapsed_ms if self.reply else 0.0


async def attempt(channel: Channel, settings: Any, notice: Notice, carrier: Carries) -> Attempted:
    """Compose, carry, judge. Never raises for a vendor's failure; a ValueError from `compose` is a permanent one."""
    try:
        message = channel.compose(notice, settings)
    except ValueError as problem:
        if notice.picture is not None:  # a picture may be what makes a body too large; the alert goes without it then
            return await attempt(channel, settings, replace(notice, picture=None), carrier)
        # A template's error quotes what the template made.
        words = excerpt(str(problem).encode("utf-8", "replace"), settings)
        return Attempted(Verdict(Kind.PERMANENT, Reason.BAD_SETTINGS, words), channel.label, None)
    reply = await carrier.carry(message)
    if reply.failure is Failure.NOT_ALLOWED:
        reply = replace(reply, detail=f"{field_of(message, settings)}: {reply.detail}")
    return Attempted(_without_secrets(channel.judge(reply, settings), settings), message.label, reply)


def _without_secrets(verdict: Verdict, settings: Any) -> Verdict:
    """Channels hide secrets before they cut a vendor's words; here so that none forgets to, in any field."""
    if verdict.provider_ref is not None:
        verdict = replace(verdict, provider_ref=without_secrets(verdict.provider_ref, settings))
    if verdict.detail and verdict.kind is not Kind.DELIVERED:
        verdict = replace(verdict, detail=without_secrets(verdict.detail, settings))
    return verdict
