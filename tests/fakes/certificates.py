"""Certificates and the servers' contexts that show them: good, expired, for another name, of a stranger, too old."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """What a server, or a client that is asked for one, shows."""

    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server presents it with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context

    def old_server_context(self) -> ssl.SSLContext:
        """The same for a server that never heard of TLS 1.2."""
        context = self.server_context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        # OpenSSL 3 speaks it on its lowest level only: https://docs.openssl.org/3.0/man3/SSL_CTX_set_security_level
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context


class Authority:
    """A certificate authority that nobody but the tests trusts; what it issues lies in `folder`."""

    def __init__(self, folder: Path, name: str = "Tests' authority") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issued = 0
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(self._own()))

    def issue(self, *names: str, expired: bool = False) -> Certificate:
        """A certificate for these hosts, or for localhost and 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        chosen = names or (HOST, "127.0.0.1")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, chosen[0])])
        builder = _dated(subject, self._name, key, ends=-DAY if expired else DAY)
        alternatives = x509.SubjectAlternativeName([_general(name) for name in chosen])
        builder = builder.add_extension(alternatives, critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        self._issued += 1
        return _kept(self._folder / f"issued-{self._issued}", builder.sign(self._key, hashes.SHA256()), key)

    def _own(self) -> x509.Certificate:
        builder = _dated(self._name, self._name, self._key, ends=DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._key, hashes.SHA256())


def self_signed(folder: Path) -> Certificate:
    """A certificate for localhost and 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    builder = _dated(name, name, key, ends=DAY)
    alternatives = x509.SubjectAlternativeName([_general(HOST), _general("127.0.0.1")])
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return _kept(folder / "self-signed", builder.sign(key, hashes.SHA256()), key)


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ends: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - 7 * DAY)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.not_valid_after(now + ends).add_extension(identifier, critical=False)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _kept(base: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certificate:
    made = Certificate(base.with_suffix(".pem"), base.with_suffix(".key"))
    made.cert_file.write_bytes(_pem(certificate))
    made.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
