"""SMTP against a real server: what arrives, what its codes become, and what each fault is called."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from worker.messages import Failure, Mail, MailSecurity

DATA = b"From: a@example.com\r\nSubject: hello\r\n\r\nfirst\r\n.dot\r\n..dots\r\nlast\r\n"
GREETING = b"220 mx.test ESMTP\r\n"


def mail(port, **overrides) -> Mail:
    """A message for the server on `port`."""
    chosen = {
        "host": "localhost",
        "port": port,
        "security": MailSecurity.NONE,
        "sender": "a@example.com",
        "recipients": ("one@example.com", "two@example.com"),
        "data": DATA,
    }
    return Mail(**chosen | overrides)


async def test_message_arrives_whole(carrier, smtp_server, mailbox):
    """Sender, recipients and every line arrive as composed, leading dots too, and the server's words come back."""
    async with smtp_server(mailbox) as port:
        reply = await carrier.carry(mail(port))

    envelope = mailbox.taken[0]
    assert envelope.mail_from == "a@example.com"
    assert envelope.rcpt_tos == ["one@example.com", "two@example.com"]
    assert envelope.content == DATA
    assert (reply.status, reply.body, reply.failure) == (250, b"2.0.0 queued as 42", None)
    assert reply.refused == {}


async def test_line_ends_are_made_crlf(carrier, smtp_server, mailbox):
    """Bare line ends, which servers refuse or smuggle mail by, never reach the wire."""
    async with smtp_server(mailbox) as port:
        await carrier.carry(mail(port, data=b"Subject: x\n\nfirst\r.\n.\r\nlast"))

    assert mailbox.taken[0].content == b"Subject: x\r\n\r\nfirst\r\n.\r\n.\r\nlast\r\n"
    assert len(mailbox.taken) == 1


async def test_starttls_and_login(carrier, smtp_server, mailbox, certificate):
    """With STARTTLS the login and the message go over TLS, verified against the configured host."""
    options = {"tls_context": certificate.server_context(), "require_starttls": True, "auth_required": True}
    async with smtp_server(mailbox, **options) as port:
        reply = await carrier.carry(
            mail(
                port,
                security=MailSecurity.STARTTLS,
                username="bellhop",
                password="secret-pass",
                ca_file=str(certificate.cert_file),
            )
        )

    assert reply.status == 250
    assert mailbox.over_tls == [True]
    assert [login for _, login in mailbox.logins] == [b"bellhop"]


async def test_wrong_password_is_the_servers_535(carrier, smtp_server, mailbox, certificate):
    """A refused login is the server's code and words, without the password in them."""
    options = {"tls_context": certificate.server_context(), "require_starttls": True, "auth_required": True}
    async with smtp_server(mailbox, **options) as port:
        reply = await carrier.carry(
            mail(port, security=MailSecurity.STARTTLS, username="bellhop", password="wr0ng-pass", verify_tls=False)
        )

    assert reply.status == 535
    assert b"wr0ng-pass" not in reply.body
    assert mailbox.taken == []


async def test_implicit_tls(carrier, smtp_server, mailbox, certificate):
    """With `tls` the first byte is TLS already."""
    async with smtp_server(mailbox, implicit_tls=certificate.server_context()) as port:
        reply = await carrier.carry(mail(port, security=MailSecurity.TLS, ca_file=str(certificate.cert_file)))
        refused = await carrier.carry(mail(port, security=MailSecurity.TLS))

    assert reply.status == 250
    assert refused.failure is Failure.TLS
    assert refused.detail == "the certificate is refused: self-signed certificate"


async def test_starttls_that_is_not_offered_fails_closed(carrier, smtp_server, mailbox):
    """Where the server does not offer STARTTLS, neither login nor message is sent: TLS."""
    async with smtp_server(mailbox, auth_require_tls=False) as port:
        reply = await carrier.carry(
            mail(port, security=MailSecurity.STARTTLS, username="bellhop", password="secret-pass")
        )

    assert reply.failure is Failure.TLS
    assert "does not offer STARTTLS" in reply.detail
    assert (mailbox.logins, mailbox.taken) == ([], [])


async def test_untrusted_certificate_after_starttls(carrier, smtp_server, mailbox, certificate):
    """A certificate of no known authority after STARTTLS: TLS, and no message is sent."""
    async with smtp_server(mailbox, tls_context=certificate.server_context()) as port:
        reply = await carrier.carry(mail(port, security=MailSecurity.STARTTLS))

    assert reply.failure is Failure.TLS
    assert mailbox.taken == []


