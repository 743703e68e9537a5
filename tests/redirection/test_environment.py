"""The variables that lead programs to the emulator, and the files that they name."""

import hashlib
import os
import ssl
import struct
from pathlib import Path

import pytest

from flaresend_mock import environment
from flaresend_mock.environment import variables, with_port, write_files
from flaresend_mock.http.tls import Authority

URL = "http://127.0.0.1:3577"


@pytest.fixture(scope="module")
def authority() -> bytes:
    return Authority.open().certificate


def fingerprints(pem: bytes) -> set[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem.decode())
    return {hashlib.sha256(one).hexdigest() for one in context.get_ca_certs(binary_form=True)}


def test_the_proxy_leads_to_the_emulator_and_local_hosts_need_none(tmp_path: Path) -> None:
    found = variables("http://flaresend:3577", "http://127.0.0.1:4000", tmp_path, {})

    assert {found[name] for name in ("HTTPS_PROXY", "https_proxy")} == {"http://127.0.0.1:4000"}
    assert {found[name] for name in ("NO_PROXY", "no_proxy")} == {"localhost,127.0.0.1,::1,flaresend"}
    assert "HTTP_PROXY" not in found
    assert "http_proxy" not in found


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("db, .corp.example", "db,.corp.example,"),
        ("*", ""),
        ("*.flaresend.com,db", "db,"),
        ("API.Flaresend.com:443,com,.com", ""),
        ("notflaresend.com,10.0.0.0/8", "notflaresend.com,10.0.0.0/8,"),
    ],
)
def test_no_entry_of_no_proxy_keeps_the_api_from_the_proxy(before: str, kept: str, tmp_path: Path) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert variables(URL, URL, tmp_path, {name: before})["NO_PROXY"] == f"{kept}localhost,127.0.0.1,::1"


def test_values_that_combine_are_kept_and_come_in_once(tmp_path: Path) -> None:
    before = {
        "NODE_OPTIONS": "--max-old-space-size=64",
        "JAVA_TOOL_OPTIONS": "-Xmx1g",
        "PYTHONPATH": "/their/modules",
        "RUBYOPT": "-W0",
        "RUBYLIB": "/their/lib",
        "PHP_INI_SCAN_DIR": "/their/ini",
    }
    found = variables(URL, URL, tmp_path, before)

    assert found["NODE_OPTIONS"] == f"--max-old-space-size=64 --require {tmp_path}/node.cjs"
    assert found["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=3577 ")
    assert found["PYTHONPATH"] == os.pathsep.join([f"{tmp_path / 'python'}", "/their/modules"])
    assert found["RUBYOPT"] == "-W0 -rflaresend_mock_redirect"
    assert found["RUBYLIB"] == os.pathsep.join([f"{tmp_path / 'ruby'}", "/their/lib"])
    assert found["PHP_INI_SCAN_DIR"] == os.pathsep.join(["/their/ini", f"{tmp_path / 'php'}"])
    assert variables(URL, URL, tmp_path, before | found) == found


def test_php_still_scans_the_folder_it_was_built_with(tmp_path: Path) -> None:
    assert variables(URL, URL, tmp_path, {})["PHP_INI_SCAN_DIR"] == f"{os.pathsep}{tmp_path / 'php'}"


def test_paths_with_spaces_are_quoted() -> None:
    found = variables(URL, URL, Path("/a b"), {})

    assert found["NODE_OPTIONS"] == '--require "/a b/node.cjs"'
    assert '"-Djavax.net.ssl.trustStore=/a b/truststore.jks"' in found["JAVA_TOOL_OPTIONS"]


def test_a_folder_may_have_a_name_that_is_no_text(authority: bytes, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    write_files(folder, authority, {})
    assert os.fsencode(folder) in (folder / "php" / "flaresend-mock.ini").read_bytes()


def test_java_needs_no_proxy_for_the_hosts_of_no_proxy(tmp_path: Path) -> None:
    found = variables(URL, URL, tmp_path, {"NO_PROXY": ".corp.example,db,10.0.0.0/8"})

    assert "-Dhttp.nonProxyHosts=127.*|*.corp.example|db|localhost|127.0.0.1|[::1] " in found["JAVA_TOOL_OPTIONS"]


def test_the_bundle_has_the_public_certificates_and_ours(authority: bytes, tmp_path: Path) -> None:
    write_files(tmp_path, authority, {})

    bundle = fingerprints((tmp_path / environment.BUNDLE).read_bytes())
    import certifi

    assert fingerprints(authority) <= bundle
    assert fingerprints(Path(certifi.where()).read_bytes()) <= bundle


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"])
def test_the_bundle_has_the_certificates_that_the_program_trusted(name: str, authority: bytes, tmp_path: Path) -> None:
    theirs = Authority.open(tmp_path / "their-ca.pem").certificate
    (tmp_path / "theirs.pem").write_bytes(b"# of our company\n" + theirs)
    write_files(tmp_path, authority, {name: str(tmp_path / "theirs.pem")})

    assert fingerprints(theirs) | fingerprints(authority) <= fingerprints((tmp_path / environment.BUNDLE).read_bytes())


def test_a_folder_of_certificates_and_files_that_cannot_be_read_do_no_harm(authority: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    theirs = Authority.open(tmp_path / "their-ca.pem").certificate
    (folder / "theirs.0").write_bytes(theirs)
    (folder / "broken.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
    before = {"REQUESTS_CA_BUNDLE": str(folder), "SSL_CERT_FILE": str(tmp_path / "missing.pem")}
    write_files(tmp_path, authority, before)

    assert fingerprints(theirs) <= fingerprints((tmp_path / environment.BUNDLE).read_bytes())


def test_java_gets_the_same_certificates_in_its_own_format(authority: bytes, tmp_path: Path) -> None:
    write_files(tmp_path, authority, {})
    store = (tmp_path / environment.TRUST_STORE).read_bytes()
    body, digest = store[:-20], store[-20:]

    assert struct.unpack(">II", body[:8]) == (0xFEEDFEED, 2)
    assert struct.unpack(">I", body[8:12])[0] == (tmp_path / environment.BUNDLE).read_bytes().count(b"BEGIN CERT")
    assert digest == hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3577", "http://127.0.0.1:3577"),
        ("https://[::1]:3577/", "http://[::1]:3577"),
        ("https://flaresend", "http://flaresend:443"),
        ("http://flaresend/", "http://flaresend:80"),
    ],
)
def test_every_port_is_a_proxy(url: str, expected: str) -> None:
    assert with_port(url) == expected
