"""Certificates for receivers of webhooks, good and bad ones."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LONG_AGO, LONG_AFTER = dt.datetime(2001, 1, 1, tzinfo=dt.UTC), dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
EXPIRED, NOT_YET = dt.datetime(2001, 2, 1, tzinfo=dt.UTC), dt.datetime(2199, 1, 1, tzinfo=dt.UTC)
HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Signed:
    """A certificate with its key, and the certificate that verifies it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, *how).decode()

    def context(self) -> ssl.SSLContext:
        """Return the side of a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as folder:
            file = Path(folder, "both.pem")
            file.write_text(self.key_pem + self.pem, encoding="ascii")
            context.load_cert_chain(file)
        return context


def sign(
    by: Signed | None = None,
    names: Sequence[str] = HERE,
    *,
    start: dt.datetime = LONG_AGO,
    end: dt.datetime = LONG_AFTER,
    ca: bool = False,
    title: str = "receiver",
) -> Signed:
    """Return a new certificate for names and addresses, signed by another or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    alternatives = [
        x509.IPAddress(ip_address(name)) if name[0].isdigit() or ":" in name else x509.DNSName(name) for name in names
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Signed(builder.sign(by.key if by else key, hashes.SHA256()), key)


OWN = "a CA of tests"


@cache
def _authority(title: str) -> Signed:
    return sign(names=(), ca=True, title=title)


@cache
def _receiver_of(title: str) -> Signed:
    return sign(_authority(title))


def authority(title: str = OWN) -> Signed:
    """Return a CA; one for each title."""
    return _authority(title)


def receiver_of(title: str = OWN) -> Signed:
    """Return the certificate of a receiver on this machine, signed by the CA with this title."""
    return _receiver_of(title)
