"""Stored secrets that a form leaves as they are; and when they may not be: where they would go to somebody else.

Whoever may change a destination need not know its secrets, and shall not learn them by having them sent elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from worker.address_fields import addresses, aim_of
from worker.channels.channel import Channel
from worker.messages import HttpPost, Mail, MailSecurity, Message, PassiveCheck
from worker.trial import trial_notice, trial_tags


def misled_secrets(channel: Channel, before: Any, after: Any, kept: Iterable[str]) -> list[str]:
    """A problem for each secret that was left as it is stored, although messages would not go as they did.

    Args:
        channel: the channel.
        before: the settings that the secrets were given for.
        after: the settings that are to have them now.
        kept: the secrets' paths, such as `settings.token`.
    """
    kept = list(kept)
    changed = next(_changes(channel, before, after), "") if kept else ""
    return [f"{path}: type it again: what is stored was given for another {changed}" for path in kept if changed]


def _changes(channel: Channel, before: Any, after: Any) -> Iterator[str]:
    had = dict(addresses(before))
    yield from (name for name, text in addresses(after) if had.get(name, "") != text)
    old, new = _composed(channel, before), _composed(channel, after)
    if type(old) is not type(new) or old is None or new is None:
        yield "way"
    elif aim_of(old) != aim_of(new):
        yield "host or port"
    elif isinstance(old, HttpPost) and isinstance(new, HttpPost):
        yield from _less_verified(old, new)
        if urlsplit(old.url).scheme != urlsplit(new.url).scheme:
            yield "scheme"
    elif isinstance(old, Mail) and isinstance(new, Mail):
        yield from _less_verified(old, new)
        if old.security is not new.security is MailSecurity.NONE:
            yield "security"
    elif isinstance(old, PassiveCheck) and isinstance(new, PassiveCheck) and old.method != new.method:
        yield "encryption_method"


def _composed(channel: Channel, settings: Any) -> Message | None:
    with suppress(ValueError):
        return channel.compose(trial_notice("test", 0.0, trial_tags(settings)), settings)
    return None  # what cannot even be tried is not known to go where it went


def _less_verified(old: HttpPost | Mail, new: HttpPost | Mail) -> Iterator[str]:
    if old.verify_tls and not new.verify_tls:
        yield "verify_tls"
    if new.verify_tls and old.ca_file != new.ca_file:
        yield "ca_file"
