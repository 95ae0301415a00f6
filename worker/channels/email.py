"""E-mail: plain text and HTML in one message; firing and resolved stand in one thread.

RFC 5322 (the message), RFC 2046 section 5.1.4 (the preferred part last), RFC 3834 (what machines write).
"""

from __future__ import annotations

import re
from email import policy
from email.headerregistry import Address as MailAddress
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from worker.channels.channel import (
    CaFile,
    Channel,
    ChannelSettings,
    FormHints,
    Host,
    Shows,
    VerifyTls,
    digest,
    excerpt,
    judge_failure,
)
from worker.channels.email_body import add_body
from worker.channels.wording import clip, headline, moment, one_line
from worker.messages import Mail, MailSecurity, Reply
from worker.models import Kind, Notice, Reason, Verdict
from worker.near_hosts import is_near

PORTS = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}
SUBJECT_CHARS = 200
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(
    rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})*"
)
_NAMED = re.compile(r'"?(?P<name>[^"<>\\,;:@]{1,100}?)"?\s*<(?P<address>[^<>]+)>')


def _check_address(text: str) -> str:
    if not text.isascii():
        raise ValueError("only ASCII addresses can be used; write the domain in its xn-- form")
    if len(text) > 254 or len(text.partition("@")[0]) > 64 or not _PLAIN.fullmatch(text):
        raise ValueError("is not an e-mail address; write it as name@example.com")
    return text


def _check_sender(text: str) -> str:
    name, address = _split(text)
    if not name.isprintable():
        raise ValueError("must not hold control characters")
    _check_address(address)
    return text


def _split(sender: str) -> tuple[str, str]:
    named = _NAMED.fullmatch(sender)
    return (named["name"].strip(), named["address"]) if named else ("", sender)


def _split_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


Address = Annotated[str, AfterValidator(_check_address)]
Sender = Annotated[str, AfterValidator(_check_sender)]


class EmailSettings(ChannelSettings):
    """Who gets the mail, and which server takes it."""

    model_config = ConfigDict(populate_by_name=True)

    to: Annotated[tuple[Address, ...], BeforeValidator(_split_list), Field(min_length=1, max_length=50)] = Field(
        title="To", description="Who gets the mail: 1 to 50 addresses, as a list or separated by commas."
    )
    from_address: Sender = Field(
        alias="from",
        title="From",
        description="The sender: an address, or `Bellhop <alerts@example.com>`. The server must let it pass.",
    )
    host: Host = Field(title="SMTP server", description="The mail server's host name.")
    port: int | None = Field(
        default=None,
        title="Port",
        ge=1,
        le=65535,
        description="Unset: 587 with STARTTLS, 465 with TLS, 25 without either.",
    )
    security: MailSecurity = Field(
        default=MailSecurity.STARTTLS,
        title="Security",
        description="`starttls` (required then: where the server does not offer it, nothing is sent), `tls` from the "
        "first byte, or `none`.",
    )
    username: str | None = Field(
        default=None, title="User name", min_length=1, max_length=320, description="Unset: no login."
    )
    password: SecretStr | None = Field(default=None, title="Password", description="For the user name.")
    subject_prefix: str = Field(
        default="", title="Subject prefix", max_length=100, description="What each subject begins with: `[prod]`."
    )
    reply_to: Address | None = Field(default=None, title="Reply to", description="Where answers go.")
    picture: bool = Field(
        default=True,
        title="Picture",
        description="Whether the mail holds a picture of the metric that triggered the alert. Off for gateways that "
        "turn mails into short messages.",
    )
    verify_tls: VerifyTls = True
    ca_file: CaFile = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both, or neither")
        return self


def compose(notice: Notice, settings: EmailSettings) -> Mail:
    """One message to all recipients."""
    return Mail(
        host=settings.host,
        port=settings.port or PORTS[settings.security],
        security=settings.security,
        sender=_split(settings.from_address)[1],
        recipients=tuple(dict.fromkeys(settings.to)),
        data=_message(notice, settings).as_bytes(),
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
    )


