"""A throw-away certificate for STARTTLS: self-signed, made when it is first asked for, never kept."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "localhost"
DAYS = 7


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows, and what a client may be told to trust."""

    pem: bytes
    context: ssl.SSLContext = field(repr=False)


def make_certificate() -> Certificate:
    """A certificate for localhost, 127.0.0.1 and ::1, good for a week."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = _signed(key).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Python loads certificates from files only; the folder is for this user alone, and gone at once.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sandbox.pem"
        path.write_bytes(private + pem)
        context.load_cert_chain(path)
    return Certificate(pem, context)


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = [x509.DNSName(NAME), *(x509.IPAddress(ip_address(address)) for address in ("127.0.0.1", "::1"))]
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
