"""A small SMTP server that takes mail, shows it, and passes none on (RFC 5321, STARTTLS, AUTH PLAIN and LOGIN)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from worker.sandbox.arrivals import Arrivals
from worker.sandbox.certificate import Certificate, make_certificate
from worker.sandbox.exchange import Fate
from worker.sandbox.faults import Fault, Faults
from worker.sandbox.limits import Clock
from worker.sandbox.mail import MAIL, content_problem, message_id, smtp_code, unstuffed
from worker.sandbox.options import Options
from worker.sandbox.smtp_auth import accepted, credentials

CHANNEL = "email"
IDLE_S = 300.0
LINE_BYTES = 1000
RECIPIENTS = 1000
HOST = "sandbox.bellhop"

_PATH = re.compile(r"^(?:FROM|TO):\s*<([^<>\s]*)>(.*)$", re.IGNORECASE)
_SIZE = re.compile(r"\bSIZE=(\d{1,15})\b", re.IGNORECASE)


class SmtpServer:
    """What all connections share."""

    def __init__(self, options: Options, arrivals: Arrivals, faults: Faults, clock: Clock) -> None:
        self.mail_bytes = options.mail_bytes
        self.faults = faults
        self.clock = clock
        self._arrivals = arrivals
        self._certificate: Certificate | None = None

    @property
    def certificate(self) -> Certificate:
        """The one that STARTTLS shows."""
        if self._certificate is None:
            self._certificate = make_certificate()
        return self._certificate

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its client leaves."""
        await _Session(self, reader, writer).run()

    def record(
        self, *, to: str, sender: str, fate: Fate, status: int | None, note: str = "", content: bytes = b""
    ) -> None:
        """Keep one mail, or the refusal of one."""
        self._arrivals.record(
            at=self.clock(),
            channel=CHANNEL,
            to=to,
            fate=fate,
            status=status,
            delivery_id=message_id(content),
            note=note,
            line=f"MAIL FROM:<{sender}>",
            content_type=MAIL if content else "",
            body=content,
        )


