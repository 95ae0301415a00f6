"""The SMTP stand-in, by a real client and by hand."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage

import aiosmtplib
import pytest

from worker.sandbox.mail import content_problem, mail_html, mail_parts, message_id, unstuffed


def mail(text="hello\n.a line with a dot\n", html=None):
    """A mail to the operators."""
    message = EmailMessage()
    message["From"] = "alerts@example.com"
    message["To"] = "ops@example.com"
    message["Subject"] = "[CRITICAL] Größe"
    message["Message-ID"] = "<alert-1@bellhop>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


async def send(box, message=None, **more):
    """Send it as a real client would."""
    options = {"start_tls": False, "recipients": ["ops@example.com"], **more}
    return await aiosmtplib.send(message or mail(), hostname="127.0.0.1", port=box.smtp_port, **options)


class Talk:
    """A connection by hand."""

    def __init__(self, reader, writer) -> None:
        self.reader, self.writer = reader, writer

    async def hear(self):
        lines = [await self.reader.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(await self.reader.readline())
        return lines[-1].decode().strip()

    async def say(self, line):
        self.writer.write(line if isinstance(line, bytes) else line.encode() + b"\r\n")
        return await self.hear()


@pytest.fixture
async def talk(box):
    """A connection that was greeted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", box.smtp_port)
    talking = Talk(reader, writer)
    assert (await talking.hear()).startswith("220 ")
    yield talking
    writer.close()
    with suppress(ConnectionError):  # the server may have hung up first
        await writer.wait_closed()


async def test_a_mail_is_taken_as_it_was_sent(box, client):
    """Subject, text with its dots, HTML and Message-ID arrive; the HTML is served in its own cage."""
    await send(box, mail(html="<p>hello</p><script>x</script>"))

    [arrival] = await client.arrivals("channel=email")
    assert (arrival["to"], arrival["status"], arrival["delivery_id"]) == ("ops@example.com", 250, "<alert-1@bellhop>")
    assert arrival["body"]["subject"] == "[CRITICAL] Größe"
    assert arrival["body"]["text"] == "hello\n.a line with a dot\n"
    assert arrival["body"]["html"] is True
    status, html, headers = await client.ask("GET", f"/mail/{arrival['number']}")
    assert (status, "<p>hello</p>" in html) == (200, True)
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "script" not in headers["Content-Security-Policy"]


async def test_some_recipients_are_refused(box):
    """`refused` gets 550 and `greylisted` 451, each recorded; the others have the mail."""
    people = ["ops@example.com", "refused@example.com", "greylisted@example.com"]
    errors, _ = await send(box, recipients=people)

    assert {address: error.code for address, error in errors.items()} == {people[1]: 550, people[2]: 451}
    assert [(each.to, each.status, each.accepted) for each in box.arrivals] == [
        (people[1], 550, False),
        (people[2], 451, False),
        (people[0], 250, True),
    ]


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
async def test_starttls_and_auth(box, method):
    """STARTTLS verifies against the sandbox's certificate, and both ways to log in work over it."""
    trust = ssl.create_default_context(cadata=box.certificate_pem.decode())
    smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=box.smtp_port, start_tls=True, tls_context=trust)
    async with smtp:
        login = smtp.auth_plain if method == "PLAIN" else smtp.auth_login
        await login("ann", "secret")
        await smtp.send_message(mail())
    [arrival] = box.arrivals
    assert (arrival.accepted, arrival.note) == (True, "over TLS, as ann")


async def test_a_wrong_password_is_refused(box):
    """A password that begins with `wrong` gets 535."""
    with pytest.raises(aiosmtplib.SMTPAuthenticationError) as refused:
        await send(box, username="ann", password="wrong!")
    assert refused.value.code == 535


async def test_a_mail_that_is_too_big(start):
    """A mail over the limit is refused at MAIL by its declared size, and after DATA by its true one."""
    client = await start(mail_bytes=2000)
    with pytest.raises(aiosmtplib.SMTPException) as refused:
        await send(client.box, mail(text="x\n" * 2000))
    assert refused.value.code == 552


async def test_the_order_of_commands(talk):
    """Commands out of order get 503, unknown ones 500, and RSET begins anew."""
    assert (await talk.say("MAIL FROM:<a@b>")).startswith("503")
    assert (await talk.say("HELO me")).startswith("250")
    assert (await talk.say("RCPT TO:<c@d>")).startswith("503")
    assert (await talk.say("mail from:<a@b> BODY=8BITMIME")).startswith("250")
    assert (await talk.say("DATA")).startswith("503")
    assert (await talk.say("RCPT TO:nobody")).startswith("501")
    assert (await talk.say("RCPT TO:<c@d>")).startswith("250")
    assert (await talk.say("RSET")).startswith("250")
    assert (await talk.say("DATA")).startswith("503")
    assert (await talk.say("NOOP")).startswith("250")
    assert (await talk.say("BOGUS")).startswith("500")
    assert (await talk.say("AUTH PLAIN !!")).startswith("501")
    assert (await talk.say("QUIT")).startswith("221")
    assert await talk.reader.read() == b""


