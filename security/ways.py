"""The ways by which an address that somebody types becomes a connection: each channel's settings, each transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from security.forms import Form
from worker import demo
from worker.address_fields import address_fields
from worker.channels import CHANNELS
from worker.errors import InvalidSettings
from worker.messages import HttpPost, Mail, MailSecurity, Message, PassiveCheck
from worker.settings_fields import settings_from_pairs
from worker.transports import Carrier
from worker.trial import tried

Way = Callable[[Form], Awaitable[bool]]
"""(form) -> whether something answered."""


def all_ways(carrier: Carrier, proxied: Carrier, port: int) -> dict[str, Way]:
    """By name: Test with each channel's settings, and the transports with what no settings would let pass.

    Args:
        carrier: what the addresses are tried with.
        proxied: the same with an operator's proxy.
        port: the canary's.
    """
    through = {f"{name} settings and Test": by_settings(name, carrier, port) for name in CHANNELS}
    return through | by_transports(carrier, port) | {"HTTP through a proxy": by_message(proxied, http, port)}


def by_transports(carrier: Carrier, port: int) -> dict[str, Way]:
    """HTTP, SMTP and NSCA, without any settings in front of them."""
    return {
        "HTTP": by_message(carrier, http, port),
        "SMTP": by_message(carrier, smtp, port),
        "NSCA": by_message(carrier, nsca, port),
    }


def by_settings(name: str, carrier: Carrier, port: int) -> Way:
    """As an app's owner would: the form in the field that says where messages go, and then Test."""
    channel = CHANNELS[name]
    given: dict[str, Any] = demo.destinations("http://sandbox.example", port, port)[name]["settings"]
    pairs = {key: str(value) for key, value in given.items()}
    field = next(field for field, _ in address_fields(settings_from_pairs(pairs, channel)) if field in pairs)

    async def way(form: Form) -> bool:
        typed = form.as_url(port) if "://" in pairs[field] else form.as_host(port)
        try:
            settings = settings_from_pairs(pairs | {field: typed}, channel)
        except InvalidSettings:
            return False
        trial = await tried(channel, settings, carrier, now=0.0)
        return trial.delivered or trial.status_code is not None

    return way


def by_message(carrier: Carrier, message: Callable[[Form, int], Message], port: int) -> Way:
    """A message that goes there, whatever settings would say to it."""

    async def way(form: Form) -> bool:
        reply = await carrier.carry(message(form, port))
        return reply.failure is None or reply.status is not None

    return way


def http(form: Form, port: int) -> HttpPost:
    """A request to the form."""
    return HttpPost(url=form.as_url(port), label="POST", verify_tls=False)


def smtp(form: Form, port: int) -> Mail:
    """Mail by the form."""
    host, sender = form.as_host(port), "a@b.example"
    return Mail(host=host, port=port, security=MailSecurity.NONE, sender=sender, recipients=(sender,), data=b"")


def nsca(form: Form, port: int) -> PassiveCheck:
    """A check result for a daemon at the form."""
    host = form.as_host(port)
    return PassiveCheck(
        host=host, port=port, method=1, packet_bytes=720, hostname="h", service="s", state=0, output="fine"
    )