async def test_certificate_is_checked_against_the_configured_host(new_carrier, smtp_server, mailbox, certificate):
    """A trusted certificate for another name than the configured one is refused."""
    tls, names = certificate.server_context(), {"other.example": "127.0.0.1"}
    async with smtp_server(mailbox, tls_context=tls) as port, new_carrier(names) as carrier:
        reply = await carrier.carry(
            mail(port, host="other.example", security=MailSecurity.STARTTLS, ca_file=str(certificate.cert_file))
        )

    assert reply.failure is Failure.TLS
    assert "ostname mismatch" in reply.detail


async def test_login_in_clear_only_where_none_was_chosen(carrier, smtp_server, mailbox):
    """With `none`, and only then, the login goes in clear."""
    async with smtp_server(mailbox, auth_require_tls=False) as port:
        reply = await carrier.carry(mail(port, username="bellhop", password="secret-pass"))

    assert reply.status == 250
    assert mailbox.over_tls == [False]
    assert mailbox.logins


async def test_login_that_is_not_offered(carrier, smtp_server, mailbox):
    """A user name for a server that offers no AUTH: ADDRESS, and no message is sent without it."""
    async with smtp_server(mailbox) as port:
        reply = await carrier.carry(mail(port, username="bellhop", password="secret-pass"))

    assert reply.failure is Failure.ADDRESS
    assert "offers no AUTH" in reply.detail
    assert mailbox.taken == []


async def test_partial_refusal(carrier, smtp_server, mailbox):
    """Where some recipients are refused the others get it, and the refused stand in the reply."""
    mailbox.refuse = {"two@example.com": "550 5.1.1 no such user"}
    async with smtp_server(mailbox) as port:
        reply = await carrier.carry(mail(port))

    assert reply.status == 250
    assert reply.refused == {"two@example.com": "550 5.1.1 no such user"}
    assert mailbox.taken[0].rcpt_tos == ["one@example.com"]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("550 no such user", "551 not here"), 550),
        (("550 no such user", "451 come again"), 451),
        (("450 grey", "451 grey"), 450),
    ],
)
async def test_all_refused(carrier, smtp_server, mailbox, lines, status):
    """Where all are refused, a code that may change decides, and nothing is sent."""
    mailbox.refuse = dict(zip(("one@example.com", "two@example.com"), lines, strict=True))
    async with smtp_server(mailbox) as port:
        reply = await carrier.carry(mail(port))

    assert (reply.status, reply.failure) == (status, None)
    assert b"one@example.com" in reply.body
    assert mailbox.taken == []


@pytest.mark.parametrize("where", ["sender_reply", "data_reply"])
@pytest.mark.parametrize("line", ["451 4.3.0 try later", "552 5.3.4 too big"])
async def test_codes_come_back(carrier, smtp_server, mailbox, where, line):
    """The server's code and words come back, whether it refuses the sender or the message."""
    setattr(mailbox, where, line)
    async with smtp_server(mailbox) as port:
        reply = await carrier.carry(mail(port))

    assert reply.status == int(line[:3])
    assert reply.body.decode() == line[4:]


async def test_busy_server(carrier, listen):
    """A greeting that turns us away is the server's code."""

    async def handler(_reader, writer):
        writer.write(b"421 4.3.2 too many connections\r\n")

    async with listen(handler) as port:
        reply = await carrier.carry(mail(port, host="127.0.0.1"))

    assert (reply.status, reply.body) == (421, b"4.3.2 too many connections")


def script(*answers: str | None):
    """A server that gives one answer per command line; None closes, and after DATA it reads to the final dot."""

    async def handler(reader, writer):
        writer.write(GREETING)
        for answer in answers:
            line = await reader.readline()
            if answer is None:
                return
            if answer == "HANG":
                await asyncio.sleep(30)
            writer.write(answer.encode() + b"\r\n")
            if line.startswith(b"DATA"):
                await reader.readuntil(b"\r\n.\r\n")
                return

    return handler


OK = "250 OK"


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ((None,), Failure.CONNECT),
        ((OK, None), Failure.CONNECT),
        ((OK, OK, None), Failure.CONNECT),
        ((OK, OK, OK, OK, None), Failure.CONNECT),
        (("HANG",), Failure.TIMEOUT),
        ((OK, OK, OK, OK, "HANG"), Failure.TIMEOUT),
        ((OK, OK, OK, OK, "354 go on"), Failure.NO_ANSWER),
    ],
)
async def test_only_after_the_final_dot_is_the_fate_unknown(new_carrier, listen, answers, failure):
    """A loss or a hang up to DATA's answer means that nothing was delivered; after the final dot nobody knows."""
    async with listen(script(*answers)) as port, new_carrier(total_timeout_s=0.5) as carrier:
        reply = await carrier.carry(mail(port, host="127.0.0.1"))

    assert reply.failure is failure


