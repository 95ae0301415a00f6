"""TLS with every transport that speaks it, against real servers: what is refused, why, and what goes out before it."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import asynccontextmanager, suppress

import pytest
from fakes.certificates import Authority, self_signed
from msgspec.structs import replace

from worker.channels import CHANNELS
from worker.messages import HttpPost, Mail, MailSecurity
from worker.models import Kind, Reason
from worker.transports.ca_files import MAX_BYTES, CaFiles, UnusableCaFile
from worker.transports.tls import KEPT, Contexts

SECRET = "secret-pass"
UNUSABLE = "ca_file cannot be used: it must name a file of PEM certificates"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The one that destinations trust where their `ca_file` says so."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def contexts(authority, tmp_path_factory):
    """A server's TLS by what is wrong with it, and `good`."""
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "Another authority")
    return {
        "good": authority.issue().server_context(),
        "too old": authority.issue().old_server_context(),
        "expired": authority.issue(expired=True).server_context(),
        "another name": authority.issue("vendor.example", "192.0.2.1").server_context(),
        "self-signed": self_signed(tmp_path_factory.mktemp("self-signed")).server_context(),
        "unknown authority": stranger.issue().server_context(),
    }


WRONG = {
    "too old": "the server speaks nothing newer than TLS 1.1",
    "expired": "certificate has expired",
    "another name": "ostname mismatch, certificate is not valid for 'localhost'",
    "self-signed": "self-signed certificate",
    "unknown authority": "unable to get local issuer certificate",
}


def http(port):
    """An alert by HTTP."""
    return HttpPost(url=f"https://localhost:{port}/{SECRET}", label="POST", headers={"Authorization": SECRET})


def nrdp(port):
    """A passive check as the Nagios channel composes it, with the token in its body."""
    return replace(http(port), url=f"https://localhost:{port}/nrdp/", headers={}, body=f"token={SECRET}".encode())


def mail(security):
    """Makes mails with a login, by STARTTLS or by TLS from the first byte."""

    def make(port):
        return Mail(
            host="localhost",
            port=port,
            security=security,
            sender="a@example.com",
            recipients=("b@example.com",),
            data=b"Subject: x\r\n\r\nx\r\n",
            username="bellhop",
            password=SECRET,
        )

    return make


WAYS = {
    "http": (http, "webhook"),
    "nrdp": (nrdp, "nagios"),
    "starttls": (mail(MailSecurity.STARTTLS), "email"),
    "implicit": (mail(MailSecurity.TLS), "email"),
}
EMAIL = {"to": "b@example.com", "from": "a@example.com", "host": "localhost"}
NRDP = {"via": "nrdp", "url": "https://localhost/nrdp/", "token": SECRET}
SETTINGS = {"webhook": {"url": "https://localhost/"}, "nagios": NRDP, "email": EMAIL}


def verdict(way, reply):
    """What the channel makes of a reply: what the result and Test say."""
    channel = CHANNELS[WAYS[way][1]]
    return channel.judge(reply, channel.settings.model_validate(SETTINGS[channel.name]))


class OldServer:
    """Says in its own words, as servers do, that it knows no TLS that new; asyncio's closes without a word."""

    def __init__(self, context, way):
        self._context, self._way = context, way
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(30)
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._listening.close()

    def _serve(self):
        """One connection."""
        connection, _ = self._listening.accept()
        with connection:
            if self._way == "starttls":
                for words in (b"220 mx.test\r\n", b"250-mx.test\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
                    connection.sendall(words)
                    if not words.startswith(b"220 go"):
                        connection.recv(4096)
            with suppress(ssl.SSLError):
                self._context.wrap_socket(connection, server_side=True).close()


@pytest.fixture
def serve(listen, smtp_server, mailbox):
    """Runs a server of a kind with some TLS; gives its port and what came through."""

    @asynccontextmanager
    async def run(way, context):
        heard = []

        async def handler(reader, writer):
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"result": {"status": 0}}')

        if context.maximum_version is ssl.TLSVersion.TLSv1_1:
            with OldServer(context, way) as server:
                yield server.port, heard
        elif way in {"http", "nrdp"}:
            async with listen(handler, ssl=context) as port:
                yield port, heard
        else:
            tls = {"implicit_tls": context} if way == "implicit" else {"tls_context": context}
            async with smtp_server(mailbox, auth_require_tls=way == "starttls", **tls) as port:
                yield port, mailbox.logins

    return run


def trusting(message, **tls):
    """The message with other TLS settings."""
    if isinstance(message, HttpPost):
        return replace(message, **tls)
    return Mail(**{name: getattr(message, name) for name in message.__dataclass_fields__} | tls)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("way", WAYS)
async def test_what_cannot_be_trusted_gets_nothing(carrier, serve, contexts, authority, way, wrong):
    """Each fault of a server's TLS ends as `tls_refused` with its own words, and no secret has gone out."""
    async with serve(way, contexts[wrong]) as (port, heard):
        reply = await carrier.carry(trusting(WAYS[way][0](port), ca_file=str(authority.file)))
    found = verdict(way, reply)
    assert (found.kind, found.reason) == (Kind.PERMANENT, Reason.TLS_REFUSED)
    assert WRONG[wrong] in found.detail
    assert heard == []