class _Headers(HeaderRegistry):
    """The standard library's, which makes a new class for every header of every message: here each is made once."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = super().__getitem__(name)
        return self._made[name]


_POLICY = policy.SMTP.clone(header_factory=_Headers())


def _message(notice: Notice, settings: EmailSettings) -> EmailMessage:
    message = EmailMessage(_POLICY)
    name, sender = _split(settings.from_address)
    domain = f"bellhop.{sender.rpartition('@')[2]}"
    message["From"] = MailAddress(display_name=name, addr_spec=sender)
    message["To"] = tuple(MailAddress(addr_spec=recipient) for recipient in dict.fromkeys(settings.to))
    if settings.reply_to:
        message["Reply-To"] = MailAddress(addr_spec=settings.reply_to)
    message["Subject"] = _subject(notice, settings)
    message["Date"] = format_datetime(moment(notice.now))
    # The same over all attempts, so that a server that has it already can drop it (RFC 5322 section 3.6.4).
    identity = digest("mail", notice.delivery_id)[:32]
    message["Message-ID"] = f"<{identity}@{domain}>"
    # All mails on one condition answer to a message that never was, and so stand in one thread, as Alertmanager's do:
    # https://github.com/prometheus/alertmanager/blob/main/notify/email/email.go
    thread = f"<alert-{digest(notice.event.app, notice.event.dedup_key)[:32]}@{domain}>"
    message["In-Reply-To"] = thread
    message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    add_body(message, notice, identity, domain)
    return message


def _subject(notice: Notice, settings: EmailSettings) -> str:
    words = f"{settings.subject_prefix} {headline(notice.event, test=notice.test)}"
    return clip(one_line(words), SUBJECT_CHARS)


_LOGIN_REFUSED = {530, 534, 535, 538}  # RFC 4954 section 6


def judge(reply: Reply, settings: EmailSettings) -> Verdict:
    """The verdict on an SMTP code: 2yz done, 4yz later, 5yz never (RFC 5321 section 4.2.1)."""
    if reply.failure is not None:
        return judge_failure(reply)
    status = reply.status or 0
    kind, reason = _meaning(status)
    detail = excerpt(reply.body, settings)
    if kind is Kind.DELIVERED and reply.refused:
        words = "; ".join(f"{who} ({why})" for who, why in reply.refused.items())
        reason, detail = Reason.PARTIAL, excerpt(f"refused: {words}".encode("utf-8", "replace"), settings)
    return Verdict(kind, reason, detail=detail, status_code=status)


def _meaning(status: int) -> tuple[Kind, Reason]:
    if 200 <= status < 300:
        return Kind.DELIVERED, Reason.OK
    if status in _LOGIN_REFUSED:
        return Kind.PERMANENT, Reason.UNAUTHORIZED
    if 500 <= status < 600:
        return Kind.PERMANENT, Reason.CLIENT_ERROR
    if 400 <= status < 500:
        return Kind.RETRYABLE, Reason.SERVER_ERROR
    return Kind.RETRYABLE, Reason.BAD_REPLY


def warnings(settings: EmailSettings) -> list[str]:
    """What works, and lets others read along."""
    if settings.security is not MailSecurity.NONE:
        return []
    if settings.username is not None:
        return ["security: none; the password goes over the network in clear"]
    return [] if is_near(settings.host) else ["security: none; the mails go over the network in clear"]


def shows(settings: EmailSettings) -> Shows:
    """The picture travels in the mail: most programs load nothing from elsewhere."""
    return Shows.IMAGE if settings.picture else Shows.NOTHING


CHANNEL = Channel(
    name="email",
    label="E-mail",
    settings=EmailSettings,
    compose=compose,
    judge=judge,
    warnings=warnings,
    idempotent=True,
    shows=shows,
    form=FormHints(first=("to", "from", "host", "security", "port", "username", "password")),
    success="250",
)
