"""Kombu's Redis transport as Bellhop's workers use it.

What a message of our own tells is in the stream or in the ledger as well, so Redis needs no second copy of it while it
is under way: it is counted in memory. A producer's own task keeps kombu's acknowledgement with redelivery.

When Redis goes away, Celery closes the connection while channels still want to give messages back. Kombu's channel then
stumbles over the closed connection with an AttributeError, which Celery takes for a defect, and the worker exits for
good. As a connection error it is what it is: a reason to connect again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps
from redis import SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.envelopes import is_own
from worker.stores.connection import CONNECT_TIMEOUT_S


class QoS(kombu_redis.QoS):
    """What a worker has taken and not acknowledged: our own messages in memory, the others on Redis as well."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """A message was taken."""
        if is_own(delivery_tag):
            virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        """A message was seen through."""
        if is_own(delivery_tag):
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu calls it so
        """A message was not wanted; with `requeue` another worker may have it."""
        if not is_own(delivery_tag):
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]
            return
        message = self._delivered.get(delivery_tag)
        if requeue and message is not None:
            self._give_back([message])
        virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]

    def restore_unacked(self, client: Any = None) -> None:
        """Give everything back that was taken: to others, or to this worker when it is connected again."""
        own = [tag for tag in self._delivered if is_own(tag)]
        self._give_back([self._delivered.pop(tag) for tag in own])
        if self._delivered:
            super().restore_unacked(client)  # type: ignore[no-untyped-call]

    def _give_back(self, messages: Iterable[Any]) -> None:
        channel = self.channel
        # With Redis away they are published again from the stream or the ledger.
        with suppress(*channel.connection_errors), channel.conn_or_acquire() as client, client.pipeline() as pipe:
            for message in messages:
                raw, where = message._raw, message.delivery_info  # noqa: SLF001 - as kombu itself gives back
                channel._do_restore_message(raw, where["exchange"], where["routing_key"], pipe)  # noqa: SLF001
            pipe.execute()


class TlsConnection(SSLConnection):
    """Whose handshake has a time limit: one with what speaks no TLS would last for ever, and nothing be said of it."""

    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        sock.settimeout(self.socket_connect_timeout or CONNECT_TIMEOUT_S)
        wrapped = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        wrapped.settimeout(self.socket_timeout)
        return wrapped


class Channel(kombu_redis.Channel):
    """A channel that notices that its connection was closed, keeps its client, and counts who hears its events."""

    QoS = QoS
    connection_class_ssl = TlsConnection
    reached = 1
    """How many listeners got what was last broadcast."""
    _kept: Any = None

    @property
    def waits(self) -> bool:
        """Whether it waits for a message right now."""
        return bool(self._in_poll)

    def _connparams(self, *args: Any, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the connection to Redis was closed meanwhile")
        return super()._connparams(*args, **options)  # type: ignore[no-untyped-call]

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu calls it so
        """Kombu makes a client for every operation; one on the same connections serves them all."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept

    def _put_fanout(self, exchange: str, message: Any, routing_key: str, **options: Any) -> None:
        if options.get("_publish_batch") is not None:
            super()._put_fanout(exchange, message, routing_key, **options)  # type: ignore[no-untyped-call]
            return
        topics = self._get_publish_topics(exchange, routing_key)  # type: ignore[no-untyped-call]
        payload = dumps(message)  # type: ignore[no-untyped-call]
        with self.conn_or_acquire() as client:
            self.reached = sum(client.publish(topic, payload) for topic in topics)


class Transport(kombu_redis.Transport):
    """Chosen by `redis://` and `rediss://`, which `worker.app` points here."""

    Channel = Channel


def install() -> None:
    """Kombu finds transports by a table; whatever asks for `redis://` or `rediss://` from now on gets this one."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{Transport.__name__}"))