async def test_421_on_a_recipient_comes_back(carrier, listen):
    """A server that closes down while it hears the recipients is busy, not lost: its 421 comes back."""
    async with listen(script(OK, OK, OK, "421 shutting down", None)) as port:
        reply = await carrier.carry(mail(port, host="127.0.0.1"))

    assert (reply.status, reply.body) == (421, b"shutting down")


async def test_server_that_never_says_goodbye(new_carrier, listen):
    """Once the message is taken it is delivered, however long the server holds the connection: 250 at once."""
    heard = []

    async def handler(reader, writer):
        writer.write(GREETING)
        for answer in (OK, OK, OK, OK, "354 go on"):
            await reader.readline()
            writer.write(answer.encode() + b"\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        heard.append(await reader.readline())
        await asyncio.sleep(30)

    async with listen(handler) as port, new_carrier(total_timeout_s=2) as carrier:
        reply = await carrier.carry(mail(port, host="127.0.0.1"))
        async with asyncio.timeout(5):
            while not heard:
                await asyncio.sleep(0.01)

    assert (reply.status, reply.failure) == (250, None)
    assert reply.elapsed_ms < 1500
    assert heard == [b"QUIT\r\n"]


async def test_what_is_no_smtp_server(carrier, listen):
    """A web server that answers there got no message: CONNECT."""

    async def handler(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with listen(handler) as port:
        reply = await carrier.carry(mail(port, host="127.0.0.1"))

    assert reply.failure is Failure.CONNECT


async def test_old_server_without_ehlo(carrier, listen):
    """A server that knows HELO only is served all the same."""
    seen = []

    async def handler(reader, writer):
        writer.write(GREETING)
        for answer in ("502 what?", OK, OK, OK, OK, "354 go on"):
            seen.append(await reader.readline())
            writer.write(answer.encode() + b"\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        await reader.read()

    async with listen(handler) as port:
        reply = await carrier.carry(mail(port, host="127.0.0.1"))

    assert reply.status == 250
    assert seen[1].startswith(b"HELO ")


@pytest.mark.parametrize("recipient", ["a@b.c>\r\nRCPT TO:<x@y.z", "a b@c.d", "ü@example.com"])
async def test_address_injection_is_refused(carrier, smtp_server, mailbox, recipient):
    """An address that would break the command line is never sent: ADDRESS."""
    async with smtp_server(mailbox) as port:
        reply = await carrier.carry(mail(port, recipients=(recipient,)))

    assert reply.failure is Failure.ADDRESS
    assert mailbox.taken == []


async def test_refused_connection(carrier, unused_tcp_port):
    """Nobody listens: CONNECT."""
    reply = await carrier.carry(mail(unused_tcp_port, host="127.0.0.1"))

    assert reply.failure is Failure.CONNECT
    assert reply.detail == "no connection: connection refused"


async def test_hanging_handshake_is_a_time_out(new_carrier, listen):
    """A server that accepts and says nothing got nothing: TIMEOUT, with and without TLS."""

    async def handler(_reader, _writer):
        await asyncio.sleep(30)

    async with listen(handler) as port, new_carrier(total_timeout_s=0.3) as carrier:
        plain = await carrier.carry(mail(port, host="127.0.0.1"))
        tls = await carrier.carry(mail(port, host="127.0.0.1", security=MailSecurity.TLS))

    assert (plain.failure, tls.failure) == (Failure.TIMEOUT, Failure.TIMEOUT)


async def test_cancellation_passes(carrier, listen):
    """A cancelled attempt ends as cancelled, and closes its connection."""
    connected, closed = asyncio.Event(), asyncio.Event()

    async def handler(reader, _writer):
        connected.set()
        await reader.read()
        closed.set()

    async with listen(handler) as port:
        task = asyncio.create_task(carrier.carry(mail(port, host="127.0.0.1")))
        await connected.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await closed.wait()


def test_certificate_fixture_is_usable(certificate):
    """The fixture's certificate loads as a CA, so that a refusal in these tests is about trust and nothing else."""
    ssl.create_default_context(cafile=certificate.cert_file)
