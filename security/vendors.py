"""Where a channel's settings are made to lead: the sandbox, or a vendor that repeats whatever secret it is sent."""

from __future__ import annotations

import base64
import html
import json
import re
import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, unquote

from security.mistakes import taken
from security.planting import Tree
from worker.channels.channel import Channel
from worker.channels.replies import EXCERPT_CHARS
from worker.channels.wording import one_line
from worker.settings_fields import secret_fields

STATUSES: Final = (401, 500, 200, 404, 202, 302, 403)
"""What a parrot answers, in turn."""
MOVED: Final = {"https://hipchat.example.com/chat": "", "https://example.com/hooks": "/hook"}
"""Where the samples' addresses have another path than the sandbox's."""
_BASIC = re.compile(r"\bBasic ([A-Za-z0-9+/]+)")
_ORIGIN = re.compile(r"https?://[^/?#\"'\s]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to send: HTTP, mail and checks on the loopback; `ca_file` is what its mail server verifies by."""

    url: str
    smtp_port: int
    nsca_port: int
    ca_file: Path | None


def settings_at(place: Place, channel: Channel, tree: Tree) -> Tree:
    """`tree` with every address in it at `place`; a field that the channel does not take so is left as it was."""
    moved: Tree = _moved(tree, place)
    for name, value in _fields(place, channel.name):
        changed = {**moved, name: value}
        if (name not in moved or name not in secret_fields(channel)) and taken(channel, changed):
            moved = changed
    return moved


def _moved(value: Any, place: Place) -> Any:
    if isinstance(value, dict):
        return {key: _moved(item, place) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, place) for item in value]
    if not isinstance(value, str):
        return value
    for origin, path in MOVED.items():
        value = value.replace(origin, place.url + path)
    return _ORIGIN.sub(lambda found: found[0] if found[0].startswith(place.url) else place.url, value)


def _fields(place: Place, channel: str) -> Sequence[tuple[str, Any]]:
    security = "starttls" if place.ca_file else "none"
    ca_file = str(place.ca_file) if place.ca_file else None
    mail = (("security", security), ("ca_file", ca_file), ("host", "127.0.0.1"), ("port", place.smtp_port))
    return {
        "hipchat": (("base_url", place.url), ("ca_file", None)),
        "slack": (("api_url", f"{place.url}/api"),),
        "pagerduty": (("api_url", place.url),),
        "email": mail,
        "nagios": (("host", "127.0.0.1"), ("port", place.nsca_port)),
    }.get(channel, ())


class Parrots:
    """A web server and a mail server that repeat each secret they are sent, whatever else they answer.

    A context manager; both are on the loopback.
    """

    def __init__(self) -> None:
        self._turns = count()
        self._secrets: Mapping[str, str] = {}
        self._servers = (_WebServer(("127.0.0.1", 0), _Web), _MailServer(("127.0.0.1", 0), _Mail))
        for server in self._servers:
            server.parrots = self
        self._threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in self._servers]

    @property
    def place(self) -> Place:
        """Where they are; there are no checks to be refused."""
        web, mail = (int(server.server_address[1]) for server in self._servers)
        return Place(f"http://127.0.0.1:{web}", mail, 9, None)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    def listen(self, secrets: Mapping[str, str]) -> None:
        """What to listen for: a telling piece of each secret -> the secret."""
        self._secrets = secrets

    def answer(self, request: bytes) -> tuple[int, str]:
        """A status and a body, for what was sent."""
        turn = next(self._turns)
        return STATUSES[turn % len(STATUSES)], body(turn // len(STATUSES), self._heard(request))

    def refusal(self, login: bytes) -> str:
        """What is said to a login that is refused."""
        return one_line("; ".join(form for secret in self._heard(login) for form in forms(secret)))

    def _heard(self, request: bytes) -> list[str]:
        sent = request.decode("utf-8", "replace")
        words = [_decoded(word) for word in _BASIC.findall(sent)]
        everything = "\n".join([sent, unquote(sent), *words])
        return [secret for piece, secret in self._secrets.items() if piece in everything]


def _decoded(word: str) -> str:
    return base64.b64decode(word + "===").decode("utf-8", "replace")


def body(turn: int, heard: Sequence[str]) -> str:
    """The body of an answer, each time of another shape, with every secret in it that was `heard`."""
    said = "; ".join(form for secret in heard for form in forms(secret))
    named = dict.fromkeys(("message", "dedup_key", "channel", "ts", "needed", "error"), said)
    told: dict[str, Any] = {**named, "errors": [said], "result": {"status": -1, "message": said}}
    shapes = (
        said,
        json.dumps({**told, "ok": False}),
        json.dumps({**told, "ok": True}),
        json.dumps({**told, "error": named}),
        # Blanks are drawn together when it is shown, so that what stands where it is cut comes into sight.
        "".join(f"{' ' * (EXCERPT_CHARS * 16 - 14)}{secret}" for secret in heard[:1]),
    )
    return shapes[turn % len(shapes)]


def forms(secret: str) -> Iterator[str]:
    """How vendors write out what they repeat."""
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield html.escape(secret)
    yield base64.b64encode(secret.encode()).decode()
    yield base64.b64encode(f"\0bellhop\0{secret}".encode()).decode()
    yield secret.encode().hex()


class _WebServer(ThreadingHTTPServer):
    parrots: Parrots

    def handle_error(self, *_: object) -> None:
        """Say nothing: a worker that was killed just leaves."""


class _MailServer(socketserver.ThreadingTCPServer):
    parrots: Parrots
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """The same."""


class _Web(BaseHTTPRequestHandler):
    server: _WebServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer any request."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = b"\n".join([self.requestline.encode(), bytes(self.headers), content])
        status, text = self.server.parrots.answer(request)
        answer = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        for name in ("Location", "WWW-Authenticate", "Retry-After"):
            self.send_header(name, quote(text.strip()[:1000]))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_GET = do_PATCH = do_CONNECT = do_POST  # noqa: N815 - the same

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the same
        """Say nothing."""


class _Mail(socketserver.StreamRequestHandler):
    server: _MailServer

    def handle(self) -> None:
        """Greet, and refuse the login; RFC 4954."""
        self._say("220 parrot ESMTP")
        while line := self.rfile.readline().strip():
            verb, _, rest = line.partition(b" ")
            match verb.upper():
                case b"EHLO":
                    self._say("250-parrot\r\n250 AUTH PLAIN LOGIN")
                case b"AUTH":
                    self._say(f"535 5.7.8 {self.server.parrots.refusal(self._login(rest))}")
                case b"QUIT":
                    return
                case _:
                    self._say(f"554 5.5.0 {self.server.parrots.refusal(line)}")

    def _login(self, rest: bytes) -> bytes:
        mechanism, _, first = rest.partition(b" ")
        said = [first] if first else [self._ask("")]
        if mechanism.upper() == b"LOGIN":
            said.append(self._ask("UGFzc3dvcmQ6"))
        return b" ".join(base64.b64decode(each + b"===") for each in said)

    def _ask(self, challenge: str) -> bytes:
        self._say(f"334 {challenge}")
        return self.rfile.readline().strip()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
