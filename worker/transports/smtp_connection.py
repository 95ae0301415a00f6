"""aiosmtplib's client with a bound of our own on the work that a server's replies may make.

aiosmtplib bounds a reply to 32 KiB, and reads it from its beginning whenever more of it comes: a server that sends it
in thousands of pieces keeps a processor busy for 16 seconds.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiosmtplib import SMTP, SMTPConnectResponseError, SMTPResponse, SMTPResponseException
from aiosmtplib.protocol import SMTPProtocol

MAX_WORK_BYTES: Final = 1_048_576
"""How much may be read of all replies of a connection, those bytes counted again that are read again."""
READY: Final = 220
NO_CODE: Final = -1
"""What aiosmtplib says of a reply that is none."""


class BoundedProtocol(SMTPProtocol):
    """Breaks off where replies take too much work."""

    _left = MAX_WORK_BYTES

    def data_received(self, data: bytes) -> None:
        """Count it first; what nobody waits for counts, too."""
        self._left -= len(self._buffer) + len(data)
        if self._left >= 0:
            super().data_received(data)
            return
        waiter = self._response_waiter
        if waiter is not None and not waiter.done():
            self._set_response_exception(waiter, SMTPResponseException(NO_CODE, "too much for a reply"))
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


class BoundedSmtp(SMTP):
    """Speaks over a socket that is connected already."""

    async def _create_connection(self, timeout: float | None) -> SMTPResponse:  # noqa: ASYNC109 - aiosmtplib's signature
        loop = asyncio.get_running_loop()
        protocol = BoundedProtocol(loop=loop, connection_lost_callback=self._on_connection_lost)
        self.transport, _ = await loop.create_connection(
            lambda: protocol,
            sock=self.sock,
            ssl=self.tls_context if self.use_tls else None,
            server_hostname=self.hostname if self.use_tls else None,
            ssl_handshake_timeout=timeout if self.use_tls else None,
        )
        self.protocol = protocol
        response = await protocol.read_response(timeout=timeout)
        if response.code != READY:
            raise SMTPConnectResponseError(response.code, response.message)
        return response
