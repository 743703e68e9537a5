"""Programs with the host hard-coded, in each runtime: they send, upload, receive over https and download media."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock
from tests.live.commands import CLEAN, COMMAND, control
from tests.redirection.test_run import end
from tests.support import REPOSITORY

PROGRAMS = Path(__file__).parent / "programs"
GUZZLE = Path("/usr/share/php/GuzzleHttp/autoload.php")
NODE_FOLDER = os.environ.get("NODE_FOLDER", "")
"""The folder in which .ci/run has installed axios."""
INBOUND = {"from": "254712345678", "type": "image", "media": {"sample": "jpeg"}}


def has(*programs: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(one) for one in programs)


def has_php_curl() -> bool:
    return has("php")() and b"curl" in subprocess.run(["php", "-m"], capture_output=True, check=True).stdout.split()


def has_axios() -> bool:
    return has("node")() and Path(NODE_FOLDER, "node_modules", "axios").is_dir()


RUNTIMES: dict[str, tuple[Callable[[], bool], list[str]]] = {
    **{
        f"node: {client}": (is_here, ["node", f"{PROGRAMS}/client.mjs", "FOLDER", client])
        for client, is_here in {
            "fetch": has("node"),
            "https": has("node"),
            "axios": has_axios,
            "axios-agent": has_axios,
        }.items()
    },
    **{
        f"php: {client}": (is_here, ["php", f"{PROGRAMS}/client.php", "FOLDER", client])
        for client, is_here in {
            "curl": has_php_curl,
            "guzzle": lambda: has_php_curl() and GUZZLE.is_file(),
            "streams": has("php"),
        }.items()
    },
    "java": (has("java", "javac"), ["java", f"{PROGRAMS}/Client.java", "FOLDER"]),
    "go": (has("go"), ["go", "run", f"{PROGRAMS}/client.go", "FOLDER"]),
    "ruby": (has("ruby"), ["ruby", f"{PROGRAMS}/client.rb", "FOLDER"]),
}


@pytest.fixture
def folder(tmp_path: Path, flaresend: FlaresendMock) -> Path:
    """A folder with a certificate of the receiver, signed by the emulator's CA, as PEM and as PKCS12."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    pem = flaresend.authority._sign(["localhost", "127.0.0.1"])
    key = serialization.load_pem_private_key(pem, None)
    certificate, *between = x509.load_pem_x509_certificates(pem)
    encryption = serialization.BestAvailableEncryption(b"changeit")
    (tmp_path / "server.pem").write_bytes(pem)
    (tmp_path / "server.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"server", key, certificate, between, encryption)
    )
    return tmp_path


@pytest.mark.parametrize("client", ["requests", "session", "deaf_session", "urllib", "urllib3", "httpx", "aiohttp"])
def test_a_python_program(client: str, flaresend: FlaresendMock, folder: Path) -> None:
    if client in ("httpx", "aiohttp") and find_spec(client) is None:
        pytest.skip(f"{client} is missing")
    check([sys.executable, f"{PROGRAMS}/client.py", "FOLDER", client], flaresend, folder)


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_program_in(runtime: str, flaresend: FlaresendMock, folder: Path) -> None:
    is_here, command = RUNTIMES[runtime]
    if not is_here():
        pytest.skip(f"{runtime.partition(':')[0]} or a library of it is missing")
    check(command, flaresend, folder)


