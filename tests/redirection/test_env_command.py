"""flaresend-mock env: the variables, in the format of their reader."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.live.commands import at, run


def test_a_shell_takes_the_exports(flaresend: FlaresendMock, tmp_path: Path) -> None:
    folder = tmp_path / "it's a $folder"
    done = at(flaresend, "env", "--folder", str(folder))

    script = f'{done.out}\nprintf "%s\\n" "$HTTPS_PROXY" "$SSL_CERT_FILE" "$NODE_OPTIONS" "$FLARESEND_MOCK_URL"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()

    assert (done.status, done.err) == (0, "")
    assert shown[0] == shown[3] == flaresend.url
    assert shown[1] == str(folder / "bundle.pem")
    assert shown[2].endswith(f'--require "{folder}/node.cjs"')
    assert (folder / "ca.pem").read_bytes() == flaresend.authority.certificate


def test_json_and_dotenv_have_the_same_variables(flaresend: FlaresendMock, tmp_path: Path) -> None:
    found = json.loads(at(flaresend, "env", "--folder", str(tmp_path), "--format", "json").out)
    dotenv = at(flaresend, "env", "--folder", str(tmp_path), "--format", "dotenv").lines

    assert found["HTTPS_PROXY"] == flaresend.url
    assert dotenv == [f"{name}={value}" for name, value in found.items()]


def test_dotenv_quotes_what_its_readers_would_change(flaresend: FlaresendMock, tmp_path: Path) -> None:
    lines = at(flaresend, "env", "--folder", str(tmp_path / "a #b"), "--format", "dotenv").lines
    other = at(flaresend, "env", "--folder", str(tmp_path / "it's $1"), "--format", "dotenv").lines

    assert f"SSL_CERT_FILE='{tmp_path}/a #b/bundle.pem'" in lines
    assert f'SSL_CERT_FILE="{tmp_path}/it\'s \\$1/bundle.pem"' in other


def test_compose_gets_the_address_of_the_network_and_the_folder(flaresend: FlaresendMock, tmp_path: Path) -> None:
    options = ["--format", "compose", "--folder", str(tmp_path), "--proxy", "http://flaresend:3577"]
    lines = at(flaresend, "env", *options).lines

    assert lines[0] == "environment:"
    assert '  HTTPS_PROXY: "http://flaresend:3577"' in lines
    assert '  NO_PROXY: "localhost,127.0.0.1,::1,flaresend"' in lines
    assert f'  PYTHONPATH: "{tmp_path}/python"' in lines
    assert lines[-2:] == ["volumes:", f'  - "{tmp_path}:{tmp_path}:ro"']


def test_compose_with_a_local_address_says_that_containers_do_not_reach_it(
    flaresend: FlaresendMock, tmp_path: Path
) -> None:
    done = at(flaresend, "env", "--format", "compose", "--folder", str(tmp_path))

    assert done.status == 0
    assert f"containers do not reach {flaresend.url}; name their address of the emulator" in done.err


def test_the_files_stay_where_they_are(flaresend: FlaresendMock) -> None:
    first, second = (json.loads(at(flaresend, "env", "--format", "json").out) for _ in range(2))

    assert first["SSL_CERT_FILE"] == second["SSL_CERT_FILE"]
    assert Path(first["SSL_CERT_FILE"]).is_file()


def test_without_an_emulator_the_ca_is_that_of_the_next_one(tmp_path: Path) -> None:
    done = run("--port", "1", "--tls-ca", str(tmp_path / "ca.pem"), "env", "--folder", str(tmp_path / "files"))

    assert done.status == 0
    assert done.err == "flaresend-mock: no emulator runs at http://127.0.0.1:1 yet\n"
    assert (tmp_path / "files" / "ca.pem").read_bytes() in (tmp_path / "ca.pem").read_bytes()


def test_an_unknown_format_is_refused() -> None:
    run("env", "--format", "yaml").failed("'yaml' is not one of", status=2)


@pytest.mark.parametrize("proxy", ["flaresend:3577", "ftp://flaresend", ""])
def test_a_proxy_that_is_no_url_is_refused(proxy: str) -> None:
    run("env", "--proxy", proxy).failed("is not an http or https URL", status=2)


def test_a_folder_that_cannot_be_written_is_refused(flaresend: FlaresendMock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    at(flaresend, "env", "--folder", str(tmp_path / "file" / "folder")).failed("Not a directory")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_curl_reaches_the_emulator_with_these_variables(flaresend: FlaresendMock, tmp_path: Path) -> None:
    script = f"{at(flaresend, 'env', '--folder', str(tmp_path)).out}\ncurl -sS https://api.flaresend.com/groups"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == {"success": False, "error": "Authorization header required"}
