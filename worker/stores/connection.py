"""Clients for Redis: one way to make them, so that time-outs, retries and TLS are the same everywhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis
import redis.asyncio
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from worker.errors import InvalidSettings

SOCKET_TIMEOUT_S = 10.0
"""Longer than any command of ours takes; a blocking read must block for less."""
CONNECT_TIMEOUT_S = 5.0
HEALTH_CHECK_S = 30
BAD_URL = (
    "BELLHOP_REDIS_URL: must be redis://[[user]:password@]host[:port][/number], rediss:// or unix://, "
    "with special characters of the password as %23, %2F and so on"
)
RETRIES = 3
"""Quick ones, for a connection that an idle time-out or a failover cut. A longer outage is the caller's to sit out.

What is retried may run twice when its answer was lost, a pipeline as a whole: scripts and writes must bear that.
"""


def async_redis(url: str, **options: Any) -> redis.asyncio.Redis:
    """A client for the event loop; bytes in, bytes out. `options` go before the defaults, as redis-py names them."""
    _checked(url)
    client = redis.asyncio.Redis.from_url(url, **(_options() | {"retry": AsyncRetry(_backoff(), RETRIES)} | options))
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
    _checked(url)
    return redis.Redis.from_url(url, **(_options() | {"retry": Retry(_backoff(), RETRIES)} | options))


def shown_address(url: str) -> str:
    """Where `url` leads, without user, password and options: `redis://db.example:6379`."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.hostname or parts.path}{port}"


def unavailable(url: str, error: BaseException) -> str:
    """One sentence on why Redis cannot be used, without its password."""
    if isinstance(error, AuthenticationError):
        return f"Redis at {shown_address(url)} refuses the user name or password of BELLHOP_REDIS_URL"
    reason = "it takes too long to answer" if isinstance(error, redis.TimeoutError) else _reason(error)
    return f"Redis at {shown_address(url)} cannot be used: {reason}"


def _reason(error: BaseException) -> str:
    return str(error)[:300] if isinstance(error, RedisError) else type(error).__name__


def _checked(url: str) -> None:
    """Our own sentence: the parser's may quote a password that holds a `#` or `/` as the port."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"redis", "rediss", "unix"} and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSettings([BAD_URL])


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
