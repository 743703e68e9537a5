"""TLS: the CA of this user, which is made on first use, and the certificate that it signs for one emulator.

It imports cryptography, which takes a while: other modules import this one when they first need it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flaresend_mock.background import files
from flaresend_mock.background.realtime import utc_now
from flaresend_mock.core.errors import AuthorityError as AuthorityError
from flaresend_mock.core.hosts import address_of
from flaresend_mock.http.proxy import names
from flaresend_mock.settings import data_folder

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
CA_LIFE, LEAF_LIFE = 3652 * DAY, 397 * DAY
MAX_FILE = 1024 * 1024

_EcKey = ec.EllipticCurvePrivateKey
_Key = _EcKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_DAMAGED = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_NO = (False,) * 5
_SIGNS_HELLOS, _SIGNS_CERTIFICATES = x509.KeyUsage(True, *_NO, *_NO[:3]), x509.KeyUsage(*_NO, True, True, *_NO[:2])
_Id = x509.SubjectKeyIdentifier
_id = _Id.from_public_key
_PEM = serialization.Encoding.PEM
_LOOPBACK = ("127.0.0.0/8", "::1/128")


def default_path() -> Path | None:
    """Return the file of this user's CA, or None for a user without a home."""
    folder = data_folder()
    return folder / "ca.pem" if folder else None


def certificate_file(ca: Path) -> Path:
    """Return the file beside a new CA that has its certificate without the key, to be shared."""
    return ca.with_name(f"{ca.stem}-certificate.pem")


class Authority:
    """A CA that signs the certificate of an emulator: its certificate and its key, in the file `path` if it has one.

    Further certificates lead from its own to the root that clients trust.
    """

    def __init__(self, pem: bytes, path: Path | None = None) -> None:
        self.path = path
        self._shown = f"the CA {path}" if path else "the CA"
        try:
            self._chain = x509.load_pem_x509_certificates(pem)
            self._key = _private_key(pem)
            fitting = (one for one in self._chain if one.public_key() == self._key.public_key())
            self._issuer = next(fitting, self._chain[0])
            for one in self._chain:
                repr((one.subject, one.issuer, one.extensions))  # parses them, which may fail
            problem = self._problem()
        except TypeError:
            problem = "has an encrypted key; the emulator needs it without a password"
        except (ValueError, UnsupportedAlgorithm, *_DAMAGED):
            problem = "has no certificate, or no EC or RSA key, in PEM"
        if problem:
            raise AuthorityError(f"{self._shown} {problem}")

    @classmethod
    def open(cls, path: Path | None = None, extra: str = "") -> Authority:
        """Return the CA in a file, and make it if there is none. Callers at the same time get the same one.

        Args:
            path: None is the file of this user. If that cannot be written, the CA ends with this process.
            extra: names and addresses that a new CA may sign, besides those of `names`.
        """
        place = path or default_path()
        if place is None:
            return cls._in_memory("this user has no folder for a CA", extra)
        try:
            return cls(_read(place), place)
        except FileNotFoundError:
            pass
        except OSError as error:
            if path is not None or os.path.lexists(place):
                raise AuthorityError(f"the CA {place} cannot be read: {error.strerror or error}") from None
        try:
            if place == default_path():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _keep(place, _made(names(extra)))
            return cls(_read(place), place)
        except OSError as error:
            problem = f"the CA {place} cannot be made: {error.strerror or error}"
        if path is not None:
            raise AuthorityError(problem)
        return cls._in_memory(problem, extra)

    @classmethod
    def temporary(cls, extra: str = "") -> Authority:
        """Return a new CA that ends with this process."""
        return cls(_made(names(extra)))

    @classmethod
    def _in_memory(cls, problem: str, extra: str) -> Authority:
        log.warning("%s; this run has a CA of its own. Choose a file for one with --tls-ca.", problem)
        return cls.temporary(extra)

    @property
    def certificate(self) -> bytes:
        """The certificate that clients trust, in PEM: the root's, if the file has it."""
        roots = (one for one in self._chain if one.subject == one.issuer)
        return _certificates([next(roots, self._issuer)])

    def context(self, wanted: Sequence[str]) -> ssl.SSLContext:
        """Return the server's side of TLS, with one certificate for all names, whichever a client asks for.

        Args:
            wanted: names and addresses. Those of `names` that the CA may not sign are left out, but for the API's:
                the machine may have had another name when the CA was made.
        """
        signed = [name for name in wanted if _may_sign(self._issuer, name)]
        refused = [name for name in wanted if name not in signed and name not in names()[1:]]
        if refused:
            hint = "delete the file to have a CA made that may, or choose another with --tls-ca"
            raise AuthorityError(f"{self._shown} may not sign {', '.join(refused)}; {hint}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # HTTP knows itself where a message ends: clients that just close a connection get no alert
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_IGNORE_UNEXPECTED_EOF
        context.set_alpn_protocols(["http/1.1"])
        try:
            with _as_file(self._sign(signed)) as file:
                context.load_cert_chain(file)
        except (OSError, ValueError) as error:
            raise AuthorityError(f"{self._shown} cannot sign: {error}") from None
        return context

    def _problem(self) -> str | None:
        issuer, now = self._issuer, utc_now()
        basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
        if issuer.public_key() != self._key.public_key():
            return "has a key that does not fit its certificate"
        if not (basic and basic.ca) or (usage and not usage.key_cert_sign):
            return "is not a CA: its certificate may not sign others"
        if issuer.not_valid_after_utc <= now:
            return f"expired on {issuer.not_valid_after_utc:%Y-%m-%d}; delete the file to have another one made"
        if issuer.not_valid_before_utc > now:
            return f"is not valid before {issuer.not_valid_before_utc:%Y-%m-%d}"
        return None

    def _sign(self, signed: Sequence[str]) -> bytes:
        """Return a new key, its certificate, and those that lead from there to the root, in PEM."""
        key, start = ec.generate_private_key(ec.SECP256R1()), utc_now() - DAY
        issuer_id = _extension(self._issuer, x509.SubjectKeyIdentifier) or _id(self._key.public_key())
        # a client refuses an address here: it takes the common name for a host that the CA may not sign
        title = "flaresend-mock server" if address_of(signed[0]) else signed[0]
        certificate = (
            _builder(_name(title), key, self._issuer.subject, issuer_id)
            .not_valid_before(max(start, self._issuer.not_valid_before_utc))
            .not_valid_after(min(start + LEAF_LIFE, self._issuer.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_SIGNS_HELLOS, critical=True)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in signed]), critical=False)
        )
        algorithm = hashes.SHA256() if isinstance(self._key, _EcKey | rsa.RSAPrivateKey) else None
        between = [one for one in self._chain if one.subject != one.issuer]
        return _private(key) + _certificates([certificate.sign(self._key, algorithm), *between])


