"""HTTP requests: with `http_request`, all that uses aiohttp's client. One session per process; nothing is followed."""

from __future__ import annotations

import re
import socket
import ssl
import time
from functools import lru_cache
from typing import Literal

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from worker.messages import Failure, HttpPost, Reply
from worker.transports.addresses import Guard
from worker.transports.deadlines import Deadlines
from worker.transports.faults import bad_address, no_answer, unsent
from worker.transports.http_request import Request
from worker.transports.tls import Contexts, UnusableCaFile

MAX_BODY_BYTES = 65_536
KEEP_ALIVE_S = 4.0
"""Shorter than the 5 s after which Node.js and Apache close an idle connection: a request that is written while they
do so is of unknown fate."""
KNOWN_ADDRESSES = 10_000
"""How many addresses are kept parsed. A destination's is the same for every alert, as a rule."""
NEVER_ROUNDED = 3600.0
"""aiohttp rounds time-outs above this up to whole seconds."""
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


class Http:
    """Carries HTTP requests; opens its session with the first one, on the running loop."""

    def __init__(self, guard: Guard, contexts: Contexts, *, connect_s: float, total_s: float) -> None:
        self._guard = guard
        self._contexts = contexts
        # Connecting ends before the whole does. So a time-out that is not one of connecting came after the request
        # was handed to the kernel: that is how the two are told apart. Only a new connection costs aiohttp's timer.
        self._connecting = aiohttp.ClientTimeout(connect=min(connect_s, total_s * 0.9), ceil_threshold=NEVER_ROUNDED)
        self._deadlines = Deadlines(total_s)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session and its connections."""
        self._deadlines.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def carry(self, message: HttpPost) -> Reply:
        """Send it once and read at most 64 KiB of the answer; a redirect is an answer like any other."""
        try:
            url = _url(message.url)
            return await self._exchange(message, url, self._tls(url, message))
        except UnusableCaFile as problem:
            return bad_address(str(problem))
        except (aiohttp.ClientError, TimeoutError) as fault:
            return _reply(fault)
        except ValueError:  # a URL, a method or a header that HTTP has no form for
            return bad_address("the address or a header cannot be used")

    def _tls(self, url: URL, message: HttpPost) -> ssl.SSLContext | Literal[True]:
        if url.scheme != "https":
            return True
        return self._contexts.get(verify=message.verify_tls, ca_file=message.ca_file)

    async def _exchange(self, message: HttpPost, url: URL, tls: ssl.SSLContext | Literal[True]) -> Reply:
        began = time.perf_counter()
        response: aiohttp.ClientResponse | None = None
        chunks: list[bytes] = []
        try:
            with self._deadlines.start():
                response = await self._open().request(
                    message.method,
                    url,
                    data=message,  # headers and all: see Request
                    allow_redirects=False,
                    ssl=tls,
                    middlewares=NOT_TWICE if message.method in REPEATED else None,
                )
                await _read(response.content, chunks)
        except (aiohttp.ClientError, TimeoutError):
            if response is None:
                raise
            return _broken_off(response, chunks)
        finally:
            # A whole answer has given its connection back by itself; there is no way to use one with a rest in it.
            if response is not None and not response.closed:
                response.close()
        took_ms = (time.perf_counter() - began) * 1000
        return Reply(response.status, b"".join(chunks), _headers(response), elapsed_ms=took_ms)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    # How much is in flight, in all and to each destination, is the deliveries' to bound: a limit here
                    # would make them wait for a connection, and that would look like a vendor that is not there.
                    limit=0,
                    keepalive_timeout=KEEP_ALIVE_S,
                    resolver=GuardedResolver(self._guard),
                    socket_factory=self._guard.open_socket,  # sees each address that is connected to, literals too
                ),
                request_class=Request,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._connecting,
                trust_env=False,
                read_bufsize=MAX_BODY_BYTES,
            )
        return self._session


class GuardedResolver(AbstractResolver):
    """aiohttp's way to look names up, with the addresses that may not be reached left out."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As aiohttp wants it; AddressRefused where all addresses are refused."""
        return [
            ResolveResult(hostname=host, host=info[4][0], port=port, family=info[0], proto=info[2], flags=0)
            for info in await self._guard.resolve(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing to do: the guard's owner closes it."""


@lru_cache(KNOWN_ADDRESSES)
def _url(text: str) -> URL:
    # What is written as %2F must arrive as %2F (HipChat's room names), so an address is sent as it stands.
    url = URL(text, encoded=text.isascii())
    if url.scheme not in {"http", "https"} or not url.host or _UNPRINTABLE.search(text):
        raise ValueError("not a usable address")
    return url


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending an idempotent request again, which it does where a kept connection breaks."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as fault:
        raise aiohttp.ClientConnectionError from fault


NOT_TWICE = (_once,)
REPEATED = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"""


def _broken_off(response: aiohttp.ClientResponse, chunks: list[bytes]) -> Reply:
    """A refusal stands without the rest of its words. A success may depend on them: Slack says `ok` there."""
    failure, detail = None, ""
    if 200 <= response.status < 300:
        failure, detail = Failure.NO_ANSWER, f"the answer broke off after its status {response.status}"
    return Reply(response.status, b"".join(chunks), _headers(response), failure, detail)


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _read(content: aiohttp.StreamReader, chunks: list[bytes]) -> None:
    missing = MAX_BODY_BYTES
    while missing and (chunk := await content.read(missing)):
        chunks.append(chunk)
        missing -= len(chunk)


def _reply(fault: aiohttp.ClientError | TimeoutError) -> Reply:
    match fault:
        case aiohttp.ConnectionTimeoutError():
            return unsent(fault)
        case aiohttp.ClientConnectorError():  # DNS and certificates among them
            return unsent(fault.__cause__ or fault)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return bad_address("not a usable http:// or https:// address")
        case aiohttp.ClientResponseError():
            return no_answer("what came back is not HTTP")
        case TimeoutError():
            return no_answer("no answer in time")
    return no_answer("the connection was closed before an answer came")
