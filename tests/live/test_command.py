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
from flaresend_mock.server import CannotStart
from flaresend_mock.settings import Settings
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.version import __version__
from tests.live.commands import CLEAN, COMMAND, Done, Scripted, at, run
from tests.support import REPOSITORY


@dataclass
class Running:
    process: subprocess.Popen[str]
    greeting: list[str]
    url: str


class Starter:
    """Starts commands and sees to it that none outlives its test."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str, on_hangup: signal.Handlers = signal.SIG_DFL, **variables: str) -> Running:
        """Start a process, which gets its way with SIGHUP: with nohup, these tests ignore it."""
        process = subprocess.Popen(
            [*COMMAND, "--port", "0", *arguments],
            env={**CLEAN, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, on_hangup),
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stderr is not None
        in_json = "json" in arguments
        greeting = [process.stderr.readline()] if in_json else [process.stdout.readline() for _ in range(3)]
        found = re.search(r"http://[^\s\"]+", greeting[0])
        assert found, greeting
        return Running(process, greeting, found[0])


@pytest.fixture
def start() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    for process in starter.processes:
        process.kill()
        process.communicate()


def refused(*arguments: str) -> str:
    """Run a command that must be refused, and return what it said."""
    done = run(*arguments)
    done.failed("", 2)
    return done.err


def refused_by_process(*arguments: str) -> str:
    """Run a command, in a process of its own, that must be refused when it starts to serve."""
    done = subprocess.run([*COMMAND, *arguments], env=CLEAN, capture_output=True, text=True, timeout=30)
    Done(done.returncode, done.stdout, done.stderr).failed("", 2)
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
    response = json.loads(subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout)
    assert response["message"] == "Message sending completed: 1 successful, 0 failed"
    log = end(running, signal.SIGTERM)
    assert "POST /send-message 200" in log
    assert "it's-secret" not in log


def test_it_greets_with_its_second_port(start: Starter, tmp_path: Path) -> None:
    running = start("--tls-port", "0", "--tls-ca", str(tmp_path / "ca.pem"))

    found = re.search(r"also listens on port (\d+)", "".join(running.greeting))
    assert found
    assert not running.url.endswith(f":{found[1]}")
    assert requests.get(f"http://127.0.0.1:{found[1]}/_mock/health", timeout=20).ok


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_status_0_and_the_requests_in_flight_finished(
    start: Starter, how: signal.Signals
) -> None:
    running = start()
    slow = {"recipients": ["999000408"], "type": "text", "text": "keeps its caller waiting"}

    with ThreadPoolExecutor() as pool, closing(Flaresend(running.url, "YOUR_API_KEY")) as kit:
        url = f"{kit.url}/send-message"
        response = pool.submit(requests.post, url, json=slow, headers=kit.headers, timeout=20)
        kit.expect_message(within=20)
        end(running, how)

    assert response.result().status_code == 200


@pytest.mark.slow
def test_the_end_of_its_terminal_keeps_the_export_and_nohup_keeps_it_running(start: Starter, tmp_path: Path) -> None:
    ignored = start("--export-on-exit", str(tmp_path / "world.json"), on_hangup=signal.SIG_IGN)
    ignored.process.send_signal(signal.SIGHUP)
    assert requests.get(f"{ignored.url}/_mock/health", timeout=20).ok
    ended = start("--export-on-exit", str(tmp_path / "other.json"))

    end(ended, signal.SIGHUP)

    assert (tmp_path / "other.json").exists()
    assert not (tmp_path / "world.json").exists()


@pytest.mark.slow
def test_many_signals_at_once_end_it_all_the_same(start: Starter) -> None:
    running = start()
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        running.process.send_signal(how)

    end(running, signal.SIGTERM)


def test_the_end_of_its_input_ends_it_if_it_is_told_so(start: Starter) -> None:
    tied, free = start("--stop-with-stdin"), start()
    for running in (tied, free):
        assert running.process.stdin
        running.process.stdin.write("read, and not heeded")
        running.process.stdin.close()
        running.process.stdin = None

    _, log = tied.process.communicate(timeout=20)

    assert tied.process.returncode == 0, log
    assert requests.get(f"{free.url}/_mock/health", timeout=20).ok


def test_it_prints_helpers_for_tests_in_other_languages() -> None:
    names = [line.split() for line in run("helper").lines]

    assert ["node", "flaresend.mjs"] in names
    for name, _ in names:
        found = run("helper", name)
        assert found.status == 0
        assert f"flaresend-mock {__version__}: " in "".join(found.out.splitlines()[:3])
        assert "{{" not in found.out
    assert all(name in refused("helper", "cobol") for name, _ in names)


def test_health_survives_an_odd_address_and_an_odd_server() -> None:
    for url in ("http://127.0.0.1:abc", "http://a b/"):
        run("health", "--url", url).failed("is not ready")
    with Scripted([b"garbage\r\n\r\n"]) as odd:
        run("health", "--url", odd.url).failed("is not ready")


def test_keys_never_appear_in_the_log_which_is_json_on_request_one_object_a_line(start: Starter) -> None:
    running = start("--api-key", "s3cret-key", "--log-level", "debug", "--log-format", "json")
    for key in ("s3cret-key", "an0ther-key"):
        requests.get(f"{running.url}/groups", headers={"Authorization": f"Bearer {key}"}, timeout=20)

    log = running.greeting[0] + end(running, signal.SIGTERM)

    entries = [json.loads(line) for line in log.splitlines()]
    told = [entry["message"] for entry in entries if entry["level"] == "info"]
    assert told[1:] == ["GET /groups 200", "GET /groups 401"]
    assert running.url in told[0]
    assert "s3cret" not in log
    assert "an0ther" not in log


@pytest.mark.parametrize("wrong", [["--port", "x"], ["--world", "nowhere.json"], ["--no-such-option"]])
def test_what_prevents_a_start_is_json_if_the_log_is(wrong: list[str]) -> None:
    arguments = [*COMMAND, *wrong, "--log-format=JSON"]

    done = subprocess.run(arguments, env=CLEAN, capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stdout) == (2, "")
    assert [json.loads(line)["level"] for line in done.stderr.splitlines()] == ["error"]


def test_a_flag_comes_before_its_variable_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("flaresend_mock.cli.serve", served.append)

    monkeypatch.setenv("FLARESEND_MOCK_API_KEY", "from-variable")
    run()
    run("--api-key", "from-flag")
    monkeypatch.setenv("FLARESEND_MOCK_API_KEY", "")
    run()

    keys = [FlaresendMock(settings).api_key for settings in served]
    assert keys == ["from-variable", "from-flag", "YOUR_API_KEY"]


@pytest.mark.slow
def test_a_busy_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = refused_by_process("--port", str(port))

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
        (["--api-key", "two words"], "--api-key: the given value is not"),
        (["--prot", "1"], "No such option '--prot'"),
        (["--port"], "requires an argument"),
        (["serve"], "No such command 'serve'"),
    ],
)
def test_a_bad_option_is_one_clear_line(arguments: list[str], expected: str) -> None:
    assert expected in refused(*arguments)


CANNOT_SERVE = [
    ("world", "nowhere.json", "nowhere.json: No such file or directory"),
    ("world", "nowhere", "shipped: default, demo"),
    ("world", '{"instances": [{"number": 5}]}', "world: instances[0].number: Expected `str`, got `int`."),
    ("world", ' {"instances":', "world: line 1 column 15: Expecting value"),
    ("world", '{"instance": []}', "world: the file: 'instance' is not known"),
    ("webhook_ca", "/nowhere.pem", "webhook_ca: /nowhere.pem: No such file or directory"),
    ("webhook_ca", "/", "webhook_ca: /: Is a directory"),
    ("webhook_ca", str(REPOSITORY / "README.md"), "README.md: A certificate in PEM is expected here"),
    ("host", "no.such.host.invalid", "cannot listen on no.such.host.invalid"),
]


@pytest.mark.parametrize(("name", "value", "expected"), CANNOT_SERVE)
def test_an_emulator_that_cannot_serve_says_why(name: str, value: str, expected: str) -> None:
    with pytest.raises(CannotStart) as refusal:
        FlaresendMock(**{name: value}).start()

    assert expected in str(refusal.value)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value", "expected"), CANNOT_SERVE)
def test_a_command_that_cannot_serve_says_why_in_one_clear_line(name: str, value: str, expected: str) -> None:
    assert expected in refused_by_process(f"--{name.replace('_', '-')}", value)


def test_a_bad_variable_is_one_clear_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLARESEND_MOCK_STRICT", "maybe")

    assert "FLARESEND_MOCK_STRICT: 'maybe' is not true or false" in refused()


@pytest.mark.slow
def test_a_bad_world_file_is_one_line_that_names_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text('{"version": 1, "instances": [{"id": "x"}]}')

    assert f"{file}: instances[0].id: 'x' does not look like" in refused_by_process("--world", str(file))


def test_help_documents_every_option_with_its_variable() -> None:
    text = run("--help").out

    for option in ("host", "port", "world", "seed", "time-zone", "api-key", "strict", "max-body-size", "history"):
        assert f"--{option}" in text
        assert "FLARESEND_MOCK_" + option.upper().replace("-", "_") in " ".join(text.split())


def test_health_asks_at_the_port_that_is_set(flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    port = flaresend.url.rpartition(":")[2]

    by_flag = run("--port", port, "health")
    monkeypatch.setenv("FLARESEND_MOCK_PORT", port)
    by_variable = run("health")

    assert (by_flag.status, by_variable.status) == (0, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_the_url_file_leads_commands_to_the_emulator_while_it_runs(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "url"
    monkeypatch.setenv("FLARESEND_MOCK_URL_FILE", str(file))
    with FlaresendMock(host=host, url_file=str(file)) as flaresend:
        assert file.read_text() == flaresend.url
        found = run("clock", "--json")
        health = subprocess.run(
            [sys.executable, "-X", "importtime", *COMMAND[1:], "health"],
            env={**CLEAN, "FLARESEND_MOCK_URL_FILE": str(file)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert found.json["time_zone"] == "UTC"
    assert (health.returncode, json.loads(health.stdout)["status"]) == (0, "ok")
    modules = {line.rpartition("|")[2].strip() for line in health.stderr.splitlines()}
    assert "_socket" in modules
    assert not {"click", "enum", "json", "typing", "flaresend_mock.cli"} & modules  # it runs every few seconds
    assert not file.exists()


def test_health_says_what_is_wrong_with_the_emulator_of_the_url_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    other, escape = b'{"hello":"world"}', b'{"status":"ok"}\x1b[31m'  # which a terminal would obey
    for status, body in ((b"503", b'{"status":"starting"}'), (b"200", other), (b"200", escape)):
        reply = b"HTTP/1.1 %b X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
        with Scripted([reply, reply]) as odd:
            file.write_text(odd.url)
            done = subprocess.run(
                [*COMMAND, "health"],
                env={**CLEAN, "FLARESEND_MOCK_URL_FILE": str(file)},
                capture_output=True,
                text=True,
                timeout=30,
            )
        Done(done.returncode, done.stdout, done.stderr).failed(f"{odd.url} is not ready")


def test_an_emulator_serves_without_a_url_file_that_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FlaresendMock(url_file=str(tmp_path / "missing" / "url")) as flaresend:
        assert requests.get(f"{flaresend.url}/_mock/health", timeout=20).ok

    assert "No such file or directory" in caplog.text


def test_a_url_file_is_deleted_by_the_emulator_that_wrote_it_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = FlaresendMock(url_file="url").start()
    with FlaresendMock(url_file="url") as second:
        monkeypatch.chdir("/")
        first.stop()
        assert (tmp_path / "url").read_text() == second.url

    assert list(tmp_path.iterdir()) == []


def test_a_url_file_never_replaces_a_device_or_a_pipe(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with FlaresendMock(url_file=str(pipe)):
        assert pipe.is_fifo()

    assert pipe.is_fifo()
    assert f"url_file: {pipe}: not a regular file" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--world", b"\xff"], {}, "--world: the given value is not text in UTF-8"),
        ([], {"FLARESEND_MOCK_WEBHOOK_SECRET": b"\xff"}, "FLARESEND_MOCK_WEBHOOK_SECRET: the given value is not text"),
        (["messages", "--to", b"\xff"], {}, "an argument is not text in UTF-8"),
        ([b"\xff"], {}, "No such command"),
        (["health"], {"FLARESEND_MOCK_URL": b"http://\xff"}, "is not an http URL"),
    ],
)
def test_bytes_that_are_no_text_are_one_clear_line(
    arguments: list[str | bytes], variables: dict[str, bytes], said: str
) -> None:
    environment = {os.fsencode(name): os.fsencode(value) for name, value in {**CLEAN, **variables}.items()}
    done = subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, b"")
    assert said.encode() in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://127.0.0.1:-1", "http://a\0b:5", "x", ""])
def test_health_survives_an_odd_url_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(url)
    done = subprocess.run(
        [*COMMAND, "health"],
        env={**CLEAN, "FLARESEND_MOCK_URL_FILE": str(file), "FLARESEND_MOCK_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1


def test_an_interrupt_while_it_imports_ends_it_without_a_traceback() -> None:
    interrupted = """
import os, signal, sys
from flaresend_mock.__main__ import main

class Interrupt:
    def find_spec(self, name, *_):
        if name == "flaresend_mock.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
    done = subprocess.run([sys.executable, "-c", interrupted], env=CLEAN, capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_health_tells_by_its_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with FlaresendMock() as flaresend:
        up = at(flaresend, "health")
    monkeypatch.setenv("FLARESEND_MOCK_URL", flaresend.url)
    down = run("health")

    assert (up.status, up.json["status"]) == (0, "ok")
    assert down.status == 1
