"""HTTP's connections: aiohttp's pool, in which the guard makes each new one, through the operator's proxy if any."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from worker.transports.addresses import Guard
from worker.transports.http_connection import BoundedConnection
from worker.transports.proxy import Proxy

KEEP_ALIVE_S = 4.0
"""Shorter than the 5 s after which Node.js and Apache close an idle connection: a request that is written while they
do so is of unknown fate."""


class Pool(aiohttp.BaseConnector):
    """Gives a connection back for the same host, port and TLS context only, so that whom the guard let through stays.

    `_create_connection` is aiohttp's hook for this: https://docs.aiohttp.org/en/stable/client_reference.html#connectors
    Nothing of aiohttp's own way to connect is used: neither its resolver nor its cache, which know no allow-list.
    """

    def __init__(self, guard: Guard, proxy: Proxy | None, connect_s: float) -> None:
        # How much is in flight, in all and to each destination, is the deliveries' to bound: a limit here
        # would make them wait for a connection, and that would look like a vendor that is not there.
        super().__init__(limit=0, keepalive_timeout=KEEP_ALIVE_S)
        self._guard = guard
        self._proxy = proxy
        self._connect_s = connect_s

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's name
    ) -> ResponseHandler:
        del traces, timeout
        host, port = req.url.raw_host or "", req.url.port or 0
        context = req.ssl if isinstance(req.ssl, ssl.SSLContext) else req.is_ssl()
        until = self._loop.time() + self._connect_s
        sock = await self._socket(host, port, until)
        async with asyncio.timeout_at(until):
            _, protocol = await self._loop.create_connection(
                partial(BoundedConnection, self._loop),
                sock=sock,
                ssl=context or None,
                # A certificate's names have no dot at their end: https://github.com/aio-libs/aiohttp/issues/3636
                server_hostname=host.rstrip(".") if context else None,
            )
        return protocol

    async def _socket(self, host: str, port: int, until: float) -> socket.socket:
        if self._proxy is None:
            return await self._guard.connect(host, port, self._connect_s)
        async with asyncio.timeout_at(until):
            infos = await self._guard.resolve(host, port)
        return await self._proxy.tunnel(infos, until)