@pytest.mark.parametrize("way", WAYS)
async def test_ones_own_authority_is_trusted_where_it_is_named(carrier, serve, contexts, authority, way):
    """With `ca_file` the message arrives; without it nobody vouches for the server."""
    async with serve(way, contexts["good"]) as (port, heard):
        message = WAYS[way][0](port)
        stranger = await carrier.carry(message)
        assert (verdict(way, stranger).reason, heard) == (Reason.TLS_REFUSED, [])
        await carrier.carry(trusting(message, ca_file=str(authority.file)))
        assert len(heard) == 1


@pytest.mark.parametrize("wrong", [name for name in WRONG if name != "too old"])
@pytest.mark.parametrize("way", WAYS)
async def test_who_does_not_want_to_know_whom_he_talks_to_may(carrier, serve, contexts, way, wrong):
    """`verify_tls: false` takes any certificate; that it is warned of is tested with the warnings."""
    async with serve(way, contexts[wrong]) as (port, heard):
        await carrier.carry(trusting(WAYS[way][0](port), verify_tls=False))
        assert len(heard) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_older_than_tls_1_2_even_unverified(carrier, serve, contexts, way):
    """Who switches verifying off does not switch the age limit off."""
    async with serve(way, contexts["too old"]) as (port, heard):
        reply = await carrier.carry(trusting(WAYS[way][0](port), verify_tls=False))
    assert WRONG["too old"] in verdict(way, reply).detail
    assert heard == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_without_tls_gets_nothing(carrier, listen, way):
    """Where TLS is asked for and the other side speaks clear text, no byte of login, token or alert goes out."""
    read = bytearray()

    async def handler(reader, writer):
        if way == "starttls":
            writer.write(b"220 mx.test ESMTP\r\n")
            read.extend(await reader.readline())
            writer.write(b"250-mx.test\r\n250 AUTH PLAIN LOGIN\r\n")  # STARTTLS taken out by who sits in between
        while chunk := await reader.read(4096):
            read.extend(chunk)
            writer.write(b"250 go on\r\n")

    async with listen(handler) as port:
        reply = await carrier.carry(WAYS[way][0](port))
    assert verdict(way, reply).reason is Reason.TLS_REFUSED
    assert SECRET.encode() not in read
    assert b"AUTH" not in read
    if way == "starttls":
        assert "does not offer STARTTLS; nothing was sent" in verdict(way, reply).detail


async def test_an_answer_that_was_slipped_in_before_tls_counts_for_nothing(carrier, listen):
    """What stands behind the go-ahead for STARTTLS in clear is not the server's word (https://nostarttls.secvuln.info)."""
    read = bytearray()

    async def handler(reader, writer):
        writer.write(b"220 mx.test ESMTP\r\n")
        await reader.readline()
        writer.write(b"250-mx.test\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go ahead\r\n250-mx.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n")
        read.extend(await reader.read(4096))

    async with listen(handler) as port:
        reply = await carrier.carry(mail(MailSecurity.STARTTLS)(port))
    assert reply.status is None
    assert SECRET.encode() not in read


# CA files


@pytest.fixture
def inside(tmp_path, authority):
    """A folder for CA files, with a good one in it."""
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "good.pem").write_bytes(authority.file.read_bytes())
    return folder


def refused(files, name):
    """The text with which this name is refused."""
    with pytest.raises(UnusableCaFile) as caught:
        Contexts(files).get(verify=True, ca_file=str(name))
    return str(caught.value)


def others(folder, authority):
    """Paths that are no CA files, of every kind that a disk has."""
    os.mkfifo(folder / "fifo")
    (folder / "empty").touch()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "text").write_text(f"password = {SECRET}\n")
    (folder / "key").write_bytes(authority.file.read_bytes() + authority.issue().key_file.read_bytes())
    (folder / "broken").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (folder / "long").write_bytes(authority.file.read_bytes() + b"\n" * MAX_BYTES)
    (folder / "bytes").write_bytes(bytes(range(256)))
    names = ("fifo", "empty", "loop", "text", "key", "broken", "long", "bytes", "missing", ".", "text/below")
    return [*(str(folder / name) for name in names), "/dev/zero", "/dev/tty", "/proc/self/environ", "\0", "x" * 5000]


def test_whatever_a_ca_file_is_the_answer_is_the_same(tmp_path, authority):
    """Missing, forbidden, a FIFO, a device, too long, a key: nothing hangs, and no text tells which of these it is."""
    texts = {refused(CaFiles(), name) for name in others(tmp_path, authority)}
    (text,) = texts
    assert text.startswith(UNUSABLE)
    assert SECRET not in text
    assert str(tmp_path) not in text