class _Session:
    """One connection: its commands in turn, and the mail that is being handed over."""

    def __init__(self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._over = False
        self._secure = False
        self._greeted = False
        self._user = ""
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "QUIT": self._quit,
            "AUTH": self._auth,
            "STARTTLS": self._starttls,
        }

    async def run(self) -> None:
        """Greet, and obey until the client leaves."""
        await self._say(220, f"{HOST} ESMTP")
        while not self._over:
            line = await self._line()
            if line is None:
                continue
            verb, _, rest = line.partition(" ")
            command = self._commands.get(verb.upper())
            if command is None:
                await self._say(500, "5.5.1 Unknown command")
            else:
                await command(rest.strip())

    async def _line(self) -> str | None:
        """The next command; None where it was too long, which has been said, or where nobody is there any more."""
        try:
            async with asyncio.timeout(IDLE_S):
                raw = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            self._over = True
            raw = b" " * (LINE_BYTES + 1)
        if len(raw) <= LINE_BYTES:
            return raw.decode("utf-8", "replace").strip()
        await self._say(500, "5.5.2 Line too long")
        return None

    async def _say(self, code: int, *lines: str) -> None:
        last = len(lines) - 1
        text = "".join(f"{code}{' ' if at == last else '-'}{line}\r\n" for at, line in enumerate(lines))
        self._writer.write(text.encode())
        await self._writer.drain()

    async def _ehlo(self, _rest: str) -> None:
        self._greet()
        offers = [HOST, f"SIZE {self._server.mail_bytes}", "8BITMIME", "SMTPUTF8", "PIPELINING", "AUTH PLAIN LOGIN"]
        await self._say(250, *offers, *([] if self._secure else ["STARTTLS"]), "ENHANCEDSTATUSCODES")

    async def _helo(self, _rest: str) -> None:
        self._greet()
        await self._say(250, HOST)

    def _greet(self) -> None:
        self._greeted = True
        self._reset()

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []

    async def _mail(self, rest: str) -> None:
        path = _PATH.match(rest)
        if not self._greeted or self._sender is not None:
            await self._say(503, "5.5.1 Bad sequence of commands")
        elif path is None:
            await self._say(501, "5.5.4 Write MAIL FROM:<address>")
        elif (size := _SIZE.search(path[2])) and int(size[1]) > self._server.mail_bytes:
            await self._say(552, "5.3.4 Message too big")
        else:
            self._sender = path[1]
            await self._say(250, "2.1.0 OK")

    async def _rcpt(self, rest: str) -> None:
        path = _PATH.match(rest)
        if self._sender is None:
            await self._say(503, "5.5.1 Bad sequence of commands")
        elif path is None or not path[1]:
            await self._say(501, "5.5.4 Write RCPT TO:<address>")
        elif len(self._recipients) >= RECIPIENTS:
            await self._say(452, "4.5.3 Too many recipients")
        elif path[1].lower().startswith("refused"):
            await self._refuse(path[1], 550, "5.1.1 No such mailbox here")
        elif path[1].lower().startswith("greylisted"):
            await self._refuse(path[1], 451, "4.7.1 Greylisted, please try again later")
        else:
            self._recipients.append(path[1])
            await self._say(250, "2.1.5 OK")

    async def _refuse(self, to: str, code: int, words: str) -> None:
        self._server.record(to=to, sender=self._sender or "", fate=Fate.REFUSED, status=code, note=words)
        await self._say(code, words)

    async def _data(self, _rest: str) -> None:
        if not self._recipients:
            await self._say(503, "5.5.1 Bad sequence of commands")
            return
        fault = self._server.faults.match(CHANNEL, self._to, self._server.clock())
        if fault is not None and fault.rule.drop == "before":
            self._record(Fate.UNANSWERED, None, fault.words)
            self._hang_up()
            return
        await self._say(354, "End data with <CR><LF>.<CR><LF>")
        content = await self._content()
        if fault is not None and fault.rule.hang:
            self._record(Fate.UNANSWERED, None, fault.words, content or b"")
            await self._reader.read()
            self._over = True
        else:
            await self._settle(content, fault)
        self._reset()

    async def _settle(self, content: bytes | None, fault: Fault | None) -> None:
        code, words = self._verdict(content, fault)
        fate = Fate.ACCEPTED if code == 250 else Fate.REFUSED
        dropped = fault is not None and fault.rule.drop == "after"
        facts = ["over TLS"] * self._secure + [f"as {self._user}"] * bool(self._user)
        note = ", ".join(filter(None, [words if code != 250 else "", *facts, fault.words if fault else ""]))
        self._record(fate, None if dropped else code, note, content or b"")
        if fault is not None and fault.rule.latency_s:
            await asyncio.sleep(fault.rule.latency_s)
        if dropped:
            self._hang_up()
        else:
            await self._say(code, words)

    def _verdict(self, content: bytes | None, fault: Fault | None) -> tuple[int, str]:
        if fault is not None and fault.status:
            return smtp_code(
                fault.status, given=fault.rule.channel == CHANNEL and fault.rule.status is not None
            ), "fault"
        if content is None:
            return 552, "5.3.4 Message too big"
        problem = content_problem(content)
        return (554, problem) if problem else (250, "2.0.0 OK, taken")

    async def _content(self) -> bytes | None:
        """The mail as it was before dots were doubled; None where it is too big, read to its end all the same."""
        lines: list[bytes] = []
        size = 0
        async with asyncio.timeout(IDLE_S):
            while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
                size += len(line)
                if size <= self._server.mail_bytes:
                    lines.append(unstuffed(line))
        return b"".join(lines) if size <= self._server.mail_bytes else None

    @property
    def _to(self) -> str:
        return ", ".join(self._recipients)

    def _record(self, fate: Fate, status: int | None, note: str, content: bytes = b"") -> None:
        self._server.record(
            to=self._to, sender=self._sender or "", fate=fate, status=status, note=note, content=content
        )

    def _hang_up(self) -> None:
        self._over = True
        self._writer.transport.abort()

    async def _rset(self, _rest: str) -> None:
        self._reset()
        await self._say(250, "2.0.0 OK")

    async def _noop(self, _rest: str) -> None:
        await self._say(250, "2.0.0 OK")

    async def _vrfy(self, _rest: str) -> None:
        await self._say(252, "2.5.2 Cannot say, but will take mail for it")

    async def _quit(self, _rest: str) -> None:
        self._over = True
        await self._say(221, "2.0.0 Bye")

    async def _starttls(self, _rest: str) -> None:
        if self._secure:
            await self._say(503, "5.5.1 TLS is on already")
            return
        await self._say(220, "2.0.0 Ready to start TLS")
        await self._writer.start_tls(self._server.certificate.context)
        # What was said before does not count any more: RFC 3207 section 4.2.
        self._secure, self._greeted = True, False
        self._reset()

    async def _auth(self, rest: str) -> None:
        mechanism, _, first = rest.partition(" ")
        try:
            given = await credentials(mechanism.upper(), first, self._ask)
        except ValueError:
            await self._say(501, "5.5.2 Not what was asked for")
            return
        if given is None:
            await self._say(504, "5.5.4 PLAIN or LOGIN")
        elif not accepted(*given):
            await self._say(535, "5.7.8 Authentication credentials invalid")
        else:
            self._user = given[0]
            await self._say(235, "2.7.0 Welcome")

    async def _ask(self, challenge: str) -> str:
        await self._say(334, challenge)
        return await self._line() or "*"
