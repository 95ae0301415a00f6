"""Real parts for the transports: a carrier that may reach loopback, a certificate, SMTP servers, the NSCA daemon."""

# ruff: noqa: ARG002 - the parameters of aiosmtpd's handlers are fixed

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import shutil
import socket
import ssl
import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd import smtp as aiosmtpd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fakes.resolver import resolver

from config.settings import Settings
from worker.allow_list import AllowList
from worker.transports import Carrier
from worker.transports.addresses import Guard

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def settings(**overrides) -> Settings:
    """Settings without the environment's, with loopback allowed and short time-outs."""
    chosen = {"allowed_addresses": LOOPBACK, "connect_timeout_s": 2.0, "total_timeout_s": 5.0} | overrides
    return Settings(_env_file=None, **chosen)


@pytest.fixture
def new_carrier():
    """Makes carriers that are closed after use; the arguments are settings, and the names that its resolver knows."""

    @asynccontextmanager
    async def make(names=None, **overrides):
        chosen = settings(**overrides)
        known = None if names is None else Guard(AllowList(chosen.allowed_addresses), look_up=resolver(names))
        carrier = Carrier(chosen, known)
        try:
            yield carrier
        finally:
            await carrier.close()

    return make


@pytest.fixture
async def carrier(new_carrier):
    """A carrier that may reach loopback."""
    async with new_carrier() as made:
        yield made


@pytest.fixture
def listen():
    """Serves a stream handler on a free loopback port, which is what the context manager gives."""

    @asynccontextmanager
    async def serve(handler, **options):
        tasks = set()

        async def handled(reader, writer):
            tasks.add(asyncio.current_task())
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handled, "127.0.0.1", 0, **options)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return serve


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1."""

    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server presents it with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate, made once."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    made.cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@dataclass
class Mailbox:
    """An aiosmtpd handler: keeps what it takes, and refuses whom `refuse` names."""

    refuse: dict[str, str] = field(default_factory=dict)
    """Recipient to reply line."""
    sender_reply: str = "250 OK"
    data_reply: str = "250 2.0.0 queued as 42"
    taken: list = field(default_factory=list)
    logins: list = field(default_factory=list)
    over_tls: list = field(default_factory=list)

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        """MAIL FROM."""
        if self.sender_reply.startswith("2"):
            envelope.mail_from = address
        return self.sender_reply

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        """RCPT TO."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        """The message itself."""
        self.taken.append(envelope)
        self.over_tls.append(session.ssl is not None)
        return self.data_reply

    def authenticate(self, server, session, envelope, mechanism, auth_data):
        """Takes `secret-pass` only."""
        self.logins.append((mechanism, auth_data.login))
        known = auth_data.password == b"secret-pass"
        return aiosmtpd.AuthResult(success=known, handled=known)


@pytest.fixture
def mailbox():
    """What an SMTP server does with mail: keeps it, unless the test says otherwise."""
    return Mailbox()


@pytest.fixture
def smtp_server():
    """Runs aiosmtpd on the test's loop and a free port, which is what the context manager gives."""

    @asynccontextmanager
    async def serve(mailbox, *, implicit_tls=None, **options):
        loop = asyncio.get_running_loop()

        def protocol():
            with warnings.catch_warnings():
                # aiosmtpd warns of AUTH without TLS, which is what one of the tests is about.
                warnings.filterwarnings(
                    "ignore", message="Requiring AUTH while not requiring TLS", category=UserWarning
                )
                return aiosmtpd.SMTP(
                    mailbox, loop=loop, hostname="mx.test", authenticator=mailbox.authenticate, **options
                )

        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit_tls)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    return serve


NSCA = shutil.which("nsca", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@dataclass(frozen=True)
class Daemon:
    """A running NSCA daemon."""

    port: int
    command_file: Path


@pytest.fixture
def nsca_daemon(tmp_path):
    """Starts the real NSCA daemon with a method and a password."""
    if NSCA is None:
        pytest.skip("Debian package nsca is not installed")

    @asynccontextmanager
    async def run(*, method: int, password: str):
        daemon = Daemon(_free_port(), tmp_path / "nagios.cmd")
        daemon.command_file.touch()
        config = tmp_path / "nsca.cfg"
        config.write_text(
            f"server_address=127.0.0.1\nserver_port={daemon.port}\npid_file={tmp_path / 'nsca.pid'}\n"
            f"command_file={daemon.command_file}\nalternate_dump_file={tmp_path / 'nsca.dump'}\n"
            f"decryption_method={method}\npassword={password}\nmax_packet_age=30\nappend_to_file=1\ndebug=0\n"
        )
        process = await asyncio.create_subprocess_exec(NSCA, "-f", "-c", str(config), "--daemon")
        try:
            await _answers(daemon.port, process)
            yield daemon
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return run


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def _answers(port: int, process) -> None:
    async with asyncio.timeout(10):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
    raise RuntimeError(f"nsca ended with {process.returncode}")