def test_a_file_that_may_not_be_read_is_no_different(tmp_path, authority):
    """One without permissions gives the same text as one that is not there."""
    file = tmp_path / "forbidden.pem"
    file.write_bytes(authority.file.read_bytes())
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("root reads everything")
    assert refused(CaFiles(), file) == refused(CaFiles(), tmp_path / "missing")


async def test_an_unusable_ca_file_says_so_on_the_result(carrier, tmp_path):
    """The delivery fails as `tls_refused` with that sentence, by HTTP and by mail, before anything is connected to."""
    for way in WAYS:
        reply = await carrier.carry(trusting(WAYS[way][0](1), ca_file=str(tmp_path / "missing")))
        found = verdict(way, reply)
        assert found.reason is Reason.TLS_REFUSED
        assert found.detail.startswith(UNUSABLE)


def test_with_a_folder_for_them_no_other_file_is_a_ca_file(inside, tmp_path, authority):
    """By name, by path and through links inside of it: yes; outside, `..`, and links that lead out: no."""
    outside = tmp_path / "outside.pem"
    outside.write_bytes(authority.file.read_bytes())
    (inside / "out.pem").symlink_to(outside)
    (inside / "in.pem").symlink_to(inside / "good.pem")
    files = CaFiles(inside)
    for name in ("good.pem", inside / "good.pem", inside / "in.pem"):
        assert Contexts(files).get(verify=True, ca_file=str(name)).cert_store_stats()["x509_ca"] == 1
    texts = {refused(files, name) for name in (outside, "../outside.pem", inside / "out.pem", inside / "missing", "..")}
    (text,) = texts
    assert text.startswith(UNUSABLE)
    assert text.endswith("in the folder that BELLHOP_CA_DIR names")


async def test_the_folder_is_the_operators_setting(new_carrier, serve, contexts, inside, authority):
    """With `BELLHOP_CA_DIR` a file inside of it serves and one elsewhere does not."""
    async with serve("http", contexts["good"]) as (port, heard), new_carrier(ca_dir=inside) as carrier:
        reply = await carrier.carry(trusting(http(port), ca_file="good.pem"))
        other = await carrier.carry(trusting(http(port), ca_file=str(authority.file)))
    assert reply.status == 200
    assert "BELLHOP_CA_DIR" in other.detail
    assert len(heard) == 1


def test_the_folder_itself_may_be_a_link(inside, tmp_path):
    """As Kubernetes mounts them: the folder's real place counts."""
    (tmp_path / "link").symlink_to(inside)
    assert Contexts(CaFiles(tmp_path / "link")).get(verify=True, ca_file="good.pem")


def test_a_bundle_may_have_comments(tmp_path, authority):
    """As `openssl s_client` and distributions write them; in whatever encoding these are."""
    file = tmp_path / "bundle.pem"
    file.write_bytes(
        b"subject=CN = \xfcber\n" + authority.file.read_bytes() + b"\r\n# another\r\n" + authority.file.read_bytes()
    )
    assert Contexts().get(verify=True, ca_file=str(file)).verify_mode is ssl.CERT_REQUIRED


def test_the_system_s_own_bundle_will_do(tmp_path):
    """What Debian, Alpine and Red Hat ship is well below the limit."""
    bundle = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    if not os.path.isfile(bundle):  # noqa: PTH113 - a name of the ssl module's
        pytest.skip("no bundle on this machine")
    assert len(CaFiles().read(bundle)) < MAX_BYTES


def test_a_renewed_file_is_taken_up_without_a_restart(tmp_path, authority):
    """The context is the same until the file changes."""
    file, contexts = tmp_path / "ca.pem", Contexts()
    file.write_bytes(authority.file.read_bytes())
    first = contexts.get(verify=True, ca_file=str(file))
    assert contexts.get(verify=True, ca_file=str(file)) is first
    renewed = Authority(tmp_path, "Renewed")
    os.utime(renewed.file, ns=(0, 0))
    renewed.file.replace(file)
    assert contexts.get(verify=True, ca_file=str(file)) is not first


def test_many_files_do_not_fill_the_memory(tmp_path, authority):
    """Of those that app owners name only so many are kept, and the one without a file always."""
    contexts = Contexts()
    system = contexts.get(verify=True, ca_file=None)
    for number in range(KEPT + 10):
        file = tmp_path / f"{number}.pem"
        file.write_bytes(authority.file.read_bytes())
        contexts.get(verify=True, ca_file=str(file))
    assert len(contexts._made) == KEPT + 1
    assert contexts.get(verify=True, ca_file=None) is system


def test_no_channel_reads_a_ca_file_but_by_these_rules():
    """Wherever settings have a `ca_file`, it is the shared type; vendors' public endpoints have none."""
    have = {name for name, channel in CHANNELS.items() if "ca_file" in channel.settings.model_fields}
    assert have == {"hipchat", "email", "nagios", "webhook"}
    assert all("verify_tls" in CHANNELS[name].settings.model_fields for name in have)