def describe(pem: bytes) -> dict[str, Any]:
    """Return what users see of a CA's certificate. No names mean that it may sign all."""
    certificate = x509.load_pem_x509_certificate(pem)
    limits = _extension(certificate, x509.NameConstraints)
    hosts = (limits and limits.permitted_subtrees) or ()
    return {
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        "names": [str(one.value) for one in hosts if isinstance(one, x509.DNSName | x509.IPAddress)],
        "valid_until": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "certificate": _certificates([certificate]).decode(),
    }


def _may_sign(issuer: x509.Certificate, name: str) -> bool:
    limits, wanted = _extension(issuer, x509.NameConstraints), _general(name)
    if limits is None:
        return True
    trees = (limits.permitted_subtrees or (), limits.excluded_subtrees or ())
    inside, outside = ([_covers(one, wanted) for one in tree if type(one) is type(wanted)] for tree in trees)
    return (not inside or any(inside)) and not any(outside)


def _covers(limit: Any, wanted: Any) -> bool:
    if isinstance(wanted, x509.IPAddress):
        return wanted.value in limit.value
    base = limit.value.lower().strip(".")
    return not base or f".{wanted.value}".endswith(f".{base}")


def _made(hosts: Sequence[str]) -> bytes:
    """Return a new CA in PEM that may sign these hosts, the names below them, and loopback addresses.

    Java ignores the limits of a root. So the CA is one below a root, whose key is thrown away.
    """
    machine = re.sub(r"[^\w.-]", "?", socket.gethostname(), flags=re.ASCII)
    root, issuer = _name(f"flaresend-mock CA of {machine}"), _name(f"flaresend-mock issuer of {machine}")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = [_limited(issuer, key, root, root_key, 0, hosts), _limited(root, root_key, root, root_key, 1, hosts)]
    return _certificates(chain) + _private(key)


def _limited(
    subject: x509.Name, key: _EcKey, issuer: x509.Name, issuer_key: _EcKey, below: int, hosts: Sequence[str]
) -> x509.Certificate:
    addresses = [address for host in hosts if (address := address_of(host)) and not address.is_loopback]
    networks = [*map(ip_network, _LOOPBACK), *map(ip_network, addresses)]
    limits = [x509.DNSName(host) for host in hosts if not address_of(host)]
    start = utc_now() - DAY
    return (
        _builder(subject, key, issuer, _id(issuer_key.public_key()))
        .not_valid_before(start)
        .not_valid_after(start + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .add_extension(x509.NameConstraints([*limits, *map(x509.IPAddress, networks)], None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(subject: x509.Name, key: _EcKey, issuer: x509.Name, issuer_id: _Id) -> x509.CertificateBuilder:
    signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_id(key.public_key()), critical=False)
        .add_extension(signer, critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _general(host: str) -> x509.DNSName | x509.IPAddress:
    address = address_of(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _private(key: _EcKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _private_key(pem: bytes) -> _Key:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, _Key):
        raise ValueError
    return key


def _certificates(chain: Sequence[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(_PEM) for one in chain)


def _read(place: Path) -> bytes:
    with place.open("rb") as file:
        return file.read(MAX_FILE)


def _keep(place: Path, ca: bytes) -> None:
    """Write a CA that only its owner can read, whole, and its certificate beside it, unless there is a CA already."""
    with files.written_beside(place, ca, private=True) as temporary, suppress(FileExistsError):
        try:
            os.link(temporary, place)
        except FileExistsError:
            raise
        except OSError:  # this file system has no links
            with open(place, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(ca)
        files.write_file(certificate_file(place), Authority(ca).certificate, private=False)
        log.info("made the CA %s; `flaresend-mock --tls-ca %s ca` says how programs trust it", place, place)


@contextmanager
def _as_file(key: bytes) -> Iterator[str]:
    if sys.platform == "linux":
        with open(os.memfd_create("key"), "wb", buffering=0) as memory:
            memory.write(key)
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with TemporaryDirectory() as folder:
            files.write_file(Path(folder, "key"), key, private=True)
            yield str(Path(folder, "key"))
