"""The page for PHPUnit, and the helper for PHP, in Debian's PHPUnit."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flaresend_mock import FlaresendMock
from tests.guides import CLEAN, PATH, run, text_blocks, without_times, write_files
from tests.support import REPOSITORY

HELPER = REPOSITORY / "flaresend_mock" / "helpers" / "Flaresend.php"
NEEDED_BY_PHPUNIT = ("ctype", "tokenizer", "dom", "xml", "xmlwriter", "mbstring", "phar")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("phpunit") is None, reason="PHPUnit is not installed")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as a reader of the page has it: the examples, and the helper as the command prints it."""
    write_files("phpunit.md", tmp_path)
    printed = run(tmp_path, "flaresend-mock", "helper", "php", PATH=PATH)
    (tmp_path / "tests" / "Flaresend.php").write_text(printed, encoding="utf-8")
    return tmp_path


def test_the_examples_pass_and_delete_their_worlds(folder: Path) -> None:
    assert "OK (5 tests" in run(folder, "phpunit", "tests", PATH=PATH)

    with FlaresendMock(control_token="a-token") as emulator:
        settings = {"FLARESEND_MOCK_URL": f"{emulator.url}/", "FLARESEND_MOCK_CONTROL_TOKEN": "a-token"}
        said = run(folder, "phpunit", "tests", **settings)
        left = [world.name for world in emulator.worlds.all()]
        settings["FLARESEND_MOCK_URL"] = emulator.url.removeprefix("http://")
        short = run(folder, "phpunit", "tests", **settings)
        lost = run(folder, "phpunit", "tests", fails=True, FLARESEND_MOCK_URL=emulator.url)

    with FlaresendMock(tls_ca=str(folder / "ca.pem")) as emulator:
        settings = {"FLARESEND_MOCK_URL": emulator.url.replace("http://", "https://")}
        safe = run(folder, "phpunit", "tests", SSL_CERT_FILE=str(folder / "ca-certificate.pem"), **settings)

    assert "OK (5 tests" in said
    assert "OK (5 tests" in short
    assert "OK (5 tests" in safe
    assert left == ["default"]
    assert "The helper reads it from FLARESEND_MOCK_CONTROL_TOKEN." in lost


def test_the_examples_pass_with_the_host_in_the_code(folder: Path) -> None:
    code = (folder / "Bookings.php").read_text()
    assert "getenv('FLARESEND_URL')" in code
    (folder / "Bookings.php").write_text(code.replace("getenv('FLARESEND_URL')", "'https://api.flaresend.com'"))

    said = run(folder, "flaresend-mock", "run", "--", "phpunit", "tests", PATH=PATH, FLARESEND_MOCK_PORT="0")

    assert "OK (5 tests" in said


def test_a_failure_is_as_the_page_shows_it(folder: Path) -> None:
    first = folder / "tests" / "FirstTest.php"
    expected = "expectMessage(to: '254712345678'"
    assert expected in first.read_text()
    first.write_text(first.read_text().replace(expected, f"{expected}, text: '5 seats are yours.'"))

    said = run(folder, "phpunit", str(first), fails=True, PATH=PATH)

    (shown,) = text_blocks("phpunit.md")
    assert without_times(shown) in without_times(said)
    assert "Failures: 1" in said


def test_the_rest_of_the_helper_works_without_further_extensions(folder: Path) -> None:
    shutil.copy(Path(__file__).parent / "php" / "HelperTest.php", folder / "tests")
    phpunit, tests = str(shutil.which("phpunit")), str(folder / "tests" / "HelperTest.php")

    assert "OK (12 tests" in run(folder, phpunit, tests, PATH=PATH)

    few = [f"-dextension={name}" for name in NEEDED_BY_PHPUNIT]
    said = run(folder, "php", "-n", *few, phpunit, "--filter", "Inbox|Handler|Environment", tests, PATH=PATH)
    assert "OK (5 tests" in said


def test_errors_name_what_is_missing(folder: Path) -> None:
    def error(**variables: str) -> str:
        return run(folder, str(shutil.which("phpunit")), "tests/FirstTest.php", fails=True, **variables)

    assert "Is it on the PATH?" in error(PATH="/usr/bin:/bin")
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert f"The server at {url} cannot be reached: Connection refused." in error(FLARESEND_MOCK_URL=url)
    with FlaresendMock(tls_ca=str(folder / "ca.pem")) as emulator:
        url = emulator.url.replace("http://", "https://")
        said = error(FLARESEND_MOCK_URL=url)
    assert f"The server at {url} cannot be reached: its certificate is not trusted" in said


def test_the_emulator_stops_if_php_is_killed(folder: Path) -> None:
    script = "require 'tests/Flaresend.php'; echo FlaresendMock\\Emulator::url(), PHP_EOL; fgets(STDIN);"
    running = subprocess.Popen(
        ["php", "-r", script],
        cwd=folder,
        env={**CLEAN, "PATH": PATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout
        url = urlsplit(running.stdout.readline().strip())
        with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
            running.kill()
            assert connection.recv(1) == b""  # the emulator closed it


def test_the_helper_is_small() -> None:
    lines = HELPER.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 250
    assert max(map(len, lines)) <= 140
