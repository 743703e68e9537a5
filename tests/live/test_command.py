"""The command, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend

COMMAND = [sys.executable, "-m", "flaresend_mock"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FLARESEND_MOCK_")}


@dataclass
class Running:
    process: subprocess.Popen[str]
    greeting: list[str]
    url: str


class Starter:
    """Starts commands and sees to it that none outlives its test."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str, **variables: str) -> Running:
        process = subprocess.Popen(
            [*COMMAND, "--port", "0", *arguments],
            env={**CLEAN, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        greeting = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"http://\S+", greeting[0])
        assert found, greeting
        return Running(process, greeting, found[0])


@pytest.fixture
def start() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    for process in starter.processes:
        process.kill()
        process.communicate()


def refused(*arguments: str, **variables: str) -> str:
    """Run a command that must be refused, and return what it said."""
    done = subprocess.run(
        [*COMMAND, *arguments], env={**CLEAN, **variables}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def end(running: Running, how: signal.Signals) -> str:
    running.process.send_signal(how)
    _, log = running.process.communicate(timeout=20)
    assert running.process.returncode == 0, log
    return log


def test_it_greets_with_its_address_its_key_and_a_curl_line_that_works(start: Starter) -> None:
    running = start("--api-key", "it's-secret")

    assert running.url in running.greeting[0]
    assert running.greeting[1] == "API key: it's-secret\n"
    line = running.greeting[2].removeprefix("Try it: ")
    answer = json.loads(subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout)
    assert answer["message"] == "Message sending completed: 1 successful, 0 failed"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0_and_the_requests_in_flight_finished(
    start: Starter, how: signal.Signals
) -> None:
    running = start()
    slow = {"recipients": ["999000408"], "type": "text", "text": "keeps its caller waiting for 5 s"}

    with ThreadPoolExecutor() as pool, closing(Flaresend(running.url, "YOUR_API_KEY")) as kit:
        url = f"{kit.url}/send-message"
        answer = pool.submit(requests.post, url, json=slow, headers=kit.headers, timeout=20)
        kit.expect_message(within=20)
        end(running, how)

    assert answer.result().status_code == 200


def test_many_signals_at_once_end_it_all_the_same(start: Starter) -> None:
    running = start()
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        running.process.send_signal(how)

    end(running, signal.SIGTERM)


@pytest.mark.parametrize(
    "line", [b"GET http://[::1/groups HTTP/1.1", b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000]
)
def test_what_the_parser_stumbles_over_gets_400(flaresend: FlaresendMock, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(flaresend.url.rpartition(":")[2]))) as raw:
        raw.sendall(line + b"\r\nHost: x\r\n\r\n")

        assert raw.recv(10_000).split()[1] == b"400"


def test_health_survives_an_odd_address_and_an_odd_server(start: Starter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:
        for url in ("http://127.0.0.1:abc", "http://a b/", f"http://127.0.0.1:{odd.getsockname()[1]}"):
            asking = subprocess.Popen(
                [*COMMAND, "health", "--url", url],
                env=CLEAN,
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            if url.endswith(str(odd.getsockname()[1])):
                connection, _ = odd.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"garbage\r\n\r\n")
            _, said = asking.communicate(timeout=20)
            assert asking.returncode == 1
            assert len(said.splitlines()) == 1, said


def test_keys_never_appear_in_the_log(start: Starter) -> None:
    running = start("--api-key", "s3cret-key", "--log-level", "debug")
    for key in ("s3cret-key", "an0ther-key"):
        requests.get(f"{running.url}/groups", headers={"Authorization": f"Bearer {key}"}, timeout=5)

    log = end(running, signal.SIGTERM)

    assert "GET /groups 200" in log
    assert "GET /groups 401" in log
    assert "s3cret" not in log
    assert "an0ther" not in log


def test_the_log_is_json_on_request_one_object_a_line(start: Starter) -> None:
    running = start("--log-format", "json")
    requests.get(f"{running.url}/nowhere", timeout=5)

    (entry,) = [json.loads(line) for line in end(running, signal.SIGTERM).splitlines()]

    assert entry["level"] == "info"
    assert entry["message"] == "GET /nowhere 404"


def test_what_no_application_sees_is_refused_as_json_too(start: Starter) -> None:
    running = start()
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as raw:
        raw.sendall(b"GET /\x1b[31m\xe9 HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(10_000), b""))

    assert answer.startswith(b"HTTP/1.0 400 ")
    assert answer.endswith(b'{"success":false,"message":"Bad Request"}')


def test_a_flag_comes_before_its_variable_and_that_before_the_default(start: Starter) -> None:
    by_variable = start(FLARESEND_MOCK_API_KEY="from-variable")
    by_flag = start("--api-key", "from-flag", FLARESEND_MOCK_API_KEY="from-variable")
    by_default = start(FLARESEND_MOCK_API_KEY="")

    keys = [running.greeting[1].split()[-1] for running in (by_variable, by_flag, by_default)]
    assert keys == ["from-variable", "from-flag", "YOUR_API_KEY"]


def test_a_busy_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = refused("--port", str(port))

    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "eighty"], "--port: 'eighty' is not a whole number from 0 to 65535"),
        (["--port", "65536"], "--port: '65536' is not"),
        (["--seed", "1.5"], "--seed: '1.5' is not"),
        (["--time-zone", "Mars/Olympus"], "--time-zone: 'Mars/Olympus' is not a time zone"),
        (["--max-body-size", "lots"], "--max-body-size: 'lots' is not a size"),
        (["--history", "0"], "--history: '0' is not"),
        (["--log-format", "xml"], "--log-format: 'xml' is not one of text, json"),
        (["--api-key", "two words"], "--api-key: what is given is not"),
        (["--prot", "1"], "No such option '--prot'"),
        (["--port"], "requires an argument"),
        (["serve"], "No such command 'serve'"),
        (["--world", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["--world", "nowhere"], "shipped: default, demo"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
    ],
)
def test_a_bad_option_is_one_clear_line(arguments: list[str], expected: str) -> None:
    assert expected in refused(*arguments)


def test_a_bad_variable_is_one_clear_line_that_names_it() -> None:
    said = refused(FLARESEND_MOCK_STRICT="maybe")

    assert "FLARESEND_MOCK_STRICT: 'maybe' is not true or false" in said


def test_a_bad_world_file_is_one_line_that_names_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text('{"version": 1, "instances": [{"id": "x"}]}')

    assert f"{file}: instances[0].id: 'x' does not look like" in refused("--world", str(file))


def test_help_documents_every_option_with_its_variable() -> None:
    text = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True).stdout

    for option in (
        "host",
        "port",
        "world",
        "seed",
        "time-zone",
        "api-key",
        "strict",
        "max-body-size",
        "history",
    ):
        assert f"--{option}" in text
        assert "FLARESEND_MOCK_" + option.upper().replace("-", "_") in " ".join(text.split())


