"""Clients for Redis: one way to make them, so that time-outs, retries and TLS are the same everywhere."""

from __future__ import annotations

from typing import Any

import hiredis
import redis
import redis.asyncio
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from worker.stores.redis_address import redis_address

SOCKET_TIMEOUT_S = 10.0
"""Longer than any command of ours takes; a blocking read must block for less."""
CONNECT_TIMEOUT_S = 5.0
HEALTH_CHECK_S = 30
RETRIES = 3
"""Quick ones, for a connection that an idle time-out or a failover cut. A longer outage is the caller's to sit out.

What is retried may run twice when its answer was lost, a pipeline as a whole: scripts and writes must bear that.
"""


def async_redis(url: str, **options: Any) -> redis.asyncio.Redis:
    """A client for the event loop; bytes in, bytes out. `options` go before the defaults, as redis-py names them.

    InvalidSettings where `url`, BELLHOP_REDIS_URL's, cannot be used.
    """
    address = redis_address(url)
    chosen = _options() | dict(address.tls) | {"retry": AsyncRetry(_backoff(), RETRIES)} | options
    client = redis.asyncio.Redis.from_url(address.url, **chosen)
    pool = client.connection_pool
    pool.connection_class = _PACKING.get(pool.connection_class, pool.connection_class)
    return client


class _Packing:
    """Packs commands in C, as redis-py's own blocking connections do; its asyncio ones have only the slow way.

    A script's call over a batch has thousands of arguments: a twentieth of a worker's processor time.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        """The command as Redis reads it; its name may hold spaces (`SCRIPT LOAD`)."""
        name = args[0].split() if isinstance(args[0], bytes) else args[0].encode().split()
        return [hiredis.pack_command((*name, *args[1:]))]

    async def send_packed_command(self: Any, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - as in redis-py
        """Write a command; how long that takes is for whoever waits for the answer to say.

        redis-py makes each write a task of its own with a time-out, at a third of what a command costs.
        """
        if check_health and self.is_connected:
            await self.check_health()
        transport = self._writer.transport if self.is_connected else None
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            await super().send_packed_command(command, check_health)  # type: ignore[misc]
        else:
            self._writer.writelines([command] if isinstance(command, bytes) else command)


class _PackingConnection(_Packing, Connection):
    pass


class _PackingTlsConnection(_Packing, SSLConnection):
    pass


class _PackingSocketConnection(_Packing, UnixDomainSocketConnection):
    pass


_PACKING: dict[Any, Any] = {
    Connection: _PackingConnection,
    SSLConnection: _PackingTlsConnection,
    UnixDomainSocketConnection: _PackingSocketConnection,
}


def sync_redis(url: str, **options: Any) -> redis.Redis:
    """A client for code that may block; bytes in, bytes out."""
    address = redis_address(url)
    return redis.Redis.from_url(
        address.url, **(_options() | dict(address.tls) | {"retry": Retry(_backoff(), RETRIES)} | options)
    )


def _options() -> dict[str, Any]:
    return {
        "decode_responses": False,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_S,
        "client_name": "bellhop",
        # A handshake that only Redis Enterprise answers; every new connection would ask for it in vain.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _backoff() -> ExponentialWithJitterBackoff:
    return ExponentialWithJitterBackoff(base=0.05, cap=1.0)
