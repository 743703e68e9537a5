"""The CA for https: how it is made, kept and checked, what it may sign, and what it signs."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import utc_now
from flaresend_mock.http import tls
from flaresend_mock.http.tls import Authority, AuthorityError, certificate_file, names
from flaresend_mock.server import CannotStart
from flaresend_mock.settings import data_folder
from tests.handshake import is_trusted, shake_hands, trusting

PEM = serialization.Encoding.PEM
EC = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def private(key: Any, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)


def own_ca(
    key: Any = EC,
    *,
    ca: bool = True,
    usage: bool | None = None,
    start: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
    limits: x509.NameConstraints | None = None,
    name: str = "A CA of the user",
    below: tuple[x509.Certificate, Any] | None = None,
) -> x509.Certificate:
    """Return the certificate of a CA as another tool makes it: with few extensions."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (below[0].subject, below[1]) if below else (subject, key)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), start, end)
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if usage is not None:
        flags = [False] * 5 + [usage, True, False, False]
        builder = builder.add_extension(x509.KeyUsage(*flags), critical=True)
    if limits:
        builder = builder.add_extension(limits, critical=True)
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def bundle(key: Any, *certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(PEM) for one in certificates) + private(key)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "ca.pem")


def leaf(authority: Authority, *extra: str) -> x509.Certificate:
    """Return the certificate that a server with this CA shows."""
    caller, _ = shake_hands(trusting(authority.certificate), authority.context(names(",".join(extra))), "localhost")
    shown = caller.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown)


def value(certificate: x509.Certificate, kind: type[Any]) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


def chain(file: Path) -> tuple[x509.Certificate, x509.Certificate]:
    """Return the certificate whose key is in the file of a new CA, and that of the root above it."""
    issuer, root = x509.load_pem_x509_certificates(file.read_bytes())
    return issuer, root


# --- how it is made and kept


def test_a_ca_is_made_on_first_use_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "data_folder", lambda: tmp_path / "new" / "flaresend-mock")

    made, again = Authority.open(), Authority.open()

    assert made.path is not None
    assert made.path == again.path == tmp_path / "new" / "flaresend-mock" / "ca.pem"
    assert made.certificate == again.certificate
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert {one.name for one in made.path.parent.iterdir()} == {"ca.pem", "ca-certificate.pem"}


def test_the_certificate_is_kept_beside_the_ca_to_be_shared(authority: Authority) -> None:
    assert authority.path is not None
    file = certificate_file(authority.path)

    assert file.read_bytes() == authority.certificate
    assert b"KEY" not in authority.certificate
    assert stat.S_IMODE(file.stat().st_mode) & 0o444 == 0o444 & ~umask()


def umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def test_a_new_ca_replaces_the_certificate_of_a_deleted_one(authority: Authority) -> None:
    assert authority.path is not None
    authority.path.unlink()

    made = Authority.open(authority.path)

    assert made.certificate != authority.certificate
    assert certificate_file(authority.path).read_bytes() == made.certificate