def check(command: list[str], flaresend: FlaresendMock, folder: Path) -> None:
    """Run a program, send it an event once it listens, and look at what reached the emulator."""
    filled = [str(folder) if part == "FOLDER" else part for part in command]
    process = subprocess.Popen(
        [*COMMAND, "run", "--url", flaresend.url, "--", *filled],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**CLEAN, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        listens = process.stdout.readline()
        assert listens.startswith("PORT "), listens + process.communicate(timeout=60)[1]
        url = f"https://127.0.0.1:{listens.split()[1]}/webhook"
        certificate = flaresend.authority.certificate.decode()
        control(flaresend, "PUT", "/instances/default/webhook", {"url": url, "ca": certificate})
        image = _image(control(flaresend, "POST", "/inbound", INBOUND)["event"])
        assert image["url"] == f"https://api.flaresend.com{image['directPath']}"
        size = len(requests.get(flaresend.url + image["directPath"], timeout=10).content)
        out, err = process.communicate(timeout=60)
    finally:
        end(process)
    assert (process.returncode, out) == (0, f"MEDIA {size}\n"), err
    check_sent(flaresend)


def check_sent(flaresend: FlaresendMock) -> None:
    sent = [one for one in control(flaresend, "GET", "/messages")["messages"] if one["direction"] == "outbound"]
    assert [(one["type"], one["text"]) for one in sent] == [("text", "Hello"), ("document", sent[1]["text"])]
    stored = requests.get(f"{flaresend.url}/_mock/media/{sent[1]['media']}", timeout=10)
    assert stored.content == b"%PDF-1.7 menu"


def _image(event: dict) -> dict[str, str]:
    return event["data"]["message"]["imageMessage"]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_a_script_with_curl(flaresend: FlaresendMock) -> None:
    url = _image(control(flaresend, "POST", "/inbound", INBOUND)["event"])["url"]
    command = [*COMMAND, "run", "--url", flaresend.url, "--", "sh", f"{PROGRAMS}/client.sh", url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=50, env={**CLEAN, "PYTHONPATH": str(REPOSITORY)}
    )
    assert (done.returncode, done.stdout) == (0, f"MEDIA {len(requests.get(url, timeout=10).content)}\n"), done
    check_sent(flaresend)


NODE_MORE = """
import { Worker, isMainThread } from "node:worker_threads";
import { fork } from "node:child_process";
const response = await fetch("https://api.flaresend.com/groups", { headers: { Authorization: "Bearer YOUR_API_KEY" } });
console.log(isMainThread ? process.argv[2] ?? "main" : "worker", response.status);
if (isMainThread && !process.argv[2]) {
  fork(process.argv[1], ["child"]).on("exit", () => new Worker(new URL(import.meta.url)));
}
"""
HERMETIC = {
    "node": """fetch("https://other.example").catch((error) => console.log(error.cause.message))""",
    "ruby": """require "net/http"
begin
  Net::HTTP.get(URI("https://other.example"))
rescue StandardError => error
  puts error.message
end""",
    "php": """<?php
$context = stream_context_create(['http' => ['method' => 'GET']]);
file_get_contents('https://other.example', false, $context);
echo error_get_last()['message'];""",
}
ENDINGS = {"node": "mjs", "ruby": "rb", "php": "php"}


def program(runtime: str, text: str, tmp_path: Path, flaresend: FlaresendMock, *options: str, **variables: str) -> str:
    """Run a program, and return what it prints."""
    if not shutil.which(runtime):
        pytest.skip(f"{runtime} is missing")
    file = tmp_path / f"program.{ENDINGS[runtime]}"
    file.write_text(text)
    command = [*COMMAND, "run", "--url", flaresend.url, *options, "--", runtime, str(file)]
    environment = {**CLEAN, "PYTHONPATH": str(REPOSITORY), **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment).stdout


@pytest.mark.slow
def test_threads_and_children_of_node_reach_the_emulator(tmp_path: Path, flaresend: FlaresendMock) -> None:
    assert program("node", NODE_MORE, tmp_path, flaresend).splitlines() == ["main 200", "child 200", "worker 200"]


@pytest.mark.slow
@pytest.mark.parametrize("runtime", HERMETIC)
def test_a_hermetic_run_refuses_other_hosts_of(runtime: str, tmp_path: Path, flaresend: FlaresendMock) -> None:
    found = program(runtime, HERMETIC[runtime], tmp_path, flaresend, "--hermetic")

    assert re.search("refuses calls of other hosts|403|Failed to open", found), found


@pytest.mark.slow
def test_other_programs_for_php_see_no_change(tmp_path: Path, flaresend: FlaresendMock) -> None:
    """What the ini files name as auto_prepend_file and disable_functions, headers, options and errors stay."""
    (tmp_path / "theirs.php").write_text("<?php const THEIRS = 'theirs';")
    (tmp_path / "theirs.ini").write_text(f"auto_prepend_file={tmp_path}/theirs.php\ndisable_functions=passthru\n")
    text = """<?php
echo THEIRS, ' ', var_export(function_exists('passthru'), true), ' ';
$context = stream_context_create(['http' => ['ignore_errors' => true]], ['notification' => fn () => null]);
echo json_encode(stream_context_get_options($context)['http']['ignore_errors']), ' ';
echo json_encode(array_keys(stream_context_get_params($context))), ' ';
file_get_contents('%s/_mock/nothing', false, $context);
echo $http_response_header[0], ' ';
try { stream_context_create(['http' => 1]); } catch (ValueError $error) { echo get_class($error); }
""".replace("%s", flaresend.url)
    found = program("php", text, tmp_path, flaresend, PHP_INI_SCAN_DIR=f":{tmp_path}")

    expected = 'theirs false true ["notification","options"] HTTP/1.1 404 Not Found ValueError'
    assert found == expected