def test_health_asks_at_the_port_that_is_set(start: Starter) -> None:
    port = start().url.rpartition(":")[2]

    by_flag = subprocess.run([*COMMAND, "--port", port, "health"], env=CLEAN, capture_output=True)
    by_variable = subprocess.run(
        [*COMMAND, "health"], env={**CLEAN, "FLARESEND_MOCK_PORT": port}, capture_output=True
    )

    assert (by_flag.returncode, by_variable.returncode) == (0, 0)


def test_what_is_far_too_large_is_refused_by_the_server_itself_in_the_same_words(start: Starter) -> None:
    running = start("--max-body-size", "1KiB")
    for path, expected in (
        ("/send-message", {"success": False, "message": "Request body too large"}),
        (
            "/_mock/clock",
            {"error": {"code": "request_entity_too_large", "message": "Request body too large"}},
        ),
    ):
        with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as raw:
            raw.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 800000000\r\n\r\n".encode())
            answer = b"".join(iter(lambda: raw.recv(10_000), b""))

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == expected


def test_those_who_wait_keep_nobody_else_waiting(start: Starter) -> None:
    running = start("--threads", "2")
    slow = {"recipients": ["999000408"], "type": "text", "text": "x"}
    key = {"Authorization": "Bearer YOUR_API_KEY"}

    with ThreadPoolExecutor(8) as pool:
        waiting = [
            pool.submit(requests.post, f"{running.url}/send-message", json=slow, headers=key, timeout=20)
            for _ in range(8)
        ]
        while len(requests.get(f"{running.url}/_mock/messages", timeout=3).json()["messages"]) < 8:
            pass
        assert not any(answer.done() for answer in waiting)
        end(running, signal.SIGTERM)

    assert {answer.result().status_code for answer in waiting} == {200}


def test_health_tells_by_its_exit_status(start: Starter) -> None:
    running = start()

    up = subprocess.run([*COMMAND, "health", "--url", running.url], capture_output=True, text=True)
    end(running, signal.SIGTERM)
    down = subprocess.run(
        [*COMMAND, "health"], env={**CLEAN, "FLARESEND_MOCK_URL": running.url}, capture_output=True
    )

    assert up.returncode == 0
    assert json.loads(up.stdout)["status"] == "ok"
    assert down.returncode == 1
