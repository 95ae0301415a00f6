"""BELLHOP_REDIS_URL: one reading for our own clients, Celery and Flower, and one sentence for what is wrong."""

from __future__ import annotations

import socket
import ssl

import pytest
import redis
from cryptography.hazmat.primitives import serialization
from fakes.certificates import Authority
from kombu import Connection

from worker.errors import InvalidSettings
from worker.stores.connection import async_redis, sync_redis
from worker.stores.redis_address import OPTIONS, redis_address, shown_address
from worker.stores.redis_faults import unavailable, why

SECRET = "Canary-pass"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Whoever vouches for Redis."""
    return Authority(tmp_path_factory.mktemp("redis-authority"))


@pytest.fixture(scope="module")
def certificate(authority):
    """What a client shows of itself."""
    return authority.issue("bellhop")


def problem(url):
    """The sentence that refuses this address; it shows no password."""
    with pytest.raises(InvalidSettings) as caught:
        redis_address(url)
    (text,) = caught.value.problems
    assert text.startswith("BELLHOP_REDIS_URL: ")
    assert SECRET not in text
    assert SECRET not in repr(caught.value)
    return text


def kombus(url):
    """What kombu, as Celery calls it, would connect with."""
    address = redis_address(url)
    connection = Connection(address.broker_url, ssl=dict(address.tls) or False)
    # Without connecting, which a channel does when it is made.
    channel = object.__new__(connection.get_transport_cls().Channel)
    channel.connection = connection.transport
    return channel._connparams()


def ours(url):
    """What our own client would connect with."""
    return sync_redis(url).connection_pool.connection_kwargs


def test_over_tls_everything_is_verified_unless_somebody_said_otherwise():
    """`rediss://` alone: certificate, host name, TLS 1.2, for our own clients and for kombu, which would not."""
    for found in (ours("rediss://db.example"), kombus("rediss://db.example")):
        assert found["ssl_cert_reqs"] is ssl.CERT_REQUIRED
        assert found["ssl_check_hostname"] is True
        assert found["ssl_min_version"] is ssl.TLSVersion.TLSv1_2
    assert issubclass(kombus("rediss://db.example")["connection_class"], redis.SSLConnection)
    assert redis_address("rediss://db.example").warnings == ()


def test_options_are_for_all_of_them(authority, certificate):
    """Files, client certificate and what is not to be verified reach both libraries alike."""
    files = f"ssl_ca_certs={authority.file}&ssl_certfile={certificate.cert_file}&ssl_keyfile={certificate.key_file}"
    url = f"rediss://u:{SECRET}@db.example:6380/3?{files}&ssl_check_hostname=false"
    for found in (ours(url), kombus(url)):
        assert found["ssl_ca_certs"] == str(authority.file)
        assert (found["ssl_certfile"], found["ssl_keyfile"]) == (str(certificate.cert_file), str(certificate.key_file))
        assert found["ssl_check_hostname"] is False
        assert (found["host"], found["port"], found["db"]) == ("db.example", 6380, 3)
        assert (found["username"], found["password"]) == ("u", SECRET)
    unverified = "rediss://db.example?ssl_cert_reqs=none"
    assert ours(unverified)["ssl_cert_reqs"] is kombus(unverified)["ssl_cert_reqs"] is ssl.CERT_NONE


@pytest.mark.parametrize("password", ["a;b", "a#b/c?d", "a%3Bb", "a+b c", "ä\x7f", "a@b:c", "%25"])
def test_both_libraries_read_the_same_credentials(password):
    """Whatever stands in them, escaped: kombu takes a bare `;` for the begin of another address."""
    from urllib.parse import quote  # noqa: PLC0415 - for this test's own spelling

    url = f"redis://{quote('the user', safe='')}:{quote(password, safe='')}@localhost"
    for found in (ours(url), kombus(url)):
        assert (found["username"], found["password"]) == ("the user", password)


@pytest.mark.parametrize(
    ("url", "host", "port", "number"),
    [
        ("redis://localhost", "localhost", 6379, 0),
        ("redis://localhost/", "localhost", 6379, 0),
        ("redis://[::1]:7000/15", "::1", 7000, 15),
        ("redis://:pw@10.0.0.1:1/2", "10.0.0.1", 1, 2),
    ],
)
def test_both_libraries_go_to_the_same_place(url, host, port, number):
    """Host, port and number of the database."""
    for found in (ours(url), kombus(url)):
        assert (found["host"], found["port"], found["db"]) == (host, port, number)


def test_a_socket_is_for_both_of_them():
    """`unix://` as redis-py has it is `redis+socket://` for kombu."""
    for found in (ours("unix://u:p@/run/redis.sock?db=2"), kombus("unix://u:p@/run/redis.sock?db=2")):
        assert (found["path"], int(found["db"]), found["username"], found["password"]) == (
            "/run/redis.sock",
            2,
            "u",
            "p",
        )
    assert redis_address(f"unix://:{SECRET}@/run/redis.sock").shown == "unix:///run/redis.sock"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://{SECRET}@localhost", "must be redis://"),
        (f"redis://:{SECRET}#x@localhost", "special characters of the password as %23"),
        (f"redis://:x/{SECRET}@localhost:6379/0", "must be redis://"),
        ("redis://", "must be redis://"),
        ("redis://localhost:0", "must be redis://"),
        ("redis://localhost:99999", "must be redis://"),
        ("redis://localhost/checkout", "must be redis://"),
        ("redis://a,b/0", "must be redis://"),
        ("redis://localhost?db=1", "'db' is not known here (known: ssl_ca_certs"),
        (f"redis://localhost?{SECRET}", "must be redis://"),
        ("rediss://localhost?ssl_ca_cert=/x", "'ssl_ca_cert' is not known here"),
        ("redis://localhost?ssl_cert_reqs=required", "ssl_cert_reqs is for rediss://"),
        ("rediss://localhost?ssl_cert_reqs=optional", "ssl_cert_reqs must be required or none"),
        ("rediss://localhost?ssl_check_hostname=maybe", "ssl_check_hostname must be true or false"),
        ("rediss://localhost?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs: cannot read /nowhere/ca.pem: No such file"),
        ("unix://host/run/redis.sock", "of a socket must be unix://"),
        ("unix:///run/redis.sock?database=1", "of a socket must be unix://"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(url, words):
    """It names the setting and the option, and shows no password; it comes before anything is connected to."""
    assert words in problem(url)


def test_files_are_read_when_a_process_starts(authority, certificate, tmp_path):
    """A CA file without a certificate, a key of another certificate, a key alone: told at once, by option."""
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    other = authority.issue()
    base = f"rediss://:{SECRET}@localhost?"
    assert "ssl_ca_certs: " in problem(f"{base}ssl_ca_certs={nothing}")
    assert "holds no PEM certificate" in problem(f"{base}ssl_ca_certs={nothing}")
    pair = f"ssl_certfile={certificate.cert_file}&ssl_keyfile={other.key_file}"
    assert "ssl_certfile and ssl_keyfile must be a PEM certificate and its key" in problem(f"{base}{pair}")
    assert "set both" in problem(f"{base}ssl_keyfile={certificate.key_file}")


def test_an_encrypted_key_is_opened_or_refused_and_never_asked_about(certificate, tmp_path):
    """OpenSSL would ask for the password at the terminal and wait there."""
    key = serialization.load_pem_private_key(certificate.key_file.read_bytes(), None)
    locked = tmp_path / "locked.key"
    encryption = serialization.BestAvailableEncryption(SECRET.encode())
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked.write_bytes(key.private_bytes(*kinds, encryption))
    base = f"rediss://localhost?ssl_certfile={certificate.cert_file}&ssl_keyfile={locked}"
    assert "which ssl_password opens" in problem(base)
    assert redis_address(f"{base}&ssl_password={SECRET}").tls["ssl_password"] == SECRET
    assert SECRET not in repr(redis_address(f"{base}&ssl_password={SECRET}"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("rediss://db.example?ssl_cert_reqs=none", "anybody in between can take the place of Redis"),
        ("rediss://db.example?ssl_check_hostname=false", "any certificate of that authority will do"),
        (f"redis://:{SECRET}@db.example.com", "its password and all alerts travel in clear"),
        ("redis://localhost", None),
        ("redis://redis:6379/0", None),
        ("redis://10.0.0.5", None),
        ("unix:///run/redis.sock", None),
    ],
)
def test_what_lets_others_read_along_is_warned_of(url, words):
    """One sentence that names the setting, without the password; none within a private network."""
    found = redis_address(url).warnings
    assert len(found) == (1 if words else 0)
    assert all(words in sentence and "BELLHOP_REDIS_URL" in sentence and SECRET not in sentence for sentence in found)


def test_an_address_shows_neither_user_nor_password():
    """Not in its repr, and not where it is shown on purpose."""
    url = f"rediss://{SECRET}:{SECRET}@db.example:6380/3"
    assert SECRET not in repr(redis_address(url))
    assert shown_address(url) == redis_address(url).shown == "rediss://db.example:6380"
    assert shown_address(f"redis://:{SECRET}@h:x{SECRET}") == "an address that cannot be read"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (redis.AuthenticationError("WRONGPASS x"), "refuses the user name or password of BELLHOP_REDIS_URL"),
        (
            redis.exceptions.NoPermissionError("No permissions to access a key"),
            "may not do all that Bellhop does (No permi",
        ),
        (redis.ResponseError("ERR ACL failure in script: no key"), "config/redis.acl.example has what it needs"),
        (redis.ResponseError("LOADING x"), "LOADING x"),
        (redis.TimeoutError(), "takes too long"),
        (OSError("x"), "OSError"),
    ],
)
def test_why_it_cannot_be_used_is_one_sentence(error, words):
    """For the log and for people, who are told the address besides."""
    assert words in why(error)
    assert unavailable(f"redis://u:{SECRET}@h:1/0", error) == f"Redis at redis://h:1 cannot be used: {why(error)}"


async def test_a_server_without_tls_is_told_from_one_that_is_away():
    """What speaks no TLS: the sentence asks about the port; what is not there stays a refused connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    client = async_redis(f"rediss://localhost:{port}", retry=None)
    with pytest.raises(redis.ConnectionError) as caught:
        await client.ping()
    await client.aclose()
    assert "onnect" in why(caught.value)
    assert "TLS" not in why(caught.value)


def test_the_documented_options_are_redis_pys():
    """A renamed option of redis-py's would end here, and not in a worker that does not start."""
    accepted = redis.SSLConnection.__init__.__code__.co_varnames
    assert [name for name in OPTIONS if name not in accepted] == []