async def test_lines_are_bounded(talk):
    """A command of more than 1000 octets gets 500, and the next one is heard."""
    assert (await talk.say("NOOP " + "x" * 1100)).startswith("500")
    assert (await talk.say("NOOP")).startswith("250")
    assert (await talk.say(b"x" * 100_000)).startswith("500")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"From: a@b\r\n\r\n" + b"x" * 998 + b"\r\n", "250"),
        (b"From: a@b\r\n\r\n" + b"x" * 999 + b"\r\n", "554"),
        (b"From: a@b\r\n\r\nbare\nline\r\n", "554"),
        (b"Subject: x\r\n\r\nno sender\r\n", "554"),
        (b"", "554"),
    ],
)
async def test_content_is_looked_at(talk, content, code):
    """Long lines, bare line ends and a mail without From are refused after DATA."""
    for line in ("EHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>"):
        await talk.say(line)
    assert (await talk.say("DATA")).startswith("354")
    assert (await talk.say(content + b".\r\n")).startswith(code)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"channel": "email", "status": 450}, 450),
        ({"status": 503}, 451),
        ({"status": 404}, 554),
        ({"rate": "1/min"}, 451),
    ],
)
async def test_a_faults_status(box, client, rule, code):
    """A rule for e-mail names an SMTP code; one for all channels is said as SMTP would."""
    await client.ask("PUT", "/api/faults", json=[rule])
    if "rate" in rule:
        await send(box)
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await send(box)
    assert refused.value.code == code


@pytest.mark.parametrize(("drop", "taken"), [("before", 0), ("after", 1)])
async def test_drops(box, client, drop, taken):
    """Before: closed at DATA and nothing taken. After: taken, and closed without an answer."""
    await client.ask("PUT", "/api/faults", json=[{"channel": "email", "drop": drop}])
    with pytest.raises((aiosmtplib.SMTPServerDisconnected, ConnectionError)):
        await send(box)
    counts = box.arrivals.count("email")
    assert (counts["accepted"], counts["unanswered"]) == (taken, 1 - taken)


async def test_a_hang(box, client):
    """The mail is read and never answered, nothing is taken, and stopping does not wait for it."""
    await client.ask("PUT", "/api/faults", json=[{"hang": True}])
    with pytest.raises(aiosmtplib.SMTPTimeoutError):
        await send(box, timeout=0.3)
    assert box.arrivals.count("email")["unanswered"] == 1


def test_reading_hostile_mail():
    """Broken headers and character sets are shown as words, never raised."""
    for content in (
        b"",
        b"\xff\xfe\r\n\r\n\x00",
        b"Subject: =?nonsense?b?@@?=\r\nContent-Type: text/html; charset=klingon\r\n\r\nx",
    ):
        assert set(mail_parts(content)) >= {"subject", "text", "html"}


def test_small_parts():
    """One dot is taken off, a folded Message-ID is found in the header only, and a body without it has none."""
    assert [unstuffed(line) for line in (b"..x\r\n", b"x.\r\n", b".y\r\n")] == [b".x\r\n", b"x.\r\n", b"y\r\n"]
    assert message_id(b"From: a\r\nMessage-ID:\r\n <i@d>\r\n\r\nx") == "<i@d>"
    assert message_id(b"From: a\r\n\r\nMessage-ID: <no@d>\r\n") == ""
    assert content_problem(b"From: a\r\n\r\nx\r\n") is None


def with_image(html, kind="png"):
    """A mail whose HTML names an image that comes with it."""
    message = mail(html=html)
    message.get_body(("html",)).add_related(b"\x89PNG image", "image", kind, cid="<picture-1@x>")
    return message.as_bytes()


def test_a_mails_own_images_are_shown_with_its_html():
    """The page shows the HTML alone, so what it names by Content-ID is put into it."""
    html = mail_html(with_image('<img src="cid:picture-1@x"><img src="cid:another@x"> cid:picture-1@x'))
    assert '<img src="data:image/png;base64,iVBORyBpbWFnZQ==">' in html
    assert html.rstrip().endswith('<img src="cid:another@x"> cid:picture-1@x')


def test_only_pictures_become_part_of_the_html():
    """Nothing that could run or load something else: an SVG stays where it is."""
    assert "data:" not in mail_html(with_image('<img src="cid:picture-1@x">', kind="svg+xml"))


def test_an_inline_image_is_no_attachment():
    """The page names attachments, and this is none."""
    assert mail_parts(with_image("<p>"))["attachments"] == []