def test_threads_that_use_it_first_at_once_get_the_same_ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, barrier, make = tmp_path / "ca.pem", threading.Barrier(8), tls._made

    def made(hosts: Any) -> bytes:  # all threads have found no CA before the first one keeps its own
        data = make(hosts)
        barrier.wait(30)
        return data

    monkeypatch.setattr(tls, "_made", made)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: Authority.open(file), range(8)))

    assert {one.certificate for one in opened} == {certificate_file(file).read_bytes()}
    assert {one.name for one in tmp_path.iterdir()} == {"ca.pem", "ca-certificate.pem"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_system_without_links_keeps_a_ca_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    file, earlier = tmp_path / "ca.pem", bundle(EC, own_ca())

    def link(*_: object) -> None:
        if is_there:  # another process was faster
            file.write_bytes(earlier)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    authority = Authority.open(file)

    assert Authority.open(file).certificate == authority.certificate
    assert (file.read_bytes() == earlier) == is_there
    assert is_there or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_processes_that_use_it_first_at_once_get_the_same_ca(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from flaresend_mock.http.tls import Authority;"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(Authority.open(Path(sys.argv[1])).certificate.hex())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "ca.pem")]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = {process.communicate(timeout=30)[0].strip() for process in running}

    assert found == {certificate_file(tmp_path / "ca.pem").read_bytes().hex()}


@pytest.mark.parametrize("folder", [None, "a file", "/proc/flaresend-mock"])
def test_where_no_folder_can_be_written_a_run_has_a_ca_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, folder: str | None
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setattr(tls, "data_folder", lambda: tmp_path / folder / "x" if folder else None)

    authority = Authority.open()

    assert authority.path is None
    assert is_trusted(trusting(authority.certificate), authority.context(names()), "api.flaresend.com")
    (line,) = caplog.messages
    assert "this run has a CA of its own" in line
    assert "--tls-ca" in line


def test_a_folder_for_a_chosen_ca_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match=r"^the CA /.*/missing/ca.pem cannot be made: No such file or directory$"):
        Authority.open(tmp_path / "missing" / "ca.pem")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/flaresend-mock"),
        ("linux", {"XDG_DATA_HOME": "not/absolute"}, "/home/ann/.local/share/flaresend-mock"),
        ("linux", {"XDG_DATA_HOME": ""}, "/home/ann/.local/share/flaresend-mock"),
        ("linux", {}, "/home/ann/.local/share/flaresend-mock"),
        ("darwin", {}, "/home/ann/Library/Application Support/flaresend-mock"),
        ("win32", {"LOCALAPPDATA": "/users/ann/local"}, "/users/ann/local/flaresend-mock"),
        ("win32", {"XDG_DATA_HOME": "/data"}, "/home/ann/AppData/Local/flaresend-mock"),
    ],
)
def test_the_folder_is_where_the_system_keeps_data_of_its_users(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ann"))

    assert data_folder(environment, platform) == Path(expected)


def test_a_user_without_a_home_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    assert data_folder({}) is None


# --- what it may sign, and what it signs


@pytest.mark.parametrize("which", [0, 1], ids=["issuer", "root"])
def test_a_new_ca_is_limited_to_the_names_of_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "build-7.example.com")
    Authority.open(tmp_path / "ca.pem", "wa.test,10.1.2.3,fd00::5,127.0.0.9")
    found = chain(tmp_path / "ca.pem")[which]

    assert {one.oid: one.critical for one in found.extensions} == {
        x509.BasicConstraints.oid: True,
        x509.KeyUsage.oid: True,
        x509.NameConstraints.oid: True,
        x509.ExtendedKeyUsage.oid: False,
        x509.SubjectKeyIdentifier.oid: False,
        x509.AuthorityKeyIdentifier.oid: False,
    }
    limits = value(found, x509.NameConstraints)
    hosts = {one.value for one in limits.permitted_subtrees if isinstance(one, x509.DNSName)}
    networks = {one.value for one in limits.permitted_subtrees if isinstance(one, x509.IPAddress)}
    assert hosts == {
        "api.flaresend.com",
        "localhost",
        "flaresend",
        "flaresend-mock",
        "host.docker.internal",
        "build-7.example.com",
        "wa.test",
    }
    assert networks == {ip_network(one) for one in ("127.0.0.0/8", "::1/128", "10.1.2.3/32", "fd00::5/128")}
    assert limits.excluded_subtrees is None
    assert value(found, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=which)
    usage = value(found, x509.KeyUsage)
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert list(value(found, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_new_ca_says_what_it_is_and_is_valid_for_ten_years(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Ann's\nmachine")
    Authority.open(tmp_path / "ca.pem")

    for one in chain(tmp_path / "ca.pem"):
        (name,) = one.subject
        assert str(name.value).startswith("flaresend-mock ")
        assert str(name.value).endswith(" of Ann?s?machine")
        assert one.not_valid_after_utc - one.not_valid_before_utc == timedelta(days=3652)
        assert DAY <= datetime.now(UTC) - one.not_valid_before_utc < DAY + timedelta(minutes=1)
        assert isinstance(one.public_key(), ec.EllipticCurvePublicKey)


def test_no_one_keeps_the_key_of_the_root(tmp_path: Path) -> None:
    Authority.open(tmp_path / "ca.pem")
    issuer, root = chain(tmp_path / "ca.pem")
    data = (tmp_path / "ca.pem").read_bytes()

    assert data.count(b"PRIVATE KEY-----\n") == 2  # begin and end of one
    kept = serialization.load_pem_private_key(data[data.index(b"-----BEGIN PRIVATE") :], None)
    assert kept.public_key() == issuer.public_key() != root.public_key()


@pytest.mark.parametrize("host", ["evil.example", "flaresend.com", "notlocalhost", "10.1.2.3", "::2", "xlocalhost"])
def test_clients_refuse_what_the_key_of_the_ca_signs_for_other_names(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(tls, "_may_sign", lambda issuer, name: True)
    forged = authority.context([host])

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(trusting(authority.certificate), forged, host)


@pytest.mark.parametrize("host", ["api.flaresend.com", "localhost", "127.0.0.1", "::1", "flaresend", "flaresend-mock"])
def test_strict_clients_accept_the_names_of_the_emulator(authority: Authority, host: str) -> None:
    client = trusting(authority.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on

    shake_hands(client, authority.context(names()), host)


def test_the_certificate_is_one_of_a_server_for_all_names(authority: Authority) -> None:
    assert authority.path is not None
    found = leaf(authority)
    issuer, _ = chain(authority.path)

    (subject,) = found.subject
    assert subject.value == "api.flaresend.com"
    hosts = [one.value for one in value(found, x509.SubjectAlternativeName)]
    assert hosts[:4] == ["api.flaresend.com", "localhost", ip_address("127.0.0.1"), ip_address("::1")]
    assert {*hosts} >= {"flaresend", "flaresend-mock", "host.docker.internal"}
    assert list(value(found, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert value(found, x509.BasicConstraints).ca is False
    assert value(found, x509.KeyUsage).digital_signature
    assert not value(found, x509.KeyUsage).key_cert_sign
    assert value(found, x509.AuthorityKeyIdentifier).key_identifier == value(issuer, x509.SubjectKeyIdentifier).digest
    assert found.not_valid_after_utc - found.not_valid_before_utc == timedelta(days=397)
    assert DAY <= datetime.now(UTC) - found.not_valid_before_utc < DAY + timedelta(minutes=1)


def test_every_emulator_has_a_key_and_a_number_of_its_own(authority: Authority) -> None:
    first, second = leaf(authority), leaf(authority)

    assert first.public_key() != second.public_key()
    assert first.serial_number != second.serial_number


def test_the_certificate_ends_with_the_ca(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(bundle(EC, own_ca(start=NOW - timedelta(minutes=5), end=NOW + 2 * DAY)))
    found = leaf(Authority.open(tmp_path / "ca.pem"))

    assert found.not_valid_before_utc == (NOW - timedelta(minutes=5)).replace(microsecond=0)
    assert found.not_valid_after_utc == (NOW + 2 * DAY).replace(microsecond=0)


def test_the_server_shows_one_certificate_whichever_name_is_asked_for(authority: Authority) -> None:
    client, server = trusting(authority.certificate), authority.context(names())
    client.check_hostname = False

    shown = [shake_hands(client, server, host)[1] for host in ("localhost", "evil.example", "10.9.8.7")]
    assert len({one["serialNumber"] for one in shown}) == 1


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None)]
)
def test_the_server_speaks_http_1_1(authority: Authority, offered: list[str], chosen: str | None) -> None:
    client = trusting(authority.certificate)
    if offered:
        client.set_alpn_protocols(offered)

    caller, _ = shake_hands(client, authority.context(names()), "localhost")
    assert caller.selected_alpn_protocol() == chosen


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_server_speaks_tls_1_2_and_1_3(authority: Authority, version: ssl.TLSVersion) -> None:
    client = trusting(authority.certificate)
    client.minimum_version = client.maximum_version = version

    caller, _ = shake_hands(client, authority.context(names()), "localhost")
    assert caller.version() == version.name.replace("_", ".")


def test_the_server_refuses_older_versions(authority: Authority) -> None:
    context = authority.context(names())

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_the_key_of_the_certificate_is_on_no_disk_afterwards(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str
) -> None:
    seen: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def loading(context: ssl.SSLContext, file: str) -> None:
        seen.append(stat.S_IMODE(Path(file).stat().st_mode) & 0o077 if platform != "linux" else 0)
        load(context, file)

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", loading)
    monkeypatch.setattr(sys, "platform", platform)
    context = authority.context(names())

    assert is_trusted(trusting(authority.certificate), context, "localhost")
    assert seen == [0]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("build-7", "build-7"),
        ("DESKTOP-4F2A", "desktop-4f2a"),
        ("thinkpad.lan.", "thinkpad.lan"),
        ("8f0c1b2d3e4f", "8f0c1b2d3e4f"),
        ("dev", None),  # below it is a public top-level domain
        ("xn--p1ai", None),
        ("my_host", None),  # some clients read no certificate with such a limit
        ("-x", None),
        ("x-.lan", None),
        ("10.0.0.1", None),
        ("1234", None),
        ("café", None),
        ("a b", None),
        ("", None),
        ("\udcff", None),
        ("a1." * 85 + "lan", None),
        ("a1" * 32, None),
    ],
)
def test_the_name_of_the_machine_is_one_of_them_where_a_ca_can_be_limited_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: str, expected: str | None
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "x")
    others = set(names())
    monkeypatch.setattr(socket, "gethostname", lambda: machine)

    assert set(names()) - others == ({expected} if expected else set())
    Authority.open(tmp_path / "ca.pem").context(names())


def test_further_names_are_those_of_an_option_each_once() -> None:
    assert names("wa.test,10.1.2.3,localhost,::1") == (*names(), "wa.test", "10.1.2.3")


def test_the_machine_may_get_another_name_but_further_names_need_another_ca(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "before-1")
    authority = Authority.open(tmp_path / "ca.pem", "wa.test")
    monkeypatch.setattr(socket, "gethostname", lambda: "after-1")

    hosts = [one.value for one in value(leaf(authority, "wa.test", "sub.wa.test"), x509.SubjectAlternativeName)]
    assert {"wa.test", "sub.wa.test"} <= {*hosts}
    assert {"before-1", "after-1"} & {*hosts} == set()
    with pytest.raises(AuthorityError, match=r"ca.pem may not sign other.test, 10.9.8.7; delete the file .* --tls-ca$"):
        authority.context(names("other.test,wa.test,10.9.8.7"))


# --- a CA of the user


OWN: list[tuple[str, Callable[[], bytes]]] = [
    ("ec", lambda: bundle(EC, own_ca())),
    ("key first", lambda: private(EC) + own_ca().public_bytes(PEM)),
    ("p384", lambda: bundle(key := ec.generate_private_key(ec.SECP384R1()), own_ca(key))),
    ("rsa", lambda: bundle(key := rsa.generate_private_key(65537, 2048), own_ca(key))),
    ("ed25519", lambda: bundle(key := ed25519.Ed25519PrivateKey.generate(), own_ca(key))),
    ("with a usage", lambda: bundle(EC, own_ca(usage=True))),
    ("with notes", lambda: b"A CA\n" + own_ca().public_bytes(PEM) + b"\nIts key\n" + traditional(EC)),
]


def traditional(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as `openssl ecparam -genkey` writes it."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return parameters + key.private_bytes(PEM, form, serialization.NoEncryption())


@pytest.mark.parametrize("make", [make for _, make in OWN], ids=[name for name, _ in OWN])
def test_a_ca_of_the_user_signs_without_limits(tmp_path: Path, make: Callable[[], bytes]) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(make())
    before = file.read_bytes()

    with FlaresendMock(tls_ca=str(file), tls_name="anything.example") as emulator:
        client = trusting(emulator.authority.certificate)
        assert is_trusted(client, emulator.tls_context(), "anything.example")
        assert is_trusted(client, emulator.tls_context(), "api.flaresend.com")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_ca_below_a_root_is_shown_with_all_between_and_clients_trust_the_root(tmp_path: Path) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = own_ca(keys[0], name="Root")
    middle = own_ca(keys[1], name="Middle", below=(root, keys[0]))
    issuer = own_ca(keys[2], name="Issuer", below=(middle, keys[1]))
    (tmp_path / "own.pem").write_bytes(bundle(keys[2], root, middle, issuer))
    authority = Authority.open(tmp_path / "own.pem")

    assert authority.certificate == root.public_bytes(PEM)
    assert is_trusted(trusting(root.public_bytes(PEM)), authority.context(names()), "localhost")


def constraints(permitted: list[str] | None, excluded: list[str] | None = None) -> x509.NameConstraints:
    def general(one: str) -> x509.GeneralName:
        return x509.IPAddress(ip_network(one)) if one[0].isdigit() else x509.DNSName(one)

    return x509.NameConstraints(
        permitted and [general(one) for one in permitted], excluded and [general(one) for one in excluded]
    )


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        (constraints(["flaresend.com"]), None),
        (constraints(["Api.Flaresend.Com"]), None),
        (constraints(["com"]), None),
        (constraints(["127.0.0.0/8"]), None),
        (constraints(None, ["flaresend.com.example"]), None),
        (constraints(None, ["10.0.0.0/8"]), None),
        (constraints(["corp.example"]), "api.flaresend.com"),
        (constraints(["x.api.flaresend.com"]), "api.flaresend.com"),
        (constraints(["resend.com"]), "api.flaresend.com"),
        (constraints(None, ["flaresend.com"]), "api.flaresend.com"),
        (constraints(["flaresend.com", "wa.test"], ["test"]), "wa.test"),
        (constraints(["flaresend.com", "wa.test", "10.0.0.0/8"], ["10.1.0.0/16"]), "10.1.2.3"),
    ],
    ids=str,
)
def test_a_ca_of_the_user_is_asked_for_no_more_than_it_may_sign(
    tmp_path: Path, limits: x509.NameConstraints, refused: str | None
) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(bundle(EC, own_ca(limits=limits)))
    extra = refused if refused and refused != "api.flaresend.com" else ""

    if refused:
        with pytest.raises(CannotStart, match=f"own.pem may not sign {refused};"):
            FlaresendMock(tls_ca=str(file), tls_name=extra)
    else:
        with FlaresendMock(tls_ca=str(file)) as emulator:
            assert is_trusted(trusting(emulator.authority.certificate), emulator.tls_context(), "api.flaresend.com")


# --- a CA that cannot be used


def changed(certificate: x509.Certificate, old: bytes, new: bytes) -> bytes:
    """Return a CA in PEM in whose certificate some bytes are others."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert old in der
    return ssl.DER_cert_to_PEM_cert(der.replace(old, new, 1)).encode() + private(EC)


OTHER = ec.generate_private_key(ec.SECP256R1())
DSA = dsa.generate_private_key(1024)
UNREADABLE = "has no certificate, or no EC or RSA key, in PEM"
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", UNREADABLE),
    "garbage": (lambda: b"\x00\xff" * 500, UNREADABLE),
    "only a certificate": (lambda: own_ca().public_bytes(PEM), UNREADABLE),
    "only a key": (lambda: private(EC), UNREADABLE),
    "damaged": (lambda: bundle(EC, own_ca()).replace(b"M", b"N"), UNREADABLE),
    "cut": (lambda: bundle(EC, own_ca())[:-40], UNREADABLE),
    "another version": (lambda: changed(own_ca(), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x1e"), UNREADABLE),
    "a damaged name": (lambda: changed(own_ca(), b"\x55\x04\x03\x0c", b"\x55\x04\x03\x0d"), UNREADABLE),
    "dsa": (lambda: own_ca().public_bytes(PEM) + private(DSA), UNREADABLE),
    "another key": (lambda: bundle(OTHER, own_ca()), "has a key that does not fit its certificate"),
    "a password": (lambda: own_ca().public_bytes(PEM) + private(EC, b"x"), "has an encrypted key"),
    "a server's": (lambda: bundle(EC, own_ca(ca=False)), "is not a CA: its certificate may not sign others"),
    "another usage": (lambda: bundle(EC, own_ca(usage=False)), "is not a CA: its certificate may not sign others"),
    "expired": (
        lambda: bundle(EC, own_ca(start=datetime(2000, 1, 2, tzinfo=UTC), end=datetime(2001, 1, 2, tzinfo=UTC))),
        "expired on 2001-01-02; delete the file to have another one made",
    ),
    "not yet valid": (
        lambda: bundle(EC, own_ca(start=datetime(2090, 1, 2, tzinfo=UTC), end=datetime(2091, 1, 2, tzinfo=UTC))),
        "is not valid before 2090-01-02",
    ),
}


@pytest.mark.parametrize(("make", "problem"), BAD.values(), ids=BAD)
def test_a_ca_that_cannot_be_used_is_one_line(tmp_path: Path, make: Callable[[], bytes], problem: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(make())

    with pytest.raises(CannotStart) as refusal:
        FlaresendMock(tls_ca=str(file))
    assert str(refusal.value).startswith(f"the CA {file} {problem}")
    assert "\n" not in str(refusal.value)


def test_a_folder_and_an_unreadable_file_are_no_ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotStart, match=r"^the CA /.* cannot be read: Is a directory$"):
        FlaresendMock(tls_ca=str(tmp_path))
    (tmp_path / "ca.pem").symlink_to("ca.pem")
    monkeypatch.setattr(tls, "data_folder", lambda: tmp_path)
    with pytest.raises(AuthorityError, match=r"^the CA /.*/ca.pem cannot be read: Too many levels of symbolic links$"):
        Authority.open()


def test_a_link_to_nowhere_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").symlink_to(tmp_path / "gone.pem")

    with pytest.raises(AuthorityError, match="cannot be made: No such file or directory"):
        Authority.open(tmp_path / "ca.pem")
    assert [one.name for one in tmp_path.iterdir()] == ["ca.pem"]


def test_an_endless_file_is_no_ca() -> None:
    with pytest.raises(AuthorityError, match=UNREADABLE):
        Authority.open(Path("/dev/zero"))


def test_a_ca_that_cannot_be_used_is_no_problem_until_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "data_folder", lambda: tmp_path)
    (tmp_path / "ca.pem").write_bytes(BAD["expired"][0]())
    emulator = FlaresendMock()

    response = emulator.app.test_client().get("/_mock/ca.pem")
    assert response.status_code == 409
    assert response.json["error"]["code"] == "no_ca"
    assert "expired on 2001-01-02; delete the file" in response.json["error"]["message"]
    (tmp_path / "ca.pem").unlink()
    assert emulator.app.test_client().get("/_mock/ca.pem").status_code == 200


# --- GET /_mock/ca.pem


def test_the_certificate_is_served_without_a_token_and_without_a_key(tmp_path: Path) -> None:
    client = FlaresendMock(tls_ca=str(tmp_path / "ca.pem"), control_token="secret").app.test_client()

    response = client.get("/_mock/ca.pem")
    assert (response.status_code, response.content_type) == (200, "application/x-pem-file")
    assert response.data == certificate_file(tmp_path / "ca.pem").read_bytes()
    assert client.get("/_mock/ca.pemx").status_code == 401


def test_pages_of_other_origins_do_not_get_the_certificate() -> None:
    client = FlaresendMock().app.test_client()
    assert client.get("/_mock/ca.pem", headers={"Origin": "https://evil.example"}).status_code == 403


# --- secrets and time


def test_no_key_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FlaresendMock(tls_ca=str(tmp_path / "ca.pem")) as emulator:
        emulator.app.test_client().get("/_mock/ca.pem")
        key = (tmp_path / "ca.pem").read_text().partition("PRIVATE KEY-----\n")[2].splitlines()[0]

    assert f"made the CA {tmp_path / 'ca.pem'}" in caplog.text
    assert key not in caplog.text
    assert "PRIVATE" not in caplog.text


def test_certificates_have_the_time_of_the_machine_where_tests_freeze_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert abs(utc_now() - datetime.now(UTC)) < timedelta(minutes=1)
    authority = Authority.open(tmp_path / "ca.pem")
    assert is_trusted(trusting(authority.certificate), authority.context(names()), "localhost")
