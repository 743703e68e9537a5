"""flaresend-mock ca: shows the CA for https, and how programs come to trust it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.cli.redirection import TRUST
from flaresend_mock.http import tls
from flaresend_mock.http.tls import Authority, certificate_file
from tests.live.commands import CLEAN, COMMAND, STEERING, Scripted, answered, at, run
from tests.support import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "tls.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tls, "data_folder", lambda: tmp_path / "A user's data")
    return tmp_path / "A user's data"


def test_it_makes_the_ca_and_shows_where_it_is_and_how_it_is_trusted(folder: Path) -> None:
    lines = run("ca").lines

    file = folder / "ca.pem"
    assert file.is_file()
    assert lines[0] == f"CA            {file}"
    assert lines[1].startswith("SHA-256       ")
    assert len(lines[1].split(":")) == 32
    assert lines[2].startswith("Valid until   20")
    assert lines[3].startswith("May sign      api.flaresend.com, localhost, flaresend, ")
    assert lines[3].endswith(", 127.0.0.0/8, ::1/128")
    assert lines[4] == f"Certificate   {certificate_file(file)}"
    for runtime in TRUST:
        (line,) = (line for line in lines if line.startswith(f"{runtime} "))
        assert "A user'\\''s data/ca-certificate.pem'" in line
    assert run("ca").lines == lines


def test_it_prints_the_certificate_alone_and_never_the_key(folder: Path) -> None:
    printed = [run("ca"), run("ca", "--json"), run("ca", "--pem"), run("ca", "--pem", "--json")]
    key = (folder / "ca.pem").read_text().partition("PRIVATE KEY-----\n")[2].splitlines()[0]

    assert printed[2].out.encode() == (folder / "ca-certificate.pem").read_bytes() == printed[3].out.encode()
    assert not any(key in done.out + done.err for done in printed)


def test_it_prints_json(folder: Path) -> None:
    shown = run("ca", "--json").json

    assert shown.keys() == {"path", "certificate_file", "fingerprint", "names", "valid_until", "certificate"}
    assert shown["path"] == str(folder / "ca.pem")
    assert shown["certificate_file"] == str(folder / "ca-certificate.pem")
    assert shown["certificate"].encode() == Authority.open(folder / "ca.pem").certificate
    assert shown["valid_until"].endswith("Z")


def test_it_shows_the_ca_of_an_option_or_of_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        run("--tls-ca", str(tmp_path / "a.pem"), "ca", "--json"),
        run("ca", "--tls-ca", str(tmp_path / "b.pem"), "--json"),
    ]
    monkeypatch.setenv("FLARESEND_MOCK_TLS_CA", str(tmp_path / "c.pem"))
    made.append(run("ca", "--json"))

    assert [done.json["path"] for done in made] == [str(tmp_path / f"{name}.pem") for name in "abc"]
    assert (
        run("--tls-name", "wa.test", "ca", "--tls-ca", str(tmp_path / "d.pem"), "--json").json["names"][-3] == "wa.test"
    )


def test_it_says_how_to_save_the_certificate_of_a_ca_of_the_user(tmp_path: Path) -> None:
    Authority.open(tmp_path / "own.pem")
    certificate_file(tmp_path / "own.pem").unlink()

    lines = run("ca", "--tls-ca", str(tmp_path / "own.pem")).lines

    assert lines[4] == "Certificate   flaresend-mock-ca.pem"
    assert lines[5].endswith(f"flaresend-mock ca --tls-ca {tmp_path / 'own.pem'} --pem > flaresend-mock-ca.pem")
    assert "export NODE_EXTRA_CA_CERTS=flaresend-mock-ca.pem" in lines[8]


def test_it_shows_the_ca_of_a_running_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with FlaresendMock(tls_ca=str(tmp_path / "there.pem"), control_token="secret") as emulator:
        lines = at(emulator, "ca").lines
        pem = at(emulator, "ca", "--pem").out
        monkeypatch.setenv("FLARESEND_MOCK_URL", emulator.url)
        by_variable = run("ca", "--json").json

    assert lines[0] == f"CA            {emulator.url}"
    assert lines[5].endswith(f"flaresend-mock ca --url {emulator.url} --pem > flaresend-mock-ca.pem")
    assert pem == by_variable["certificate"]
    assert pem.encode() == certificate_file(tmp_path / "there.pem").read_bytes()
    assert (by_variable["path"], by_variable["certificate_file"]) == (None, None)
    assert not folder.exists()


def test_the_ca_of_an_emulator_that_is_not_trusted_yet_is_asked_for_over_http(tmp_path: Path) -> None:
    with FlaresendMock(tls_ca=str(tmp_path / "there.pem")) as emulator:
        run("ca", "--url", emulator.url.replace("http:", "https:")).failed("it speaks http on the same port")


@pytest.mark.parametrize(
    "body", [b"", b"{}", STEERING.encode(), b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"]
)
def test_another_server_has_no_ca(body: bytes) -> None:
    with Scripted([answered(body)]) as other:
        run("ca", "--url", other.url).failed("is not a flaresend-mock emulator")


@pytest.mark.parametrize("arguments", [(), ("--pem",), ("--json",)])
def test_a_ca_that_cannot_be_used_or_kept_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    run("ca", "--tls-ca", str(tmp_path), *arguments).failed(f"the CA {tmp_path} cannot be read: Is a directory", 2)
    (tmp_path / "not a CA").touch()
    run("ca", "--tls-ca", str(tmp_path / "not a CA"), *arguments).failed("has no certificate", 2)
    monkeypatch.setattr(tls, "data_folder", lambda: tmp_path / "not a CA" / "folder")
    run("ca", *arguments).failed("not a CA/folder/ca.pem cannot be read: Not a directory", 2)
    monkeypatch.setattr(tls, "data_folder", lambda: None)
    run("ca", *arguments).failed("this user has no folder for a CA; choose a file for one with --tls-ca", 2)


@pytest.mark.slow
def test_an_emulator_with_a_ca_that_cannot_be_used_does_not_start(tmp_path: Path) -> None:
    command = [*COMMAND, "--port", "0", "--tls-ca", str(tmp_path)]
    done = subprocess.run(command, env=CLEAN, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"flaresend-mock: the CA {tmp_path} cannot be read: Is a directory\n"


def test_the_documentation_has_every_command() -> None:
    for runtime, command in TRUST.items():
        assert f"| {runtime} | `{command.format(file='FILE')}` |" in DOCUMENT
