"""HTTP requests: the only place that uses aiohttp's client. One session per process; nothing is followed or kept."""

from __future__ import annotations

import re
import socket
import ssl
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from worker.messages import Failure, HttpPost, Reply
from worker.transports.addresses import Guard
from worker.transports.faults import bad_address, no_answer, unsent
from worker.transports.tls import Contexts, UnusableCaFile

MAX_BODY_BYTES = 65_536
CONNECTIONS_PER_HOST = 256
"""So that one slow vendor cannot take all of a process' file descriptors; what waits longer than the connect
time-out for a free one is tried again."""
KEEP_ALIVE_S = 4.0
"""Shorter than the 5 s after which Node.js and Apache close an idle connection: a request that is written while they
do so is of unknown fate."""
KNOWN_ADDRESSES = 10_000
"""How many addresses are kept parsed. A destination's is the same for every alert, as a rule."""
NEVER_ROUNDED = 3600.0
"""aiohttp rounds time-outs above this up to whole seconds."""
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")

try:
    USER_AGENT = f"Bellhop/{version('bellhop')}"
except PackageNotFoundError:  # run from a source tree that is not installed
    USER_AGENT = "Bellhop/0"


class Http:
    """Carries HTTP requests; opens its session with the first one, on the running loop."""

    def __init__(self, guard: Guard, contexts: Contexts, *, connect_s: float, total_s: float) -> None:
        self._guard = guard
        self._contexts = contexts
        # Connecting ends before the whole does. So a time-out that is not one of connecting came after the request
        # was handed to the kernel: that is how the two are told apart.
        self._timeout = aiohttp.ClientTimeout(
            total=total_s, connect=min(connect_s, total_s * 0.9), ceil_threshold=NEVER_ROUNDED
        )
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session and its connections."""
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
        async with self._open().request(
            message.method,
            url,
            data=message.body or None,
            headers=message.headers,
            allow_redirects=False,
            ssl=tls,
            timeout=self._timeout,
        ) as response:
            return await _answer(response)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    limit_per_host=CONNECTIONS_PER_HOST,
                    keepalive_timeout=KEEP_ALIVE_S,
                    resolver=GuardedResolver(self._guard),
                    socket_factory=self._guard.open_socket,  # sees each address that is connected to, literals too
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Answers are short: compressed ones would only cost time, and a bomb is not asked for.
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
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


async def _answer(response: aiohttp.ClientResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    chunks: list[bytes] = []
    failure, detail = None, ""
    try:
        await _read(response.content, chunks)
    except (aiohttp.ClientError, TimeoutError):
        # A refusal stands without the rest of its words. A success may depend on them: Slack says `ok` there.
        if 200 <= response.status < 300:
            failure, detail = Failure.NO_ANSWER, f"the answer broke off after its status {response.status}"
    return Reply(response.status, b"".join(chunks), headers, failure, detail)


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
