"""Mail over SMTP (RFC 5321), by aiosmtplib. One connection per message; what the server says is the reply."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import suppress

import aiosmtplib
from aiosmtplib import SMTP

from worker.messages import Failure, Mail, MailSecurity, Reply
from worker.transports.addresses import Guard
from worker.transports.faults import Sending, bad_address, no_answer, no_tls, unsent
from worker.transports.smtp_connection import BoundedSmtp
from worker.transports.tls import Contexts, UnusableCaFile

_ADDRESS = re.compile(r"[!-;=?-~]{1,320}")
"""What fits between the angle brackets of a command: printable ASCII without brackets and spaces."""
_BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class _NotOffered(Exception):
    """The server lacks what the settings ask for; `reply` says what."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.reply = Reply(failure=failure, detail=detail)


class Smtp:
    """Carries mail."""

    def __init__(self, guard: Guard, contexts: Contexts, *, connect_s: float, total_s: float) -> None:
        self._guard = guard
        self._contexts = contexts
        self._connect_s = connect_s
        self._total_s = total_s

    async def carry(self, mail: Mail) -> Reply:
        """Hand it over once. `status` is the server's code, `refused` who did not get what others got."""
        if not all(_ADDRESS.fullmatch(address) for address in (mail.sender, *mail.recipients)):
            return bad_address("a mail address cannot be used")
        sending = Sending()
        try:
            async with asyncio.timeout(self._total_s):
                return await self._hand_over(mail, sending)
        except (aiosmtplib.SMTPException, OSError, ValueError, _NotOffered) as fault:
            return _failed(fault, sending)

    async def _hand_over(self, mail: Mail, sending: Sending) -> Reply:
        context = self._contexts.get(verify=mail.verify_tls, ca_file=mail.ca_file)
        sock = await self._guard.connect(mail.host, mail.port, self._connect_s)
        smtp = self._client(mail, context, sock)
        try:
            await smtp.connect()
            await _secure(smtp, mail)
            await _log_in(smtp, mail)
            reply = await _transfer(smtp, mail, sending)
            _say_goodbye(smtp)
            return reply
        finally:
            smtp.close()

    def _client(self, mail: Mail, context: ssl.SSLContext, sock: socket.socket) -> SMTP:
        try:
            return BoundedSmtp(
                hostname=mail.host,  # what the certificate is checked against; the connection is made already
                sock=sock,
                timeout=self._total_s,
                use_tls=mail.security is MailSecurity.TLS,
                start_tls=False,
                tls_context=context,
                local_hostname=_own_name(sock),
            )
        except BaseException:
            sock.close()
            raise


def _own_name(sock: socket.socket) -> str:
    """What EHLO says: this host's name where it is a whole one, else its address (RFC 5321 section 4.1.3)."""
    name = socket.gethostname()
    if "." in name and re.fullmatch(r"[A-Za-z0-9.-]+", name):
        return name
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _secure(smtp: SMTP, mail: Mail) -> None:
    await _greet(smtp)
    if mail.security is not MailSecurity.STARTTLS:
        return
    # Never in clear where TLS was asked for: who sits in between may have taken the offer out.
    if not smtp.supports_extension("starttls"):
        raise _NotOffered(Failure.TLS, "the server does not offer STARTTLS; nothing was sent")
    await smtp.starttls()
    await _greet(smtp)


async def _greet(smtp: SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError as refusal:
        if refusal.code not in {500, 502}:
            raise
        await smtp.helo()  # RFC 5321 section 3.2: a server that knows EHLO not


async def _log_in(smtp: SMTP, mail: Mail) -> None:
    if mail.username is None:
        return
    if not smtp.supported_auth_methods:
        raise _NotOffered(Failure.ADDRESS, "the server offers no AUTH that Bellhop knows (PLAIN, LOGIN, CRAM-MD5)")
    await smtp.login(mail.username, mail.password or "")


async def _transfer(smtp: SMTP, mail: Mail, sending: Sending) -> Reply:
    await smtp.mail(mail.sender)
    refused = await _name_recipients(smtp, mail.recipients)
    if len(refused) == len(mail.recipients):
        return _all_refused(refused)
    answer = await smtp.execute_command(b"DATA")
    if answer.code != 354:
        return Reply(status=answer.code, body=_bytes(answer.message))
    protocol = smtp.protocol
    if protocol is None:
        raise ConnectionResetError
    # By hand instead of by `smtp.data()`, which does not tell whether the connection broke before the message or after.
    protocol.write(_transparent(mail.data))
    sending.whole = True
    answer = await protocol.read_response()
    return Reply(status=answer.code, body=_bytes(answer.message), refused=_words(refused))


async def _name_recipients(smtp: SMTP, recipients: tuple[str, ...]) -> dict[str, aiosmtplib.SMTPRecipientRefused]:
    refused = {}
    for recipient in recipients:
        try:
            await smtp.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as refusal:
            if refusal.code == 421:  # the server closes the connection with it
                raise
            refused[recipient] = refusal
    return refused


def _say_goodbye(smtp: SMTP) -> None:
    """Without waiting for the answer: the message is the server's by now, and no time-out may take that back."""
    if smtp.protocol is not None:
        with suppress(aiosmtplib.SMTPException):
            smtp.protocol.write(b"QUIT\r\n")


def _all_refused(refused: dict[str, aiosmtplib.SMTPRecipientRefused]) -> Reply:
    """One that may be taken later decides: then all are tried again, and those refused for good are told next time."""
    first = min(refused.values(), key=lambda refusal: refusal.code)
    words = "; ".join(f"{who}: {text}" for who, text in _words(refused).items())
    return Reply(status=first.code, body=words.encode("utf-8", "replace"))


def _words(refused: dict[str, aiosmtplib.SMTPRecipientRefused]) -> dict[str, str]:
    return {who: f"{refusal.code} {refusal.message}" for who, refusal in refused.items()}


def _transparent(data: bytes) -> bytes:
    """The message as DATA wants it: CRLF line ends, leading dots doubled, the final dot (RFC 5321 section 4.5.2)."""
    lines = _BARE_LINE_END.sub(b"\r\n", data)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def _failed(fault: Exception, sending: Sending) -> Reply:
    match fault:
        case aiosmtplib.SMTPResponseException() if 200 <= fault.code < 600:
            return Reply(status=fault.code, body=_bytes(fault.message))
        case _NotOffered():
            return fault.reply
        case UnusableCaFile():
            return no_tls(str(fault))
        case ValueError() if not isinstance(fault, OSError):  # a certificate's refusal is both
            return bad_address("the host or the credentials cannot be used")
    return no_answer("no answer after the message was sent") if sending.whole else _unsent(fault)


def _unsent(fault: BaseException) -> Reply:
    if isinstance(fault, aiosmtplib.SMTPResponseException):  # aiosmtplib's -1
        return Reply(failure=Failure.CONNECT, detail="what answers there does not speak SMTP")
    # The network's or TLS' own fault lies below aiosmtplib's.
    while isinstance(fault, aiosmtplib.SMTPException) and isinstance(fault.__cause__, OSError):
        fault = fault.__cause__
    return unsent(fault)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
