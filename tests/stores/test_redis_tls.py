"""Redis over TLS: whom our own clients and Celery's connect to, whom they do not, and what is said of it."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager, suppress

import pytest
from fakes import redis_servers
from fakes.certificates import Authority
from fakes.redis_servers import ADMIN
from kombu import Connection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from worker.broker import Transport
from worker.stores.connection import async_redis, sync_redis
from worker.stores.redis_address import redis_address
from worker.stores.redis_faults import unavailable, why

ONCE = Retry(NoBackoff(), 0)
MUTUAL = ("tls-auth-clients yes",)
OLD = ("tls-auth-clients no", 'tls-protocols "TLSv1.1"', "tls-ciphers ALL:@SECLEVEL=0")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Whoever vouches for the servers."""
    return Authority(tmp_path_factory.mktemp("redis-tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Somebody else who vouches for things."""
    return Authority(tmp_path_factory.mktemp("redis-stranger"), "A stranger")


@pytest.fixture
def serve(tmp_path, authority):
    """Runs a Redis over TLS."""

    @contextmanager
    def run(*options, certificate=None):
        with redis_servers.with_tls(tmp_path, "", authority, *options, certificate=certificate) as server:
            yield server

    return run


async def pings(url):
    """Whether all three ways to Redis answer there: ours, ours that waits, and kombu's as Celery uses it.

    The error where none does; they must be of one mind.
    """
    found = [await _asynchronous(url), _waiting(url), _kombus(url)]
    errors = [error for error in found if error]
    assert len(errors) in {0, len(found)}, found
    return errors[0] if errors else None


async def _asynchronous(url):
    client = async_redis(url, retry=AsyncRetry(NoBackoff(), 0))
    try:
        await client.ping()
    except RedisError as error:
        return error
    finally:
        await client.aclose()
    return None


def _waiting(url):
    try:
        with sync_redis(url, retry=ONCE) as client:
            client.ping()
    except RedisError as error:
        return error
    return None


def _kombus(url):
    address = redis_address(url)
    connection = Connection(address.broker_url, ssl=dict(address.tls) or False, transport=Transport)
    try:
        with closing(connection):
            connection.channel().client.ping()
    except connection.connection_errors as error:
        return error
    return None


async def test_whom_the_authority_vouches_for_is_trusted_and_nobody_else(serve, authority, stranger):
    """With its CA file yes; by the system's authorities alone, or by a stranger's, no: for all three alike."""
    with serve() as server:
        assert await pings(server.url("admin", ADMIN)) is None
        for file in ("", str(stranger.file)):
            url = server.url("admin", ADMIN, ssl_ca_certs=file)
            told = unavailable(url, await pings(url))
            assert "its certificate is refused: self-signed certificate in certificate chain" in told
            assert "see ssl_ca_certs in BELLHOP_REDIS_URL" in told
            assert ADMIN not in told


@pytest.mark.parametrize(("wrong", "words"), [("name", "address mismatch"), ("expired", "certificate has expired")])
async def test_a_certificate_of_another_host_or_of_yesterday_is_refused(serve, authority, wrong, words):
    """Until somebody says that it need not be looked at, which is warned of."""
    names, expired = (("redis.example",), False) if wrong == "name" else ((), True)
    with serve(certificate=authority.issue(*names, expired=expired)) as server:
        assert words in why(await pings(server.url("admin", ADMIN)))
        unverified = server.url("admin", ADMIN, ssl_cert_reqs="none")
        assert await pings(unverified) is None
        assert redis_address(unverified).warnings
        any_name = server.url("admin", ADMIN, ssl_check_hostname="false")
        assert (await pings(any_name) is None) is (wrong == "name")
        assert redis_address(any_name).warnings


async def test_a_server_that_asks_for_a_certificate_gets_it(serve, authority, stranger):
    """`ssl_certfile` and `ssl_keyfile` are shown; without them, and with a stranger's, the server hangs up."""
    with serve(*MUTUAL) as server:
        mine, theirs = authority.issue("bellhop"), stranger.issue("bellhop")

        def url(shown):
            files = {"ssl_certfile": str(shown.cert_file), "ssl_keyfile": str(shown.key_file)} if shown else {}
            return server.url("admin", ADMIN, **files)

        assert await pings(url(mine)) is None
        for shown in (None, theirs):
            told = unavailable(url(shown), await pings(url(shown)))
            assert told.startswith(f"Redis at rediss://127.0.0.1:{server.port} cannot be used: ")


async def test_nothing_is_older_than_tls_1_2(serve):
    """Verified or not."""
    with serve(*OLD) as server:
        for options in ({}, {"ssl_cert_reqs": "none"}):
            assert "no TLS connection: " in why(await pings(server.url("admin", ADMIN, **options)))


@pytest.fixture
def clear_text():
    """A server that answers a TLS handshake in clear, as Redis does where it finds the end of a line in it."""

    def answer(listening):
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"-ERR unknown command\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=[listening])
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


async def test_tls_where_none_is_spoken_is_told_as_such(clear_text):
    """`rediss://` to a port that speaks in clear: the sentence asks about the port."""
    told = why(await pings(f"rediss://admin:{ADMIN}@127.0.0.1:{clear_text}"))
    assert told.startswith("no TLS connection: ")
    assert "is the port of BELLHOP_REDIS_URL one for TLS" in told


def test_a_handshake_that_is_not_answered_comes_to_an_end():
    """Kombu has no time limit of its own there, and a worker would say nothing for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = redis_address(f"rediss://127.0.0.1:{silent.getsockname()[1]}")
        limits = {"socket_connect_timeout": 0.1}
        connection = Connection(
            address.broker_url, ssl=dict(address.tls), transport=Transport, transport_options=limits
        )
        with closing(connection), pytest.raises(RedisTimeoutError) as caught:
            connection.channel()
    assert why(caught.value) == "it takes too long to answer"


def test_a_file_that_vanishes_later_is_told(serve, authority, tmp_path):
    """Renewed in the wrong order, say: an outage with a sentence on it, until it is there again."""
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.file.read_bytes())
    with serve() as server, sync_redis(url := server.url("admin", ADMIN, ssl_ca_certs=str(file)), retry=ONCE) as client:
        client.ping()
        client.connection_pool.disconnect()
        file.unlink()
        with pytest.raises(RedisError) as caught:
            client.ping()
        assert "a file or socket that BELLHOP_REDIS_URL names is not there" in unavailable(url, caught.value)
        file.write_bytes(authority.file.read_bytes())
        assert client.ping()
