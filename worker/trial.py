"""Test: one message by the very path of production, and what came of it in words. For saved and unsaved settings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from worker.address_fields import address_warning
from worker.allow_list import AllowList
from worker.attempt import Attempted, Carries, attempt
from worker.channels.channel import Channel, ChannelSettings, excerpt
from worker.channels.secrecy import without_secrets
from worker.models import Event, Kind, Notice, Reason, Severity, Verdict
from worker.shown_request import ShownRequest, shown_request

UNSAVED = "test"
"""The app's name where settings are tried that belong to none yet."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one Test did. Holds no secret: all of it may be shown."""

    channel: str
    delivered: bool
    status_code: int | None
    reason: str
    diagnosis: str
    """What it means and what to do, in one or two sentences."""
    detail: str
    """The vendor's own words on it."""
    body: str
    """How the reply begins, on one line."""
    label: str
    """Where it went, without path and token."""
    elapsed_ms: float
    warnings: list[str]
    request: ShownRequest | None = None
    """What went out; None where no message could be made."""


async def tried(
    channel: Channel, settings: ChannelSettings, carrier: Carries, *, now: float, app: str = UNSAVED
) -> Trial:
    """Send one test message. Never raises for what the vendor does.

    Args:
        channel: the kind of destination.
        settings: the destination's, saved or not.
        carrier: what carries the message.
        now: epoch seconds.
        app: whose destination it is.
    """
    notice = trial_notice(app, now, trial_tags(settings))
    try:
        attempted = await attempt(channel, settings, notice, carrier)
    except Exception as defect:  # noqa: BLE001 - of ours; a traceback would show its words, which may quote a secret
        verdict = Verdict(Kind.RETRYABLE, Reason.INTERNAL, f"{type(defect).__name__}: {defect}")
        attempted = Attempted(verdict, channel.label, None)
    verdict = attempted.verdict
    return Trial(
        channel=channel.name,
        delivered=verdict.kind is Kind.DELIVERED,
        status_code=verdict.status_code,
        reason=verdict.reason.value,
        diagnosis=without_secrets(diagnosis(channel, attempted, settings), settings),
        detail=without_secrets(verdict.detail, settings),
        body=excerpt(attempted.reply.body, settings) if attempted.reply else "",
        label=attempted.label,
        elapsed_ms=round(attempted.elapsed_ms, 1),
        warnings=channel.all_warnings(settings),
        request=_request(channel, settings, notice),
    )


def _request(channel: Channel, settings: ChannelSettings, notice: Notice) -> ShownRequest | None:
    # What was carried was made of the same notice, and making it is pure: this is the same message.
    with suppress(Exception):  # a defect there was told already
        return shown_request(channel.compose(notice, settings), settings)
    return None


def trial_notice(app: str, now: float, tags: dict[str, str]) -> Notice:
    """The test message: it says that it is one, and pages nobody more than it has to."""
    event_id = f"test-{uuid4().hex}"
    event = Event(
        app=app,
        id=event_id,
        title=f"Test from Bellhop for {app}",
        message="This is a test message. If you can read it, this destination is configured correctly.",
        occurred_at=now,
        received_at=now,
        dedup_key=f"{app}:{event_id}",
        severity=Severity.INFO,
        rule="test",
        tags=tags,
    )
    return Notice(event=event, delivery_id=event_id, attempt=1, now=now, test=True)


def address_warnings(channel: Channel, settings: ChannelSettings, allowed: AllowList) -> list[str]:
    """What can be told of the destination's address without a Test, when it is saved or shown."""
    warning = address_warning(channel, settings, trial_notice(UNSAVED, 0.0, trial_tags(settings)), allowed)
    return [warning] if warning else []


def trial_tags(settings: ChannelSettings) -> dict[str, str]:
    """Nagios alone needs a host; where its settings name none for events without, the test has to bring one."""
    host_tag = getattr(settings, "host_tag", None)
    return {host_tag: "bellhop-test"} if host_tag and not getattr(settings, "unknown_host", "") else {}


def diagnosis(channel: Channel, attempted: Attempted, settings: ChannelSettings) -> str:
    """What came of a Test and what to do about it."""
    verdict = attempted.verdict
    if verdict.kind is Kind.DELIVERED:
        return _delivered(channel, attempted)
    hint = channel.hint(verdict, settings) or _HINTS.get(verdict.reason, "the reply was not understood")
    said = f"{verdict.status_code}: " if verdict.status_code else ""
    detail = verdict.detail.removesuffix(hint).removesuffix("; ")
    told = f" ({detail})" if detail else ""
    return f"{said}{hint}{told}"


def _delivered(channel: Channel, attempted: Attempted) -> str:
    verdict = attempted.verdict
    unanswered = not channel.confirms and verdict.status_code is None
    if unanswered or verdict.reason is Reason.UNCONFIRMED:
        return _unconfirmed(channel, attempted.label)
    if verdict.reason is Reason.PARTIAL:
        return f"delivered, but not to all: {verdict.detail}"
    answer = f"{verdict.status_code}: " if verdict.status_code else ""
    return f"{answer}configured correctly ({channel.label} answers {channel.success})"


def _unconfirmed(channel: Channel, label: str) -> str:
    if label.startswith("nsca "):
        done = "connected; NSCA does not confirm"
    elif label.startswith("command file "):
        done = "written; a command file does not confirm"
    else:
        done = f"sent; {channel.label} does not confirm"
    return f"{done}: look there whether it arrived"


_HINTS = {
    Reason.UNAUTHORIZED: "refused: the token, key or password is wrong, expired or lacks the permission to send",
    Reason.NOT_FOUND: "not found: the room, hook or address does not exist, or the token may not see it",
    Reason.CLIENT_ERROR: "they refuse this message or one of its fields; their words say which",
    Reason.RATE_LIMITED: "the settings may be right, but they limit the rate just now; test again later",
    Reason.SERVER_ERROR: "their server has a problem; a delivery would be tried again",
    Reason.REDIRECTED: "they answer with a redirect, which is not followed; use the address that it leads to",
    Reason.BAD_REPLY: "a success by its status, but not by what it says",
    Reason.CONNECT_FAILED: "no connection: check host and port, and whether a firewall is in between",
    Reason.TIMED_OUT: "no connection in time: check host and port, and whether a firewall is in between",
    Reason.NO_ANSWER: "sent, but no answer came: it may have arrived; look there before testing again",
    Reason.TLS_REFUSED: "TLS failed: the certificate is not trusted, expired or for another name; for one of your own "
    "set its CA file",
    Reason.BAD_ADDRESS: "this address cannot or may not be reached",
    Reason.BAD_SETTINGS: "no message can be made with these settings",
    Reason.INTERNAL: "a defect in Bellhop; please report it",
}
